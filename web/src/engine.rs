//! A loaded model, as JavaScript sees it.

use std::cell::{Cell, RefCell};

use diffusion::adapter::{Adapter, Unused};
use diffusion::error::decimal;
use diffusion::noise::{slerp, starting_noise};
use diffusion::quantize::origin;
use diffusion::unet::webgpu::WebGpu;
use diffusion::{Backend, Model, Turbo};
use js_sys::Array;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_values::arguments::{Argument, MAX_SAFE_INTEGER, bytes, field, number, text, whole, wrong};
use web_values::base::Files;
use web_values::objects::{describe_model_error, object, set};

use crate::convert::{sample_options, scales};
use crate::device::{BackendName, DeviceChoice, NoWebGpu, Reason, Timing};
use crate::failure::{Failure, Result};
use crate::gpu::{self, Checked};
use crate::gpu_adapter;
use crate::hex_sha256;
use crate::run::Run;

/// A loaded model. `free()` gives its memory back; runs that it has started go on without it.
#[wasm_bindgen]
pub struct Engine {
    /// Borrowed only where nothing calls back into JavaScript.
    model: RefCell<Model>,
    backend: Cell<BackendName>,
    reason: RefCell<Reason>,
    base_hash: String,
    /// A GPU that has been found to compute correctly, until it is decided about.
    checked: RefCell<Option<(WebGpu, Checked)>>,
}

#[wasm_bindgen]
impl Engine {
    /// Reads a base folder's files and puts the model on a device. "webgpu" rejects where WebGPU does not work; "auto" begins on the CPU,
    /// see `checkGpu`.
    pub async fn load(
        #[wasm_bindgen(unchecked_param_type = "EngineFiles")] files: JsValue,
        #[wasm_bindgen(unchecked_param_type = "\"auto\" | Backend")] device: JsValue,
    ) -> Result<Engine> {
        let device = text(&device, "device")?;
        let choice = DeviceChoice::from_name(&device)
            .ok_or_else(|| Argument(format!("device must be \"auto\", \"webgpu\" or \"cpu\", not \"{device}\"")))?;
        let files = Files::of(&files)?;
        let base = files.base()?;
        let weights: Vec<&[u8]> = files.weights.iter().map(Vec::as_slice).collect();
        // Links and adapters know quantized weights by the file that they were made from.
        let origin = weights.first().and_then(|file| origin(file));
        let base_hash = format!("sha256-{}", origin.map_or_else(|| hex_sha256(&weights), |(_, from)| from));
        // A base that does not fit together is refused before any GPU is looked at.
        let engine = Self {
            model: RefCell::new(Model::new(base, Backend::Cpu)?),
            backend: Cell::new(BackendName::Cpu),
            reason: RefCell::new(if choice == DeviceChoice::Cpu { Reason::Chosen } else { Reason::Start }),
            base_hash,
            checked: RefCell::new(None),
        };
        if choice == DeviceChoice::WebGpu {
            let emulated = gpu_adapter::is_emulated().await.map_err(Failure::NoWebGpu)?;
            let (gpu, _) = engine.check().await.map_err(Failure::NoWebGpu)?;
            engine.move_to(gpu, if emulated { Reason::ChosenEmulated } else { Reason::Chosen })?;
        }
        Ok(engine)
    }

    /// Whether there is a GPU to decide about: one that is not emulated and computes this model correctly. `known` is how fast each
    /// device was at an earlier visit: where the CPU was faster, the GPU is left alone. If not, `backendReason` says why from then on.
    #[wasm_bindgen(js_name = checkGpu)]
    pub async fn check_gpu(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Timing | undefined")] known: JsValue,
    ) -> Result<bool> {
        let known = if known.is_undefined() { None } else { Some(timing(&known)?) };
        if let Some(known) = known.filter(|known| known.backend() == BackendName::Cpu) {
            self.reason.replace(Reason::Measured(known));
            return Ok(false);
        }
        let found = match gpu_adapter::is_emulated().await {
            Ok(true) => Err(Reason::Emulated),
            Ok(false) => self.check().await.map_err(Reason::NoWebGpu),
            Err(why) => Err(Reason::NoWebGpu(why)),
        };
        let checked = found.map_err(|why| self.reason.replace(why)).ok();
        let there = checked.is_some();
        self.checked.replace(checked);
        Ok(there)
    }

