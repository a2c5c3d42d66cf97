//! The network with its weights on the GPU.

use crate::config::UNetConfig;
use crate::error::{Result, WebGpuLimit};
use crate::state::StateDict;
use crate::unet::parameters::check_state;
use crate::unet::weights::Weights;

use super::device::{LANES, WebGpu};
use super::host::HostWeights;
use super::pack::{PackedLayer, Packer};

/// Channels of a head that one invocation of `self_attention.wgsl` can hold.
pub(crate) const MOST_HEAD_CHANNELS: usize = 512;

/// The denoising network, packed for a GPU.
#[derive(Debug)]
pub struct WebGpuUNet {
    pub(super) gpu: WebGpu,
    pub(super) layers: Vec<PackedLayer>,
    pub(super) weights: wgpu::Buffer,
    pub(super) host: HostWeights,
    /// Of the latents: in, out.
    pub(super) channels: [usize; 2],
}

impl WebGpuUNet {
    /// From a base's parameters, those in `changed` in place of the base's own.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) names missing, unexpected and wrongly shaped parameters;
    /// [`Error::WebGpuLimit`](crate::Error::WebGpuLimit) says which size the shaders are not made for.
    pub fn new(gpu: &WebGpu, config: &UNetConfig, state: &StateDict, changed: &StateDict) -> Result<Self> {
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
        let (layers, values, host) = Packer::pack(config, Weights::new(state, changed));
        let weights = gpu.upload("weights", &values, wgpu::BufferUsages::STORAGE);
        Ok(Self { gpu: gpu.clone(), layers, weights, host, channels: [config.in_channels, config.out_channels] })
    }
}

impl Drop for WebGpuUNet {
    /// In a browser, memory would else wait for the garbage collector.
    fn drop(&mut self) {
        self.weights.destroy();
    }
}
