//! Where to compute.

use burn::tensor::Device;
use clap::ValueEnum;
use diffusion::Place;
use diffusion::ops::Operations;

/// `--device`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceName {
    /// The CPU: burn's flex with this project's own operations to train, its own network to draw
    #[default]
    Cpu,
    /// The CPU, by burn's flex alone in both cases (slower; a second opinion)
    Flex,
    /// The CPU, by burn's older backend (slow; a second opinion)
    Ndarray,
    /// The GPU, by WebGPU's native implementation (built with --features wgpu)
    Wgpu,
    /// The GPU, by Vulkan (built with --features vulkan)
    Vulkan,
    /// An NVIDIA GPU (built with --features cuda)
    Cuda,
}

impl DeviceName {
    /// Where pictures are drawn.
    pub fn place(self) -> anyhow::Result<Place> {
        Ok(match self {
            Self::Cpu => Place::Cpu,
            _ => self.open()?.into(),
        })
    }

    /// Whose operations a network is trained by.
    pub fn operations(self) -> Operations {
        if self == Self::Flex { Operations::Burn } else { Operations::Kernels }
    }

    /// burn's device, to train on (no autodiff yet).
    pub fn open(self) -> anyhow::Result<Device> {
        match self {
            Self::Cpu | Self::Flex => Ok(Device::flex()),
            // Deprecated by burn in favour of flex; kept because two implementations check each other.
            #[allow(deprecated)]
            Self::Ndarray => Ok(Device::ndarray()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(Default::default())),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::vulkan(Default::default())),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[cfg(not(all(feature = "wgpu", feature = "vulkan", feature = "cuda")))]
            _ => {
                let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
                anyhow::bail!(
                    "this trainer was built without {name}; build it with `--features {name}`, or use --device cpu"
                )
            }
        }
    }
}
