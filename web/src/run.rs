//! A run of the sampler, one step at a time. Other workers may compute some of a step's rows: `input` says of what, `predict` computes
//! the rest here, and `next` takes the output of all.
//!
//! Tests: `tests/page/helpers.test.mjs`, `tests/page/worker-protocol.test.mjs`.

use std::cell::RefCell;
use std::rc::Rc;

use diffusion::codec::Codec;
use diffusion::{Decoder, Generation, Model, ModelInput, Step};
use js_sys::{Float32Array, Promise, Uint8ClampedArray, Uint32Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::future_to_promise;

use crate::failure::Failure;
use crate::pixels::{previews, rgba};
use web_values::objects::{object, set};

/// The generation, unless a step is using it, or it is over.
enum State {
    Ready(Box<Generation>),
    Stepping,
    Over,
}

/// A drawing under way. It keeps the weights it was started with, whatever becomes of its engine.
#[wasm_bindgen]
pub struct Run {
    total: usize,
    codec: Codec,
    decoder: Decoder,
    raw: bool,
    /// Shared with the step under way, which may outlive this object.
    state: Rc<RefCell<State>>,
}

#[wasm_bindgen]
impl Run {
    /// Number of steps.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> usize {
        self.total
    }

    /// What the next step asks the network; the batch has twice as many rows as pictures, where there is guidance.
    #[wasm_bindgen(unchecked_return_type = "ModelInput | undefined")]
    pub fn input(&self) -> JsValue {
        let State::Ready(generation) = &*self.state.borrow() else { return JsValue::UNDEFINED };
        let Some(ModelInput { sample, timesteps, labels, .. }) = generation.model_input() else {
            return JsValue::UNDEFINED;
        };
        let labels: Vec<u32> = labels.into_iter().map(|label| label as u32).collect();
        object([
            ("sample", Float32Array::from(sample.as_slice()).into()),
            ("labels", Uint32Array::from(labels.as_slice()).into()),
            ("timestep", timesteps[0].into()),
        ])
    }

    /// The network's output for the rows `from..to` of `input`; `undefined` where a run computes elsewhere than on the CPU, is
    /// over, or has no such rows.
    pub fn predict(&self, from: usize, to: usize) -> Option<Vec<f32>> {
        let State::Ready(generation) = &mut *self.state.borrow_mut() else { return None };
        generation.predict_rows(from..to)?.ok()
    }

    /// One denoising step; `undefined` when the run is over. Ask for one step at a time. `output` is the network's for all rows of
    /// `input`; without it, it is computed here.
    #[wasm_bindgen(unchecked_return_type = "Promise<Step | undefined>")]
    pub fn next(
        &self,
        #[wasm_bindgen(unchecked_optional_param_type = "Float32Array")] output: Option<Vec<f32>>,
    ) -> Promise {
        let (codec, decoder, raw) = (self.codec.clone(), self.decoder.clone(), self.raw);
        let state = Rc::clone(&self.state);
        // Taken now, not when the promise gets its turn: a second call must find it gone.
        let taken = state.replace(State::Stepping);
        future_to_promise(async move {
            let mut generation = match taken {
                State::Ready(generation) => generation,
                State::Over => {
                    state.replace(State::Over);
                    return Ok(JsValue::UNDEFINED);
                }
                State::Stepping => {
                    let message = "the step before is still being computed: wait for it before asking for the next";
                    return Err(Failure::Misuse(message).into());
                }
            };
            let step = match output {
                Some(output) => generation.step(output).map(Some),
                None => generation.next_async().await.transpose(),
            };
            let more = matches!(&step, Ok(Some(step)) if step.step < step.total);
            state.replace(if more { State::Ready(generation) } else { State::Over });
            match step.map_err(Failure::from)? {
                Some(step) => Ok(describe(&step, &codec, &decoder, raw).await.map_err(Failure::from)?),
                None => Ok(JsValue::UNDEFINED),
            }
        })
    }
}

impl Run {
    pub(crate) fn new(generation: Generation, model: &Model, raw: bool) -> Self {
        let (codec, decoder) = (model.base().codec(), model.decoder().clone());
        let total = generation.total();
        Self { total, codec, decoder, raw, state: Rc::new(RefCell::new(State::Ready(Box::new(generation)))) }
    }
}

/// A step as JavaScript sees it. The last one's pictures are decoded; to decode those before would cost twice what their steps do.
async fn describe(step: &Step, codec: &Codec, decoder: &Decoder, raw: bool) -> diffusion::Result<JsValue> {
    let picture = async |latents: &[f32], scale: f32| {
        let scaled: Vec<f32> = latents.iter().map(|value| value * scale).collect();
        match step.step == step.total {
            true => decoder.decode_async(&scaled).await,
            false => previews(codec, &scaled),
        }
    };
    let image = picture(&step.sample, step.display_scale).await?;
    // Most samplers end at the picture that they predict: one decoding for both.
    let same = step.display_scale == 1.0 && step.sample == step.pred_original_sample;
    let x0 = if same { image.clone() } else { picture(&step.pred_original_sample, 1.0).await? };
    let pixels = |floats: &[f32]| Uint8ClampedArray::from(rgba(floats, codec).as_slice()).into();
    let described = object([
        ("step", step.step.into()),
        ("total", step.total.into()),
        ("timestep", step.timestep.into()),
        ("image", pixels(&image)),
        ("x0", pixels(&x0)),
    ]);
    if let Some(attention) = &step.attention {
        set(&described, "attention", &Float32Array::from(attention.as_slice()).into());
    }
    if raw {
        let numbers = |floats: &[f32]| Float32Array::from(floats).into();
        let unscaled = if step.display_scale == 1.0 { image } else { picture(&step.sample, 1.0).await? };
        set(&described, "rawImage", &numbers(&unscaled));
        set(&described, "rawX0", &numbers(&x0));
    }
    Ok(described)
}
