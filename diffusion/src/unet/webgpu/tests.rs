//! Whole forwards on a device that wgpu finds, a GPU or software that acts as one, against diffusers' values. Run by
//! `cargo xtask test shaders`; the feature `burn-wgpu` brings the native drivers' interfaces.

use std::sync::{Arc, OnceLock};

use crate::autoencoder::{Autoencoder, CpuAutoencoder, WebGpuDecoder};
use crate::base::{Base, BaseFiles};
use crate::state::{HostTensor, StateDict};
use crate::tensors::read_tensors;
use crate::unet::cpu::Scratch;
use crate::{Backend, Model, Request};

use super::device::WebGpu;

macro_rules! fixture {
    ($name:literal) => {
        Base::read(&BaseFiles {
            info: include_str!(concat!("../../../../tests/fixtures/unet/", $name, "/digit_diffusion.json")),
            unet_config: include_str!(concat!("../../../../tests/fixtures/unet/", $name, "/unet/config.json")),
            scheduler_config: include_str!(concat!(
                "../../../../tests/fixtures/unet/",
                $name,
                "/scheduler/scheduler_config.json"
            )),
            weights: &[include_bytes!(concat!(
                "../../../../tests/fixtures/unet/",
                $name,
                "/unet/diffusion_pytorch_model.safetensors"
            ))],
        })
        .expect("the fixture is a base")
    };
}

fn gpu() -> WebGpu {
    static OPENED: OnceLock<WebGpu> = OnceLock::new();
    let open = || {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let ready = |future| pollster(future);
        let adapter = ready(Box::pin(async move {
            let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await;
            adapter.expect("wgpu finds no device").request_device(&wgpu::DeviceDescriptor::default()).await
        }));
        let (device, queue) = adapter.expect("the device opens");
        WebGpu::new(device, queue)
    };
    OPENED.get_or_init(open).clone()
}

/// Waits for a future: native wgpu's are ready when they are first asked.
fn pollster<T>(mut future: std::pin::Pin<Box<dyn Future<Output = T>>>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}

fn values(file: &StateDict, case: &str, name: &str) -> HostTensor {
    file[&format!("{case}.{name}")].clone()
}

fn assert_close(what: &str, got: &[f32], want: &[f32], tolerance: f32) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().fold(1f32, |most, value| most.max(value.abs()));
    let off = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max) / scale;
    assert!(off <= tolerance, "{what}: off by {off:e}");
}

fn compare(name: &str, base: Base, file: &[u8], cases: &[&str]) {
    let (file, _) = read_tensors(file).expect("the fixture is a safetensors file");
    let model = Model::new(base, gpu()).expect("the shaders take the network");
    for case in cases {
        let labels: Vec<usize> = values(&file, case, "label").values.iter().map(|label| *label as usize).collect();
        let timesteps = values(&file, case, "timestep").values;
        let got = model.predict(&values(&file, case, "sample"), &timesteps, &labels).expect("the forward runs");
        assert_close(&format!("{name} {case}"), &got, &values(&file, case, "output").values, 1e-4);
    }
}

#[test]
fn forward_is_what_diffusers_computes() {
    let file = include_bytes!("../../../../tests/fixtures/unet/tiny/forward.safetensors");
    compare("tiny", fixture!("tiny"), file, &["integer", "fractional"]);
    let file = include_bytes!("../../../../tests/fixtures/unet/uneven/forward.safetensors");
    compare("uneven", fixture!("uneven"), file, &["square", "wide"]);
}

#[test]
fn a_run_draws_what_the_cpu_draws() {
    let base = Arc::new(fixture!("tiny"));
    let request = Request { num_inference_steps: 4, ..Request::new(1, 5) };
    let draw = |backend: Backend| -> Vec<f32> {
        let model = Model::new(Arc::clone(&base), backend).expect("the base loads");
        let run = model.generate(request.clone()).expect("the request is valid");
        run.map(|step| step.expect("the step works").sample).last().expect("there are steps")
    };
    assert_close("a run", &draw(gpu().into()), &draw(Backend::Cpu), 1e-3);
}

macro_rules! autoencoder {
    ($name:literal) => {{
        let config = include_str!(concat!("../../../../tests/fixtures/autoencoder/", $name, "/vae/config.json"));
        let weights: &[u8] = include_bytes!(concat!(
            "../../../../tests/fixtures/autoencoder/",
            $name,
            "/vae/diffusion_pytorch_model.safetensors"
        ));
        let values: &[u8] =
            include_bytes!(concat!("../../../../tests/fixtures/autoencoder/", $name, "/values.safetensors"));
        (Autoencoder::read(config, &[weights]).expect("the fixture is an autoencoder"), values)
    }};
}

#[test]
fn the_decoder_is_that_of_diffusers() {
    let (Autoencoder { config, state }, file) = autoencoder!("colour");
    let (file, _) = read_tensors(file).expect("the fixture is a safetensors file");
    let (latents, decoded) = (&file["latents"], &file["decoded"]);
    let size = [latents.shape[2], latents.shape[3]];
    let decoder = WebGpuDecoder::new(&gpu(), &config, &state).expect("the shaders take the decoder");
    let got = decoder.decode(&latents.values, size).expect("the decoder runs");
    assert_close("decoded", &got, &decoded.values, 1e-4);
    let cpu = CpuAutoencoder::new(&config, &state).expect("the parameters fit");
    let cpu = cpu.decode(&latents.values, size, &mut Scratch::default()).expect("the decoder runs");
    assert_close("beside the CPU", &got, &cpu, 1e-4);
    assert!(decoder.decode(&latents.values[1..], size).is_err());
}

#[test]
fn a_decoder_that_the_shaders_are_not_made_for_is_refused() {
    let (Autoencoder { config, state }, _) = autoencoder!("grey");
    let refused = WebGpuDecoder::new(&gpu(), &config, &state).err();
    let refused = refused.map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("6 channels"), "{refused:?}");
}

#[test]
fn a_network_that_the_shaders_are_not_made_for_is_refused() {
    let mut base = fixture!("tiny");
    base.unet.num_heads = vec![65; base.unet.num_heads.len()];
    let refused = Model::new(base, gpu()).err();
    let refused = refused.map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("65 attention heads"), "{refused:?}");
}
