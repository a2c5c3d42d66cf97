//! The lead of a run: it says which jobs a step has, and makes a step of their results.
//!
//! Tests: `tests/page/train.test.mjs`; of the run itself, `tests/it/adapter_run.rs`.

use diffusion::adapter::Adapter;
use diffusion::peft::{PeftConfig, write_adapter, write_kohya};
use diffusion::tensors::Precision;
use diffusion::training::{AdapterRun, Job, JobResult, Kept, Pictures, Recipe, Shape, hold_out, usual_share};
use js_sys::{Array, Float32Array, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_values::arguments::{bytes, count, field, floats, list, number, text};
use web_values::objects::object;

use crate::base::Base;
use crate::failure::{Failure, Result};

/// A run of an adapter: parameters, optimizer, how far it is.
#[wasm_bindgen]
pub struct Teacher {
    run: AdapterRun,
    /// The jobs of the step after the next, made while those before were computed.
    ahead: Option<(usize, Vec<Job>)>,
}

#[wasm_bindgen]
impl Teacher {
    /// Begins a run, by the default recipe but for what `options` say.
    pub fn begin(
        base: &Base,
        #[wasm_bindgen(unchecked_param_type = "TeachingPictures")] pictures: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "TeachingOptions")] options: &JsValue,
    ) -> Result<Teacher> {
        let (pictures, held_out) = divided(base, pictures)?;
        let mut recipe = Recipe::from_json(&text(&field(options, "options", "recipe")?, "recipe")?)?;
        if field(options, "options", "steps")?.is_undefined() {
            recipe.steps = Recipe::for_pictures(pictures.len()).steps;
        }
        let init = field(options, "options", "init")?;
        let adapter = match init.is_undefined() {
            true => shape(options)?.adapter(&base.base.state, recipe.seed)?,
            false => base.adapter(&init)?,
        };
        let run = AdapterRun::new(base.base.clone(), &adapter, pictures, held_out, recipe)?;
        Ok(Self { run, ahead: None })
    }

    /// Goes on from a checkpoint, with the pictures of its run.
    pub fn resume(
        base: &Base,
        #[wasm_bindgen(unchecked_param_type = "TeachingPictures")] pictures: &JsValue,
        checkpoint: &[u8],
    ) -> Result<Teacher> {
        let (pictures, held_out) = divided(base, pictures)?;
        Ok(Self { run: AdapterRun::resume(base.base.clone(), pictures, held_out, checkpoint)?, ahead: None })
    }

    /// Steps done.
    #[wasm_bindgen(getter)]
    pub fn step(&self) -> usize {
        self.run.step()
    }

    /// Steps of the whole run.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> usize {
        self.run.total()
    }

    /// Whether pictures are held out, and validated on.
    #[wasm_bindgen(getter, js_name = heldOut)]
    pub fn held_out(&self) -> bool {
        !self.run.validation_jobs().is_empty()
    }

    /// The parameters that the next step's jobs are computed with.
    pub fn parameters(&self) -> Vec<f32> {
        self.run.parameters().to_vec()
    }

    /// Their moving average: what is validated, drawn with and kept.
    pub fn averaged(&self) -> Vec<f32> {
        self.run.averaged().to_vec()
    }

    /// The jobs of the next step; none where the run is over.
    #[wasm_bindgen(unchecked_return_type = "Float32Array[]")]
    pub fn jobs(&mut self) -> JsValue {
        let step = self.run.step();
        let jobs = self.ahead.take().filter(|(of, _)| *of == step).map(|(_, jobs)| jobs);
        posted(jobs.unwrap_or_else(|| self.run.jobs()))
    }

    /// Makes the jobs of the step after the next, which do not depend on what the next one comes to.
    #[wasm_bindgen(js_name = thinkAhead)]
    pub fn think_ahead(&mut self) {
        let step = self.run.step() + 1;
        self.ahead = Some((step, self.run.jobs_of(step)));
    }

    /// Takes a step by the results of all its jobs, in their order.
    #[wasm_bindgen(unchecked_return_type = "StepReport")]
    pub fn advance(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Float32Array[]")] results: &JsValue,
    ) -> Result<JsValue> {
        let mut read = Vec::new();
        for result in list(results, "results")? {
            read.push(JobResult::from_values(&floats(&result, "results")?)?);
        }
        let report = self.run.advance(&read)?;
        Ok(object([("loss", report.loss.into()), ("images", report.images.into())]))
    }

    /// Whether a validation is due.
    pub fn validates(&self) -> bool {
        self.run.validates()
    }

    /// Its jobs, to be computed with `averaged`.
    #[wasm_bindgen(js_name = validationJobs, unchecked_return_type = "Float32Array[]")]
    pub fn validation_jobs(&self) -> JsValue {
        posted(self.run.validation_jobs())
    }

    /// Notes their losses.
    #[wasm_bindgen(unchecked_return_type = "Verdict")]
    pub fn validated(&mut self, losses: &[f32]) -> JsValue {
        let verdict = self.run.validated(losses);
        object([("loss", verdict.loss.into()), ("least", verdict.least.into()), ("stop", verdict.stop.into())])
    }

    /// All that is needed to go on later, see `resume`.
    pub fn checkpoint(&self) -> Result<Vec<u8>> {
        Ok(self.run.checkpoint()?)
    }

    /// The adapter as PEFT's file and configuration: the best one by validation, or the last.
    #[wasm_bindgen(unchecked_return_type = "AdapterFiles")]
    pub fn files(&self, title: &str, best: bool) -> Result<JsValue> {
        files(&self.run.adapter(if best { Kept::Best } else { Kept::Last })?, title)
    }
}

