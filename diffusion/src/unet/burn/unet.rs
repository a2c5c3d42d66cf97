//! The module tree and its forward.

use std::sync::Arc;

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};

use crate::base::Base;
use crate::config::UNetConfig;
use crate::error::Result;
use crate::ops::{Ops, Resize, conv3x3, silu};
use crate::unet::conditioning::sinusoids;
use crate::unet::parameters::time_embed_dim;
use crate::unet::topology::{self, Layer, layers};

use super::conditioning::TimeEmbedding;
use super::norm::GroupNorm;
use super::resnet::{Downsample, ResnetBlock, Upsample, new_conv3x3};
use super::state::load_state;
use super::transformer::Transformer;

/// The modules of one block; those of kinds that it does not have are empty.
#[derive(Module, Debug)]
struct Block {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Transformer>,
    downsamplers: Vec<Downsample>,
    upsamplers: Vec<Upsample>,
}

impl Block {
    fn empty() -> Self {
        Self { resnets: Vec::new(), attentions: Vec::new(), downsamplers: Vec::new(), upsamplers: Vec::new() }
    }
}

/// The denoising network.
#[derive(Module, Debug)]
pub struct BurnUNet {
    time_embedding: TimeEmbedding,
    encoder_hid_proj: Linear,
    conv_in: Conv2d,
    down_blocks: Vec<Block>,
    mid_block: Block,
    up_blocks: Vec<Block>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    time_channels: usize,
    /// The order in which a feature map passes the modules.
    #[module(skip)]
    layers: Arc<Vec<Layer>>,
}

impl BurnUNet {
    /// Builds the network of a validated configuration; the weights are random until they are loaded.
    pub fn new(config: &UNetConfig, device: &Device) -> Self {
        let (channels, groups, eps) = (&config.block_out_channels, config.norm_num_groups, config.norm_eps);
        let (first, time_dim) = (channels[0], Some(time_embed_dim(config)));
        let blocks = || channels.iter().map(|_| Block::empty()).collect();
        let mut unet = Self {
            time_embedding: TimeEmbedding::new(first, time_embed_dim(config), device),
            encoder_hid_proj: LinearConfig::new(config.encoder_hid_dim, config.cross_attention_dim).init(device),
            conv_in: new_conv3x3([config.in_channels, first], 1, device),
            down_blocks: blocks(),
            mid_block: Block::empty(),
            up_blocks: blocks(),
            conv_norm_out: GroupNorm::new(groups, first, eps, device),
            conv_out: new_conv3x3([first, config.out_channels], 1, device),
            time_channels: first,
            layers: Arc::new(layers(config)),
        };
        for layer in Arc::clone(&unet.layers).iter() {
            match layer {
                Layer::Resnet(resnet) => {
                    unet.block_mut(resnet.block).resnets.push(ResnetBlock::new(resnet, groups, eps, time_dim, device));
                }
                Layer::Transformer(transformer) => {
                    unet.block_mut(transformer.block).attentions.push(Transformer::new(transformer, config, device));
                }
                Layer::Downsample(resample) => {
                    unet.block_mut(resample.block).downsamplers.push(Downsample::new(resample.channels, device));
                }
                Layer::Upsample(resample) => {
                    unet.block_mut(resample.block).upsamplers.push(Upsample::new(resample.channels, device));
                }
                Layer::ConvIn | Layer::PushSkip | Layer::ConvOut => {}
            }
        }
        unet
    }

    /// A base's network with its weights.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) names missing, unexpected and wrongly shaped parameters.
    pub fn from_base(base: &Base, device: &Device) -> Result<Self> {
        load_state(Self::new(&base.unet, device), &base.unet, &base.state)
    }

    fn block(&self, block: topology::Block) -> &Block {
        match block {
            topology::Block::Down(i) => &self.down_blocks[i],
            topology::Block::Mid => &self.mid_block,
            topology::Block::Up(i) => &self.up_blocks[i],
        }
    }

    fn block_mut(&mut self, block: topology::Block) -> &mut Block {
        match block {
            topology::Block::Down(i) => &mut self.down_blocks[i],
            topology::Block::Mid => &mut self.mid_block,
            topology::Block::Up(i) => &mut self.up_blocks[i],
        }
    }

    /// Class tokens from one-hot rows (see [`class_rows`](super::class_rows)): `[b, tokens, encoder_hid_dim] -> [b, tokens, cross_attention_dim]`.
    pub fn context(&self, rows: Tensor<3>) -> Tensor<3> {
        self.encoder_hid_proj.forward(rows)
    }

    /// The network's prediction for noisy latents.
    ///
    /// # Shapes
    /// `sample [b, in_channels, h, w]` with h and w divisible by 2^(levels - 1); `timesteps` b values in
    /// `0..T`, fractions allowed; `context [b, tokens, cross_attention_dim]` -> `[b, out_channels, h, w]`.
    pub fn forward(&self, sample: Tensor<4>, timesteps: &[f32], context: Tensor<3>, ops: Ops) -> Tensor<4> {
        let sinusoids =
            TensorData::new(sinusoids(timesteps, self.time_channels), [timesteps.len(), self.time_channels]);
        let sinusoids = Tensor::from_data(sinusoids, &sample.device());
        // Every ResNet block begins with this SiLU: done once here.
        let time = silu(self.time_embedding.forward(sinusoids, ops), ops);

        // From here on channels come last: a pixel is a row, and most layers are matrix products of rows.
        let mut h = sample.permute([0, 2, 3, 1]);
        let mut skips = Vec::new();
        for layer in self.layers.iter() {
            h = match layer {
                Layer::ConvIn => conv3x3(&self.conv_in, h, Resize::Same, None, None, ops),
                Layer::PushSkip => {
                    skips.push(h.clone());
                    h
                }
                Layer::Resnet(resnet) => {
                    let skip = if resnet.skip_channels > 0 { skips.pop() } else { None };
                    let x = match skip {
                        Some(skip) => Tensor::cat(vec![h, skip], 3),
                        None => h,
                    };
                    self.block(resnet.block).resnets[resnet.index].forward(x, Some(time.clone()), ops)
                }
                Layer::Transformer(transformer) => {
                    let module = &self.block(transformer.block).attentions[transformer.index];
                    module.forward(h, context.clone(), ops)
                }
                Layer::Downsample(resample) => self.block(resample.block).downsamplers[0].forward(h, Resize::Half, ops),
                Layer::Upsample(resample) => self.block(resample.block).upsamplers[0].forward(h, ops),
                Layer::ConvOut => {
                    let h = self.conv_norm_out.forward(h, true, ops);
                    conv3x3(&self.conv_out, h, Resize::Same, None, None, ops)
                }
            };
        }
        h.permute([0, 3, 1, 2])
    }
}
