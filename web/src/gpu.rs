//! A GPU, opened and tried out.

use std::sync::Arc;

use diffusion::noise::NoiseSource;
use diffusion::state::HostTensor;
use diffusion::unet::webgpu::WebGpu;
use diffusion::{Backend, Base, Model, Request};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::device::{NoWebGpu, Timing};

/// How far WebGPU's output may be from the CPU's. Rounding alone stays below 1e-5 for outputs around 1; a shader that
/// fails leaves zeros or old data.
const TOLERANCE: f32 = 1e-3;

/// Steps that are timed, after one that prepares.
const STEPS: usize = 4;

/// The GPU that WebGPU offers.
///
/// # Errors
/// Why no device can be opened.
pub async fn open() -> Result<WebGpu, NoWebGpu> {
    let failed = |error: &dyn std::fmt::Display| NoWebGpu::NotStarted(error.to_string());
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::BROWSER_WEBGPU,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let options =
        wgpu::RequestAdapterOptions { power_preference: wgpu::PowerPreference::HighPerformance, ..Default::default() };
    let adapter = instance.request_adapter(&options).await.map_err(|error| failed(&error))?;
    let offered = adapter.limits();
    let required_limits = wgpu::Limits {
        // As many pictures at once as there is room for.
        max_buffer_size: offered.max_buffer_size,
        max_storage_buffer_binding_size: offered.max_storage_buffer_binding_size,
        // Less than the default only of what is not used here: some browsers offer less.
        ..wgpu::Limits::default().or_worse_values_from(&offered)
    };
    let descriptor = wgpu::DeviceDescriptor { required_limits, ..Default::default() };
    let (device, queue) = adapter.request_device(&descriptor).await.map_err(|error| failed(&error))?;
    Ok(WebGpu::new(device, queue))
}

/// Puts the model on both devices and compares what they compute.
///
/// # Errors
/// A device refuses the model, or the GPU's output is not the CPU's.
pub async fn check(base: &Arc<Base>, gpu: &WebGpu) -> Result<Checked, NoWebGpu> {
    let refused = NoWebGpu::Refused;
    let on = |backend: Backend| Model::new(Arc::clone(base), backend).map_err(refused);
    let checked = Checked { cpu: on(Backend::Cpu)?, gpu: on(gpu.clone().into())? };
    let expected = predict_probe(&checked.cpu).await.map_err(refused)?;
    let found = predict_probe(&checked.gpu).await.map_err(refused)?;
    let mut difference = max_difference(&expected, &found);
    if base.autoencoder.is_some() {
        let (expected, found) = (decode_probe(&checked.cpu), decode_probe(&checked.gpu));
        difference = difference.max(max_difference(&expected.await.map_err(refused)?, &found.await.map_err(refused)?));
    }
    web_sys::console::debug_1(&format!("WebGPU and CPU differ by at most {difference}").into());
    match difference <= TOLERANCE {
        true => Ok(checked),
        false => Err(NoWebGpu::Wrong(difference)),
    }
}

/// The base on both devices, which have been found to compute the same.
pub struct Checked {
    cpu: Model,
    gpu: Model,
}

impl Checked {
    /// How fast each device is.
    ///
    /// # Errors
    /// A device fails.
    pub async fn time(&self) -> diffusion::Result<Timing> {
        Ok(Timing { cpu: milliseconds(&self.cpu).await?, gpu: milliseconds(&self.gpu).await? })
    }
}

/// Of a step on one picture with guidance.
async fn milliseconds(model: &Model) -> diffusion::Result<f64> {
    let whole = Request { guidance_start: 0.0, guidance_stop: 1.0, ..Request::new(0, 0) };
    let mut run = model.generate(Request { num_inference_steps: 1 + STEPS, ..whole })?;
    let mut start = now();
    for step in 0..=STEPS {
        if step == 1 {
            start = now();
        }
        run.next_async().await.transpose()?;
    }
    Ok((now() - start) / STEPS as f64)
}

/// The network's prediction for fixed noise in the middle of the schedule, with and without a class, as a step with guidance needs it.
///
/// # Errors
/// The device fails.
pub async fn predict_probe(model: &Model) -> diffusion::Result<Vec<f32>> {
    let (base, middle) = (model.base(), model.schedule().num_train_timesteps() / 2);
    let shape = [&[2][..], &base.info.latent_shape()].concat();
    let values = NoiseSource::new(0).normals(shape.iter().product());
    let sample = HostTensor { shape, values };
    model.predict_async(&sample, &[middle as f32; 2], &[0, base.info.null_class()]).await
}

/// What the decoder makes of fixed noise.
async fn decode_probe(model: &Model) -> diffusion::Result<Vec<f32>> {
    model.decoder().decode_async(&NoiseSource::new(0).normals(model.base().codec().latent_len())).await
}

/// The largest difference; infinite where the lengths differ or something is not a number.
fn max_difference(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::INFINITY;
    }
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |most, d| if d.is_nan() { f32::INFINITY } else { most.max(d) })
}

/// Milliseconds since some moment.
fn now() -> f64 {
    #[wasm_bindgen]
    extern "C" {
        type Scope;
        #[wasm_bindgen(method, getter)]
        fn performance(this: &Scope) -> Performance;
        type Performance;
        #[wasm_bindgen(method)]
        fn now(this: &Performance) -> f64;
    }
    js_sys::global().unchecked_into::<Scope>().performance().now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_differs() {
        assert_eq!(max_difference(&[1.0, -2.0], &[1.0, -2.5]), 0.5);
        for broken in [&[f32::NAN, 1.0][..], &[1.0, f32::NAN], &[1.0, f32::INFINITY], &[1.0]] {
            assert!(max_difference(&[1.0, 1.0], broken) > TOLERANCE);
        }
    }
}