fn files(adapter: &Adapter, title: &str) -> Result<JsValue> {
    let config = PeftConfig::describing(adapter);
    let weights = write_adapter(adapter, &config, title, Precision::F32)?;
    Ok(object([("weights", Uint8Array::from(weights.as_slice()).into()), ("config", config.to_json().into())]))
}

/// An adapter's files as PEFT has them.
#[wasm_bindgen(js_name = toPeft, unchecked_return_type = "AdapterFiles")]
pub fn to_peft(
    base: &Base,
    #[wasm_bindgen(unchecked_param_type = "AdapterFiles")] adapter: &JsValue,
    title: &str,
) -> Result<JsValue> {
    files(&base.adapter(adapter)?, title)
}

/// An adapter's files in the words of kohya's scripts.
#[wasm_bindgen(js_name = toKohya)]
pub fn to_kohya(
    base: &Base,
    #[wasm_bindgen(unchecked_param_type = "AdapterFiles")] adapter: &JsValue,
    title: &str,
) -> Result<Vec<u8>> {
    Ok(write_kohya(&base.adapter(adapter)?, title, Precision::F32)?)
}

/// The adapter to begin with, where none is trained on.
fn shape(options: &JsValue) -> Result<Shape> {
    let given = |name: &str| field(options, "options", name).map(|value| (!value.is_undefined()).then_some(value));
    let mut shape = Shape::default();
    if let Some(rank) = given("rank")? {
        // Scaled alike whatever the rank, so that the learning rate fits all.
        let scaling = shape.alpha / shape.rank as f32;
        shape.rank = count(&rank, "rank")?;
        shape.alpha = scaling * shape.rank as f32;
    }
    if let Some(alpha) = given("alpha")? {
        shape.alpha = number(&alpha, "alpha")? as f32;
    }
    if let Some(targets) = given("targets")? {
        let names = list(&targets, "targets")?;
        shape.targets = names.iter().map(|name| text(name, "targets")).collect::<web_values::arguments::Result<_>>()?;
    }
    Ok(shape)
}

/// Pictures to learn from, and those that are held out: as they are given, or by the trainer's rule.
fn divided(base: &Base, given: &JsValue) -> Result<(Pictures, Option<Pictures>)> {
    if base.base.info.latent_channels.is_some() {
        return Err(Failure::Autoencoder);
    }
    let held_out = field(given, "pictures", "heldOut")?;
    let all = pictures(base, given, "pictures")?;
    if !held_out.is_undefined() {
        let held_out = pictures(base, &held_out, "heldOut")?;
        return Ok((all, (!held_out.is_empty()).then_some(held_out)));
    }
    match usual_share(&all.labels, true) {
        0 => Ok((all, None)),
        count => {
            let (rest, held_out) = hold_out(&all.labels, count, true, 0);
            Ok((picked(&all, &rest), Some(picked(&all, &held_out))))
        }
    }
}

fn pictures(base: &Base, given: &JsValue, name: &str) -> Result<Pictures> {
    let labels = list(&field(given, name, "labels")?, "labels")?;
    // More classes than 16 bits count are more than any base has.
    let class = |label: &JsValue| count(label, "labels").map(|class| u16::try_from(class).unwrap_or(u16::MAX));
    let channels = base.base.info.channels;
    let mut levels = bytes(&field(given, name, "levels")?, "levels")?;
    // What is drawn or photographed is grey; a base of colours learns it as grey in all of them.
    if channels > 1 {
        let area = base.base.info.image_size.pow(2);
        levels = levels.chunks(area).flat_map(|grey| grey.repeat(channels)).collect();
    }
    Ok(Pictures {
        size: base.base.info.image_size,
        channels,
        levels,
        labels: labels.iter().map(class).collect::<web_values::arguments::Result<_>>()?,
    })
}

fn picked(all: &Pictures, indices: &[usize]) -> Pictures {
    let area = all.channels * all.size * all.size;
    let picture = |index: &usize| all.levels.get(index * area..(index + 1) * area).unwrap_or_default();
    Pictures {
        size: all.size,
        channels: all.channels,
        levels: indices.iter().flat_map(picture).copied().collect(),
        labels: indices.iter().map(|index| all.labels[*index]).collect(),
    }
}

fn posted(jobs: Vec<Job>) -> JsValue {
    jobs.iter().map(|job| JsValue::from(Float32Array::from(job.to_values().as_slice()))).collect::<Array>().into()
}
