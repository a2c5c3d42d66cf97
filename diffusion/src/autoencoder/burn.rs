//! The autoencoder in burn: with gradients, on every device of burn's.
//!
//! Field names are diffusers' names, so that a parameter's path in the module tree is its name in the weights file.
//!
//! Tests: `tests/it/autoencoder.rs` against diffusers.

use std::sync::Arc;

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

use crate::config::AutoencoderConfig;
use crate::error::Result;
use crate::ops::{Ops, Resize, attention, conv1x1, conv3x3, linear};
use crate::state::StateDict;
use crate::unet::burn::{Downsample, GroupNorm, ResnetBlock, Upsample, new_conv1x1, new_conv3x3, with_parameters};
use crate::unet::topology as unet;

use super::LOG_VARIANCE;
use super::parameters::check_state;
use super::topology::{Half, Layer, NORM_EPS, layers, pointwise};

/// Attention of the pixels to each other, one head: `x + to_out(attention(norm(x)))`.
#[derive(Module, Debug)]
pub struct AttentionBlock {
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Vec<Linear>,
}

impl AttentionBlock {
    fn new(channels: usize, groups: usize, device: &Device) -> Self {
        let linear = || LinearConfig::new(channels, channels).init(device);
        Self {
            group_norm: GroupNorm::new(groups, channels, NORM_EPS, device),
            to_q: linear(),
            to_k: linear(),
            to_v: linear(),
            // A list of one, as in diffusers, where a dropout follows: the name is `to_out.0`.
            to_out: vec![linear()],
        }
    }

    /// `[b, h, w, c] -> [b, h, w, c]`.
    fn forward(&self, x: Tensor<4>, ops: Ops) -> Tensor<4> {
        let [b, h, w, c] = x.dims();
        let normed = self.group_norm.forward(x.clone(), false, ops).reshape([b, h * w, c]);
        let [query, key, value] =
            [&self.to_q, &self.to_k, &self.to_v].map(|layer| linear(layer, normed.clone(), None, ops));
        let out = attention(query, key, value, 1, ops);
        let residual = x.reshape([b, h * w, c]);
        let out = self.to_out.iter().fold(out, |x, layer| linear(layer, x, Some(residual.clone()), ops));
        out.reshape([b, h, w, c])
    }
}

/// The modules of one block; those of kinds that it does not have are empty.
#[derive(Module, Debug)]
struct Block {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<AttentionBlock>,
    downsamplers: Vec<Downsample>,
    upsamplers: Vec<Upsample>,
}

impl Block {
    fn empty() -> Self {
        Self { resnets: Vec::new(), attentions: Vec::new(), downsamplers: Vec::new(), upsamplers: Vec::new() }
    }
}

/// Encoder or decoder.
#[derive(Module, Debug)]
struct HalfNetwork {
    conv_in: Conv2d,
    down_blocks: Vec<Block>,
    mid_block: Block,
    up_blocks: Vec<Block>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    /// The order in which a feature map passes the modules.
    #[module(skip)]
    layers: Arc<Vec<Layer>>,
}

impl HalfNetwork {
    fn new(config: &AutoencoderConfig, half: Half, device: &Device) -> Self {
        let (groups, layers) = (config.norm_num_groups, layers(config, half));
        let ends = |wanted: fn(&Layer) -> Option<[usize; 2]>| layers.iter().find_map(wanted).unwrap_or([1, 1]);
        let conv_in = ends(|layer| if let Layer::ConvIn(channels) = layer { Some(*channels) } else { None });
        let conv_out = ends(|layer| if let Layer::ConvOut(channels) = layer { Some(*channels) } else { None });
        let blocks = |wanted: bool| match wanted {
            true => config.block_out_channels.iter().map(|_| Block::empty()).collect(),
            false => Vec::new(),
        };
        let mut network = Self {
            conv_in: new_conv3x3(conv_in, 1, device),
            down_blocks: blocks(half == Half::Encoder),
            mid_block: Block::empty(),
            up_blocks: blocks(half == Half::Decoder),
            conv_norm_out: GroupNorm::new(groups, conv_out[0], NORM_EPS, device),
            conv_out: new_conv3x3(conv_out, 1, device),
            layers: Arc::new(layers),
        };
        for layer in Arc::clone(&network.layers).iter() {
            match layer {
                Layer::Resnet(resnet) => {
                    let block = ResnetBlock::new(resnet, groups, NORM_EPS, None, device);
                    network.block_mut(resnet.block).resnets.push(block);
                }
                Layer::Attention(attention) => {
                    network.mid_block.attentions.push(AttentionBlock::new(attention.channels, groups, device));
                }
                Layer::Downsample(resample) => {
                    network.block_mut(resample.block).downsamplers.push(Downsample::new(resample.channels, device));
                }
                Layer::Upsample(resample) => {
                    network.block_mut(resample.block).upsamplers.push(Upsample::new(resample.channels, device));
                }
                Layer::ConvIn(_) | Layer::ConvOut(_) => {}
            }
        }
        network
    }