    /// After `checkGpu`: how fast each device is. Nothing else should be computed meanwhile.
    #[wasm_bindgen(js_name = timeGpu, unchecked_return_type = "Timing")]
    pub async fn time_gpu(&self) -> Result<JsValue> {
        let Some((gpu, checked)) = self.checked.take() else { return Err(unchecked()) };
        let Timing { cpu, gpu: on_gpu } = checked.time().await.inspect_err(|_| gpu.close())?;
        self.checked.replace(Some((gpu, checked)));
        Ok(object([("cpu", cpu.into()), ("gpu", on_gpu.into())]))
    }

    /// After `checkGpu`: moves the model to the GPU if it is the faster device, by `timeGpu` or an earlier visit.
    pub fn decide(&self, #[wasm_bindgen(unchecked_param_type = "Timing")] timings: &JsValue) -> Result<()> {
        let timing = timing(timings)?;
        let Some((gpu, _)) = self.checked.take() else { return Err(unchecked()) };
        if timing.backend() == BackendName::WebGpu {
            return self.move_to(gpu, Reason::Measured(timing));
        }
        gpu.close();
        self.reason.replace(Reason::Measured(timing));
        Ok(())
    }

    /// Computes a step for nothing, so that the browser has made fast code of the engine when it is needed.
    #[wasm_bindgen(js_name = warmUp)]
    pub async fn warm_up(&self) -> Result<()> {
        let base = self.model.borrow().base().clone();
        gpu::predict_probe(&Model::new(base, Backend::Cpu)?).await?;
        Ok(())
    }

    /// Where the model computes.
    #[wasm_bindgen(getter, unchecked_return_type = "Backend")]
    pub fn backend(&self) -> String {
        self.backend.get().name().into()
    }

    /// Why there.
    #[wasm_bindgen(getter, js_name = backendReason, unchecked_return_type = "BackendReason")]
    pub fn backend_reason(&self) -> JsValue {
        self.reason.borrow().record()
    }

    /// Names of the classes.
    #[wasm_bindgen(getter)]
    pub fn labels(&self) -> Vec<String> {
        self.model.borrow().base().info.labels.clone()
    }

    /// Side of a picture in pixels.
    #[wasm_bindgen(getter, js_name = imageSize)]
    pub fn image_size(&self) -> usize {
        self.model.borrow().base().info.image_size
    }

    /// "sha256-" and the hash of the weights file; of a quantized one, of the file that it was made from.
    #[wasm_bindgen(getter, js_name = baseHash)]
    pub fn base_hash(&self) -> String {
        self.base_hash.clone()
    }

    /// Reads an adapter and keeps it under a name, switched off. `config` is the text of its
    /// `adapter_config.json`; empty if the weights file carries its alphas itself. `partial` uses what fits this base.
    #[wasm_bindgen(js_name = addAdapter, unchecked_return_type = "AdapterInfo")]
    pub fn add_adapter(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] name: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "string")] config: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "Uint8Array")] weights: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "boolean")] partial: &JsValue,
    ) -> Result<JsValue> {
        let name = text(name, "name")?;
        let config = text(config, "config")?;
        let weights = bytes(weights, "weights")?;
        let mut model = self.model.borrow_mut();
        let config = Some(config.as_str()).filter(|text| !text.is_empty());
        let adapter = match partial.is_truthy() {
            true => model.add_adapter_partially(&name, &weights, config)?,
            false => model.add_adapter(&name, &weights, config)?,
        };
        Ok(adapter_info(&name, adapter))
    }

    /// abar_t of the noise schedule, by timestep: how much of the picture's energy is left.
    #[wasm_bindgen(getter, js_name = alphasCumprod)]
    pub fn alphas_cumprod(&self) -> Vec<f32> {
        self.model.borrow().schedule().alphas_cumprod().to_vec()
    }

    /// What an adapter changes, module by module.
    #[wasm_bindgen(js_name = adapterModules, unchecked_return_type = "AdapterModule[]")]
    pub fn adapter_modules(&self, #[wasm_bindgen(unchecked_param_type = "string")] name: &JsValue) -> Result<JsValue> {
        let updates = self.model.borrow().adapter_modules(&text(name, "name")?)?;
        let modules = Array::new();
        for update in updates {
            modules.push(&object([
                ("path", update.path.into()),
                ("kind", update.kind.into()),
                ("rank", update.rank.into()),
                ("updateNorm", update.norm.into()),
                ("relativeNorm", update.relative_norm.into()),
            ]));
        }
        Ok(modules.into())
    }

    /// Switches an adapter off and forgets it.
    #[wasm_bindgen(js_name = removeAdapter)]
    pub fn remove_adapter(&self, #[wasm_bindgen(unchecked_param_type = "string")] name: &JsValue) -> Result<()> {
        let name = text(name, "name")?;
        Ok(self.model.borrow_mut().remove_adapter(&name)?)
    }

    /// Switches on exactly these adapters, each at its strength; `{}` is the base, bit for bit.
    #[wasm_bindgen(js_name = setAdapters)]
    pub fn set_adapters(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Record<string, number>")] strengths: &JsValue,
    ) -> Result<()> {
        let scales = scales(strengths)?;
        Ok(self.model.borrow_mut().set_adapters(scales)?)
    }

    /// All weights as they are at this moment, for a `Network` in another worker.
    pub fn weights(&self) -> Vec<f32> {
        self.model.borrow().weights()
    }

    /// The noise that a run from `seed` begins with, as `latents` have it; with `to` and `share`, that part of the way along the arc to
    /// the noise of the seed `to`.
    pub fn noise(
        &self,
        #[wasm_bindgen(unchecked_param_type = "number")] seed: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "number")] to: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "number")] share: &JsValue,
    ) -> Result<Vec<f32>> {
        let len = self.model.borrow().base().info.latent_shape().iter().product();
        let noise = |value: &JsValue, name: &str| -> Result<Vec<f32>> {
            Ok(starting_noise(whole(number(value, name)?, name, MAX_SAFE_INTEGER)?, len))
        };
        let from = noise(seed, "seed")?;
        if to.is_undefined() {
            return Ok(from);
        }
        let share = match number(share, "share")? {
            share if (0.0..=1.0).contains(&share) => share,
            share => wrong("share", "a number from 0 to 1", &decimal(share))?,
        };
        Ok(slerp(&from, &noise(to, "to")?, share))
    }

    /// Starts a run with the weights of this moment.
    pub fn sample(&self, #[wasm_bindgen(unchecked_param_type = "SampleOptions")] options: &JsValue) -> Result<Run> {
        let model = self.model.borrow();
        let options = sample_options(options, &model)?;
        Ok(Run::new(model.generate(options.request)?, &model, options.raw))
    }
}

