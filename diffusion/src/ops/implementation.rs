//! The switch: which implementation computes an operation on a device.
//!
//! Tests: `other_devices_compute_by_burns` in `tests/it/operations.rs`.

use burn::backend::DispatchDevice;
use burn::tensor::{Device, GradientCheckpointingStrategy};

/// Whose operations compute a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ops {
    /// burn's, on any of its devices.
    Burn,
    /// This project's, several times as fast: those of the crate `cpu-kernels` on burn's CPU device flex, WGSL shaders on burn's device
    /// wgpu. burn's on other devices, and where gradients are checkpointed.
    Custom,
}

/// What computes an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Implementation {
    /// burn's own operations, or [`composed`](super::composed) of them.
    Burn,
    /// [`cpu`](super::cpu).
    Cpu,
    /// [`webgpu`](super::webgpu).
    #[cfg(feature = "burn-wgpu")]
    WebGpu,
}

impl Ops {
    /// The implementation on this device.
    pub(super) fn implementation(self, device: &Device) -> Implementation {
        let traced = device.is_autodiff();
        let all_kept = device.gradient_checkpointing_strategy() == Some(GradientCheckpointingStrategy::Disabled);
        if self == Self::Burn || (traced && !all_kept) {
            return Implementation::Burn;
        }
        match device.clone().without_autodiff().as_dispatch() {
            DispatchDevice::Flex(_) => Implementation::Cpu,
            #[cfg(feature = "burn-wgpu")]
            DispatchDevice::Cube(burn_cubecl::CubeDevice::Wgpu(_)) => Implementation::WebGpu,
            #[allow(unreachable_patterns)]
            _ => Implementation::Burn,
        }
    }

    /// Whether `cpu-kernels` computes on this device.
    pub(super) fn on_cpu(self, device: &Device) -> bool {
        self.implementation(device) == Implementation::Cpu
    }

    /// Whether WGSL shaders compute on this device.
    #[cfg(feature = "burn-wgpu")]
    pub(super) fn on_webgpu(self, device: &Device) -> bool {
        self.implementation(device) == Implementation::WebGpu
    }
}

/// Whether a device, with autodiff or without, is burn's CPU device flex.
pub fn is_flex(device: &Device) -> bool {
    match device.as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(_) => is_flex(&device.clone().without_autodiff()),
        #[allow(unreachable_patterns)]
        _ => false,
    }
}
