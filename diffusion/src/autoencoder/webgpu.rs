//! The decoder on a GPU through WebGPU, by the shaders of [`unet::webgpu`](crate::unet::webgpu): what a run ends with there.
//!
//! Tests: in `diffusion/src/unet/webgpu/tests.rs`, and in a browser in `tests/page/parity.test.mjs`.

use crate::config::AutoencoderConfig;
use crate::error::{RequestError, Result, WebGpuLimit};
use crate::state::StateDict;
use crate::unet::webgpu::{
    ClassOffsets, ErrorScopes, MOST_HEAD_CHANNELS, PackedLayer, Pass, Planner, Shared, Sizes, WebGpu, WeightBuffer,
    pixels_first, resnet,
};
use crate::unet::weights::Weights;

use super::parameters::check_state;
use super::topology::{Half, Layer, NORM_EPS, layers, pointwise};

/// The decoder, packed for a GPU.
#[derive(Debug)]
pub struct WebGpuDecoder {
    gpu: WebGpu,
    layers: Vec<PackedLayer>,
    weights: wgpu::Buffer,
    config: AutoencoderConfig,
}

impl WebGpuDecoder {
    /// From the parameters of a validated configuration.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) names missing, unexpected and wrongly shaped parameters;
    /// [`Error::WebGpuLimit`](crate::Error::WebGpuLimit) says which size the shaders are not made for.
    pub fn new(gpu: &WebGpu, config: &AutoencoderConfig, state: &StateDict) -> Result<Self> {
        check_state(config, state)?;
        let widths = || config.block_out_channels.iter().copied();
        let latents = pointwise(config, Half::Decoder).map(|layer| layer.channels);
        if let Some(channels) = widths().chain(latents).find(|channels| !channels.is_multiple_of(4)) {
            return Err(WebGpuLimit::Channels(channels).into());
        }
        // The attention's one head has all channels.
        if let Some(channels) = widths().last().filter(|channels| *channels > MOST_HEAD_CHANNELS) {
            return Err(WebGpuLimit::HeadChannels { found: channels, most: MOST_HEAD_CHANNELS }.into());
        }
        let unchanged = StateDict::new();
        let mut buffer = WeightBuffer::new(Weights::new(state, &unchanged), config.norm_num_groups);
        let first = pointwise(config, Half::Decoder);
        let mut packed: Vec<_> =
            first.iter().map(|layer| PackedLayer::Pointwise(buffer.linear(layer.path, None))).collect();
        packed.extend(layers(config, Half::Decoder).iter().filter_map(|layer| pack(&mut buffer, layer)));
        let weights = gpu.upload("decoder", &buffer.into_values(), wgpu::BufferUsages::STORAGE);
        Ok(Self { gpu: gpu.clone(), layers: packed, weights, config: config.clone() })
    }

    /// Unscaled latents as pictures, without blocking.
    ///
    /// # Shapes
    /// As [`CpuAutoencoder::decode`](super::CpuAutoencoder::decode).
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) where these numbers do not go together, [`Error::Device`](crate::Error::Device)
    /// for what the GPU refuses.
    pub async fn decode_async(&self, latents: &[f32], size: [usize; 2]) -> Result<Vec<f32>> {
        let (pass, scopes) = self.pass(latents.len(), size)?;
        pass.run_async(&self.input(latents, size), Some(scopes)).await
    }

    /// The same, blocking; native programs only.
    ///
    /// # Errors
    /// As [`decode_async`](Self::decode_async).
    pub fn decode(&self, latents: &[f32], size: [usize; 2]) -> Result<Vec<f32>> {
        let (pass, scopes) = self.pass(latents.len(), size)?;
        pass.run(&self.input(latents, size), Some(scopes))
    }

    fn input(&self, latents: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
        pixels_first(latents, self.config.latent_channels, height * width)
    }

    /// Its maps are large, and it runs once a picture: nothing is kept.
    fn pass(&self, values: usize, size: [usize; 2]) -> Result<(Pass, ErrorScopes)> {
        let config = &self.config;
        let [height, width] = size;
        let (channels, one) = (config.latent_channels, config.latent_channels * height * width);
        if one == 0 || !values.is_multiple_of(one) {
            return Err(RequestError::Autoencoded { values, channels, size, factor: 1 }.into());
        }
        let pictures = values / one;
        let none = ClassOffsets { tokens: 1, starts: &[], stride: 0 };
        let plan = Planner::new(pictures as u32, [height as u32, width as u32], (0, 0), none).plan(&self.layers);
        let latents = pictures * height * width;
        let sizes = Sizes {
            pictures: [pictures, height, width],
            input: latents * channels.next_multiple_of(4),
            pixels: latents * config.factor().pow(2),
            channels: config.out_channels,
        };
        Pass::new(&self.gpu, plan, &Shared { weights: &self.weights, classes: None }, sizes)
    }
}

impl Drop for WebGpuDecoder {
    /// In a browser, memory would else wait for the garbage collector.
    fn drop(&mut self) {
        self.weights.destroy();
    }
}

fn pack(buffer: &mut WeightBuffer<'_>, layer: &Layer) -> Option<PackedLayer> {
    let at = |path: &str| format!("{}.{path}", Half::Decoder);
    Some(match layer {
        Layer::ConvIn(_) => PackedLayer::ConvIn(buffer.conv(&at("conv_in"), None)),
        Layer::Resnet(layer) => resnet(buffer, &at(&layer.path()), layer, NORM_EPS, None),
        Layer::Attention(attention) => {
            let path = at(&attention.path());
            PackedLayer::Attention {
                norm: buffer.norm(&format!("{path}.group_norm"), NORM_EPS),
                qkv: buffer.qkv(&path, 1, None),
                out: buffer.linear(&format!("{path}.to_out.0"), None),
                channels: attention.channels as u32,
            }
        }
        Layer::Upsample(resample) => PackedLayer::Upsample(buffer.upsample(&at(&resample.path()))),
        Layer::ConvOut(_) => PackedLayer::ConvOut {
            norm: buffer.norm(&at("conv_norm_out"), NORM_EPS),
            conv: buffer.conv(&at("conv_out"), None),
        },
        // A decoder has none.
        Layer::Downsample(_) => return None,
    })
}