impl Engine {
    /// The GPU with the model on it; or why not.
    async fn check(&self) -> std::result::Result<(WebGpu, Checked), NoWebGpu> {
        let gpu = gpu::open().await?;
        let base = self.model.borrow().base().clone();
        match gpu::check(&base, &gpu).await {
            Ok(checked) => Ok((gpu, checked)),
            Err(why) => {
                gpu.close();
                Err(why)
            }
        }
    }

    fn move_to(&self, gpu: WebGpu, reason: Reason) -> Result<()> {
        self.model.borrow_mut().set_backend(gpu.clone()).inspect_err(|_| gpu.close())?;
        self.backend.set(BackendName::WebGpu);
        self.reason.replace(reason);
        Ok(())
    }
}

fn adapter_info(name: &str, adapter: &Adapter) -> JsValue {
    let kinds: Array = adapter.kinds().into_iter().map(JsValue::from).collect();
    let info = object([
        ("name", name.into()),
        ("kinds", kinds.into()),
        ("rank", adapter.rank().into()),
        ("modules", adapter.modules.len().into()),
        ("used", adapter.used.into()),
        ("tensors", (adapter.used + adapter.unused.len()).into()),
    ]);
    if !adapter.unused.is_empty() {
        let unused = adapter.unused.iter().map(|Unused { tensor, error }| {
            object([("tensor", tensor.into()), ("error", describe_model_error(object([]), error))])
        });
        set(&info, "unused", &unused.collect::<Array>());
    }
    if let Some(Turbo { steps, sampler, timestep_spacing, .. }) = &adapter.turbo {
        let turbo = object([
            ("steps", (*steps).into()),
            ("sampler", sampler.name().into()),
            ("timestepSpacing", timestep_spacing.name().into()),
            ("guidanceScale", 1.into()),
        ]);
        set(&info, "turbo", &turbo);
    }
    if let Some(scale) = adapter.guidance_scale {
        set(&info, "guidanceScale", &scale.into());
    }
    if let Some(said) = &adapter.ignored_alpha {
        set(&info, "ignoredAlpha", &said.into());
    }
    info
}

fn timing(value: &JsValue) -> Result<Timing> {
    let read = |name: &str| number(&field(value, "timing", name)?, &format!("timing.{name}"));
    Ok(Timing { cpu: read("cpu")?, gpu: read("gpu")? })
}

fn unchecked() -> Failure {
    Failure::Misuse("the GPU has not been checked: call checkGpu() first")
}
