//! `--device`. Tests: here.

#[cfg(feature = "wgpu")]
use std::sync::OnceLock;

use burn::module::Param;
use burn::nn::LinearConfig;
#[cfg(feature = "wgpu")]
use burn::tensor::DeviceKind;
#[cfg(feature = "wgpu")]
use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::{Device, Tensor, TensorData};
use clap::ValueEnum;
use diffusion::Backend;
use diffusion::ops::{Ops, linear};
#[cfg(any(feature = "wgpu", feature = "cuda"))]
use trainer::ranks::Ranks;

/// `--device`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceName {
    /// The CPU: this project's own network to draw and to train adapters; bases by burn's flex with this project's operations
    #[default]
    Cpu,
    /// The CPU, by burn's flex alone in both cases (slower; a second opinion)
    Flex,
    /// The CPU, by burn's older backend (slow; a second opinion)
    Ndarray,
    /// The GPU, by WebGPU's native implementation (built with --features wgpu)
    #[value(aliases = ["gpu", "webgpu"])]
    Wgpu,
    /// The GPU, by Vulkan (built with --features wgpu)
    Vulkan,
    /// An NVIDIA GPU (built with --features cuda)
    Cuda,
}

impl DeviceName {
    /// What `--device` calls it.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The device of this name.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        Self::from_str(name, true).map_err(|_| {
            let known: Vec<String> = Self::value_variants().iter().map(|device| device.name()).collect();
            anyhow::anyhow!("there is no device \"{name}\"; there are {}", known.join(", "))
        })
    }

    /// What draws pictures.
    pub fn backend(self) -> anyhow::Result<Backend> {
        Ok(match self {
            Self::Cpu => Backend::Cpu,
            _ => self.open()?.into(),
        })
    }

    /// Whose operations train a network.
    pub fn operations(self) -> Ops {
        if self == Self::Flex { Ops::Burn } else { Ops::Custom }
    }

    /// burn's device to train on, without autodiff. One that computes wrongly is refused.
    pub fn open(self) -> anyhow::Result<Device> {
        let device = self.device()?;
        if !matches!(self, Self::Cpu | Self::Flex | Self::Ndarray) {
            check_matmul(&device)?;
        }
        Ok(device)
    }

    fn device(self) -> anyhow::Result<Device> {
        match self {
            Self::Cpu | Self::Flex => Ok(Device::flex()),
            // Deprecated by burn in favour of flex; kept because two implementations check each other.
            #[allow(deprecated)]
            Self::Ndarray => Ok(Device::ndarray()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => open_gpu(WgpuBackend::Auto),
            #[cfg(feature = "wgpu")]
            Self::Vulkan => open_gpu(WgpuBackend::Vulkan),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(cuda_index(Ranks::here().local()))),
            #[cfg(not(all(feature = "wgpu", feature = "cuda")))]
            _ => {
                let name = self.name();
                anyhow::bail!(
                    "this trainer was built without {name}; build it with `--features {name}`, or use --device cpu"
                )
            }
        }
    }
}

/// The GPU, opened once in a process.
#[cfg(feature = "wgpu")]
fn open_gpu(api: WgpuBackend) -> anyhow::Result<Device> {
    static OPENED: OnceLock<Result<Device, String>> = OnceLock::new();
    let opened = OPENED.get_or_init(|| {
        let mut options = Device::wgpu_options().graphics_api(api);
        // Of several ranks on one machine each takes a GPU of its own; the first the one that it would take alone.
        let local = Ranks::here().local();
        if local > 0 {
            options = options.device_kind(DeviceKind::DiscreteGpu(local));
        }
        options.init().map_err(|error| error.to_string())
    });
    opened.clone().map_err(|reason| anyhow::anyhow!("no GPU can be used here ({reason}); use --device cpu"))
}

/// Which of the GPUs that CUDA shows belongs to the rank of this number on its machine. A batch system may show each rank its
/// own alone.
#[cfg(feature = "cuda")]
fn cuda_index(local: usize) -> usize {
    match std::env::var("CUDA_VISIBLE_DEVICES") {
        Ok(shown) if !shown.is_empty() => local % shown.split(',').count(),
        _ => local,
    }
}

/// Compares a matrix product with one that is computed here. Some drivers, emulators above all, compile burn's kernels wrongly
/// without an error, and the loss of a new network does not show it.
fn check_matmul(device: &Device) -> anyhow::Result<()> {
    const SIDE: usize = 48;
    let matrix = |seed: f32| -> Vec<f32> { (0..SIDE * SIDE).map(|i| (seed * i as f32).sin()).collect() };
    let (left, right) = (matrix(0.7), matrix(1.3));
    let tensor = |values: &[f32]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [SIDE, SIDE]), device);
    let product = tensor(&left).matmul(tensor(&right)).into_data().try_into_vec_as::<f32>();
    let product = product.map_err(|error| anyhow::anyhow!("the device gave no result: {error:?}"))?;
    let expected = |i: usize| (0..SIDE).map(|k| left[i / SIDE * SIDE + k] * right[k * SIDE + i % SIDE]).sum::<f32>();
    // Wide enough for devices that multiply with less precision, such as TF32.
    let close = |(i, value): (usize, &f32)| (value - expected(i)).abs() < 0.1;
    let by_burn = product.len() == SIDE * SIDE && product.iter().enumerate().all(close);
    // And by this project's shaders, where they train.
    let mut layer = LinearConfig::new(SIDE, SIDE).with_bias(false).init(device);
    layer.weight = Param::from_data(TensorData::new(right.clone(), [SIDE, SIDE]), device);
    let product = linear(&layer, tensor(&left), None, Ops::Custom).into_data().try_into_vec_as::<f32>();
    let product = product.map_err(|error| anyhow::anyhow!("the device gave no result: {error:?}"))?;
    if !by_burn || product.len() != SIDE * SIDE || !product.iter().enumerate().all(close) {
        anyhow::bail!("this device multiplies matrices wrongly (an outdated or emulated driver?); use --device cpu");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_compute_are_taken() {
        for name in [DeviceName::Cpu, DeviceName::Ndarray] {
            check_matmul(&name.device().unwrap()).unwrap();
        }
    }
}