    fn block(&self, block: unet::Block) -> &Block {
        match block {
            unet::Block::Down(i) => &self.down_blocks[i],
            unet::Block::Mid => &self.mid_block,
            unet::Block::Up(i) => &self.up_blocks[i],
        }
    }

    fn block_mut(&mut self, block: unet::Block) -> &mut Block {
        match block {
            unet::Block::Down(i) => &mut self.down_blocks[i],
            unet::Block::Mid => &mut self.mid_block,
            unet::Block::Up(i) => &mut self.up_blocks[i],
        }
    }

    /// Channels last, in and out.
    fn forward(&self, x: Tensor<4>, ops: Ops) -> Tensor<4> {
        self.layers.iter().fold(x, |h, layer| match layer {
            Layer::ConvIn(_) => conv3x3(&self.conv_in, h, Resize::Same, None, None, ops),
            Layer::Resnet(resnet) => self.block(resnet.block).resnets[resnet.index].forward(h, None, ops),
            Layer::Attention(_) => self.mid_block.attentions[0].forward(h, ops),
            Layer::Downsample(resample) => {
                self.block(resample.block).downsamplers[0].forward(h, Resize::HalfPaddedBehind, ops)
            }
            Layer::Upsample(resample) => self.block(resample.block).upsamplers[0].forward(h, ops),
            Layer::ConvOut(_) => {
                let h = self.conv_norm_out.forward(h, true, ops);
                conv3x3(&self.conv_out, h, Resize::Same, None, None, ops)
            }
        })
    }
}

/// Encoder and decoder.
#[derive(Module, Debug)]
pub struct BurnAutoencoder {
    encoder: HalfNetwork,
    decoder: HalfNetwork,
    quant_conv: Option<Conv2d>,
    post_quant_conv: Option<Conv2d>,
}

impl BurnAutoencoder {
    /// Builds the network of a validated configuration; the weights are random until they are loaded.
    pub fn new(config: &AutoencoderConfig, device: &Device) -> Self {
        let of_latents = |half| pointwise(config, half).map(|layer| new_conv1x1([layer.channels; 2], device));
        Self {
            encoder: HalfNetwork::new(config, Half::Encoder, device),
            decoder: HalfNetwork::new(config, Half::Decoder, device),
            quant_conv: of_latents(Half::Encoder),
            post_quant_conv: of_latents(Half::Decoder),
        }
    }

    /// The network with these weights.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) names missing, unexpected and wrongly shaped parameters.
    pub fn with_state(config: &AutoencoderConfig, state: &StateDict, device: &Device) -> Result<Self> {
        check_state(config, state)?;
        Ok(with_parameters(Self::new(config, device), state))
    }

    /// Mean and logarithm of the variance of the latents, unscaled.
    ///
    /// # Shapes
    /// `pictures [b, in_channels, h, w]` in [-1, 1], sides multiples of the configuration's
    /// [`factor`](AutoencoderConfig::factor) f -> both `[b, latent_channels, h / f, w / f]`.
    pub fn encode(&self, pictures: Tensor<4>, ops: Ops) -> [Tensor<4>; 2] {
        let h = self.encoder.forward(pictures.permute([0, 2, 3, 1]), ops);
        let h = match &self.quant_conv {
            Some(layer) => conv1x1(layer, h, None, ops),
            None => h,
        };
        let h = h.permute([0, 3, 1, 2]);
        let latent = h.dims()[1] / 2;
        [h.clone().narrow(1, 0, latent), h.narrow(1, latent, latent).clamp(LOG_VARIANCE[0], LOG_VARIANCE[1])]
    }

    /// Unscaled latents as pictures.
    ///
    /// # Shapes
    /// `latents [b, latent_channels, h, w]` -> `[b, out_channels, f h, f w]`.
    pub fn decode(&self, latents: Tensor<4>, ops: Ops) -> Tensor<4> {
        let h = latents.permute([0, 2, 3, 1]);
        let h = match &self.post_quant_conv {
            Some(layer) => conv1x1(layer, h, None, ops),
            None => h,
        };
        self.decoder.forward(h, ops).permute([0, 3, 1, 2])
    }
}
