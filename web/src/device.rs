//! WebGPU or CPU: what was asked for, what there is, and whether it computes correctly.

use diffusion::{Base, Model, Place};

use crate::adapter;
use crate::convert::{Failure, Result};

/// What the caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// WebGPU where it works and is not emulated, else the CPU.
    Auto,
    /// WebGPU or an error.
    WebGpu,
    /// The CPU.
    Cpu,
}

impl DeviceChoice {
    /// The choice of a name.
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "webgpu" => Ok(Self::WebGpu),
            "cpu" => Ok(Self::Cpu),
            _ => Err(Failure::Argument(format!("device must be \"auto\", \"webgpu\" or \"cpu\", not \"{name}\""))),
        }
    }
}

/// Where a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// On the graphics processor.
    WebGpu,
    /// On the CPU, with SIMD.
    Cpu,
}

impl Backend {
    /// Its name in JavaScript.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebGpu => "webgpu",
            Self::Cpu => "cpu",
        }
    }
}

/// A model where it computes.
pub struct Placed {
    /// The model.
    pub model: Model,
    /// Where it is.
    pub backend: Backend,
    /// Why: one sentence for the visitor.
    pub note: String,
}

/// Puts a base where it was asked to compute. Refuses a base that does not fit together before it looks at any GPU.
pub async fn place(base: Base, choice: DeviceChoice) -> Result<Placed> {
    let on_cpu = Model::new(base.clone(), Place::Cpu)?;
    if choice == DeviceChoice::Cpu {
        let note = "The digits are computed on the CPU, as was asked.".into();
        return Ok(Placed { model: on_cpu, backend: Backend::Cpu, note });
    }
    match (gpu::place(base, &on_cpu, choice).await, choice) {
        (Ok((model, note)), _) => Ok(Placed { model, backend: Backend::WebGpu, note: note.into() }),
        (Err(why), DeviceChoice::WebGpu) => {
            Err(Failure::Refused(format!("{why}; choose the device \"auto\" or \"cpu\" instead")))
        }
        (Err(why), _) => {
            let note = format!("{why}, so the digits are computed on the CPU.");
            Ok(Placed { model: on_cpu, backend: Backend::Cpu, note })
        }
    }
}

/// Why an adapter is not used, if it is not: the beginning of a sentence.
async fn why_not(choice: DeviceChoice) -> std::result::Result<bool, String> {
    let emulated = adapter::is_emulated().await?;
    if emulated && choice == DeviceChoice::Auto {
        return Err("WebGPU is only emulated on this machine, slower than the CPU".into());
    }
    Ok(emulated)
}

/// The engine without WebGPU only says why it is the right one here.
#[cfg(not(feature = "webgpu"))]
mod gpu {
    use super::*;

    pub async fn place(_: Base, _: &Model, choice: DeviceChoice) -> std::result::Result<(Model, &'static str), String> {
        why_not(choice).await?;
        Err("This part of the engine is for the CPU alone".into())
    }
}

/// WebGPU, by burn.
#[cfg(feature = "webgpu")]
mod gpu {
    use burn::tensor::Device;
    use diffusion::noise::NoiseSource;
    use diffusion::state::HostTensor;

    use super::*;

    /// The model on WebGPU with its note, or why not: the beginning of a sentence.
    pub async fn place(
        base: Base,
        on_cpu: &Model,
        choice: DeviceChoice,
    ) -> std::result::Result<(Model, &'static str), String> {
        let emulated = why_not(choice).await?;
        let device = start_webgpu().await.map_err(|error| format!("WebGPU could not be started ({error})"))?;
        let failed = |error: diffusion::Error| format!("WebGPU could not run this model ({error})");
        let model = Model::new(base, device).map_err(failed)?;
        let difference =
            max_difference(&check_output(on_cpu).await.map_err(failed)?, &check_output(&model).await.map_err(failed)?);
        web_sys::console::debug_1(&format!("WebGPU and CPU differ by at most {difference:e}").into());
        if difference > TOLERANCE {
            return Err(format!("WebGPU does not compute this model correctly here (off by {difference:.1e})"));
        }
        let note = if emulated {
            "The digits are computed with WebGPU, as was asked, though it is only emulated on this machine."
        } else {
            "The digits are computed on the graphics processor, with WebGPU."
        };
        Ok((model, note))
    }

