//! The network on a graphics processor through WebGPU, without a tensor library: the same mathematics as [`crate::cpu`], in four
//! kernels (`kernels/*.wgsl`). Feature maps are `[pixels, channels]`; norms, activations and residuals go with the products around them;
//! what depends on the class or on the time alone is computed on the host. It has no gradients.
//!
//! `pack` puts the parameters into one buffer, `host` keeps those that stay, `plan` lists the dispatches of a forward (`dispatch`: of
//! each kernel one), `run` has the buffers of a run.

mod device;
mod dispatch;
mod host;
mod pack;
mod plan;
mod run;

use crate::config::UNetConfig;
use crate::cpu::weights::Weights;
use crate::error::{Result, WebGpuLimit};
use crate::spec::check_state;
use crate::state::{HostTensor, StateDict};

pub use device::Gpu;
pub use run::GpuRun;

use device::LANES;
use host::HostWeights;
use pack::{Packed, Packer};

/// What an invocation can keep of a head.
const MOST_HEAD_CHANNELS: usize = 512;

/// The denoising network on a graphics processor.
#[derive(Debug)]
pub struct GpuUNet {
    gpu: Gpu,
    layers: Vec<Packed>,
    weights: wgpu::Buffer,
    host: HostWeights,
    channels: [usize; 2],
}

impl GpuUNet {
    /// From a base's parameters, those in `changed` in place of the base's own. Refuses missing, unexpected and wrongly shaped
    /// parameters by name, and networks that the kernels are not made for.
    pub fn new(gpu: &Gpu, config: &UNetConfig, state: &StateDict, changed: &StateDict) -> Result<Self> {
        check_state(config, state)?;
        if let Some(channels) = config.block_out_channels.iter().find(|channels| !channels.is_multiple_of(4)) {
            return Err(WebGpuLimit::Channels(*channels).into());
        }
        if let Some(heads) = config.num_heads.iter().find(|heads| **heads > LANES as usize) {
            return Err(WebGpuLimit::Heads { found: *heads, most: LANES as usize }.into());
        }
        let heads =
            || config.block_out_channels.iter().zip(&config.num_heads).map(|(channels, heads)| channels / heads);
        if let Some(channels) = heads().find(|channels| *channels > MOST_HEAD_CHANNELS) {
            return Err(WebGpuLimit::HeadChannels { found: channels, most: MOST_HEAD_CHANNELS }.into());
        }
        let find = |name: &str| -> Option<&HostTensor> { changed.get(name).or_else(|| state.get(name)) };
        let (layers, values, host) = Packer::pack(config, Weights::new(&find));
        let weights = gpu.upload("weights", &values, wgpu::BufferUsages::STORAGE);
        Ok(Self { gpu: gpu.clone(), layers, weights, host, channels: [config.in_channels, config.out_channels] })
    }
}

impl Drop for GpuUNet {
    /// In a browser, memory would else wait for the garbage collector.
    fn drop(&mut self) {
        self.weights.destroy();
    }
}