    /// How far WebGPU's output may be from the CPU's. Rounding alone stays below 1e-5 for outputs around 1; a shader that
    /// fails leaves zeros or old data.
    pub(super) const TOLERANCE: f32 = 1e-3;

    /// The network's answer to fixed noise in the middle of the schedule, with and without a class.
    async fn check_output(model: &Model) -> diffusion::Result<Vec<f32>> {
        let (base, middle) = (model.base(), model.schedule().num_train_timesteps() / 2);
        let codec = base.codec();
        let shape = [&[2][..], &codec.latent_shape()].concat();
        let sample = HostTensor { shape, values: NoiseSource::new(0).normals(2 * codec.len()) };
        model.predict_async(&sample, &[middle as f32; 2], &[0, base.info.null_class()]).await
    }

    /// The largest difference; infinite where the lengths differ or something is not a number.
    pub(super) fn max_difference(a: &[f32], b: &[f32]) -> f32 {
        if a.len() != b.len() {
            return f32::INFINITY;
        }
        let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        differences.fold(0.0, |most, d| if d.is_nan() { f32::INFINITY } else { most.max(d) })
    }

    /// burn's WebGPU device. It starts once in the life of the module.
    #[cfg(target_arch = "wasm32")]
    async fn start_webgpu() -> std::result::Result<Device, String> {
        use std::cell::OnceCell;

        use burn::tensor::wgpu::WgpuBackend;

        thread_local! {
            static STARTED: OnceCell<Device> = const { OnceCell::new() };
        }
        let started = || STARTED.with(|device| device.get().cloned());
        if let Some(device) = started() {
            return Ok(device);
        }
        match Device::wgpu_options().graphics_api(WgpuBackend::WebGpu).init_async().await {
            Ok(device) => Ok(STARTED.with(|started| started.get_or_init(|| device).clone())),
            // Another load may have started it in the meantime.
            Err(error) => started().ok_or_else(|| error.to_string()),
        }
    }

    /// Natively this crate is only checked and tested, without a GPU.
    #[cfg(not(target_arch = "wasm32"))]
    async fn start_webgpu() -> std::result::Result<Device, String> {
        Err("only browsers have it".into())
    }
}

/// Runs the module's constructors, by which the parts of burn's shader compiler register themselves.
/// Where nobody calls them, the linker calls them at the beginning of every exported function: thousands of
/// registrations at each string or object that crosses to JavaScript.
#[cfg(all(target_arch = "wasm32", feature = "webgpu"))]
pub fn run_constructors() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: the linker makes this function for every module; it takes nothing, and `start` calls it once.
    unsafe { __wasm_call_ctors() }
}

/// Natively they run before `main`, and without burn there are none.
#[cfg(not(all(target_arch = "wasm32", feature = "webgpu")))]
pub fn run_constructors() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_three_names() {
        assert_eq!(DeviceChoice::from_name("auto"), Ok(DeviceChoice::Auto));
        assert!(
            matches!(DeviceChoice::from_name("gpu"), Err(Failure::Argument(message)) if message.contains("not \"gpu\""))
        );
    }

    #[cfg(feature = "webgpu")]
    #[test]
    fn what_is_not_a_number_differs() {
        assert_eq!(gpu::max_difference(&[1.0, -2.0], &[1.0, -2.5]), 0.5);
        for broken in [&[f32::NAN, 1.0][..], &[1.0, f32::NAN], &[1.0, f32::INFINITY], &[1.0]] {
            assert!(gpu::max_difference(&[1.0, 1.0], broken) > gpu::TOLERANCE);
        }
    }
}
