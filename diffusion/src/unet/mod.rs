//! The network: diffusers' `UNet2DConditionModel` in the part that [`UNetConfig`] describes.
//! Field names are diffusers' names, so that a parameter's path is its name in the weights file
//! (the few exceptions are listed in [`crate::state`]).

mod embedding;
mod norm;
mod resnet;
mod transformer;

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor, TensorData};

use embedding::TimeEmbedding;
pub use embedding::class_rows;
use norm::GroupNorm;
use resnet::{Downsample, ResnetBlock, Upsample, new_conv3x3};
use transformer::{Transformer, TransformerShape};

use crate::config::UNetConfig;
use crate::embedding::sinusoids;
use crate::ops::{Ops, Resize, conv3x3};

/// One resolution on the way down.
#[derive(Module, Debug)]
struct DownBlock {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Transformer>,
    downsamplers: Vec<Downsample>,
}

/// The coarsest resolution, between down and up.
#[derive(Module, Debug)]
struct MidBlock {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Transformer>,
}

/// One resolution on the way up.
#[derive(Module, Debug)]
struct UpBlock {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Transformer>,
    upsamplers: Vec<Upsample>,
}

/// The denoising network.
#[derive(Module, Debug)]
pub struct UNet {
    time_embedding: TimeEmbedding,
    encoder_hid_proj: Linear,
    conv_in: Conv2d,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    time_channels: usize,
}

impl UNet {
    /// Builds the network of a validated configuration; the weights are random until they are loaded.
    pub fn new(config: &UNetConfig, device: &Device) -> Self {
        let channels = &config.block_out_channels;
        let (levels, first) = (channels.len(), channels[0]);
        let last = channels[levels - 1];
        let time_dim = 4 * first;
        let resnet = |from: usize, to: usize| {
            ResnetBlock::new([from, to], time_dim, config.norm_num_groups, config.norm_eps, device)
        };
        let transformer = |level: usize, only_cross_attention: bool| {
            let shape = TransformerShape {
                channels: channels[level],
                context_dim: config.cross_attention_dim,
                heads: config.num_heads[level],
                groups: config.norm_num_groups,
                layers: config.transformer_layers_per_block,
                only_cross_attention,
            };
            Transformer::new(shape, device)
        };
        let attentions = |present: bool, level: usize, layers: usize| -> Vec<Transformer> {
            let layers = if present { layers } else { 0 };
            (0..layers).map(|_| transformer(level, config.only_cross_attention[level])).collect()
        };

        let down_blocks = (0..levels)
            .map(|i| {
                let from = channels[i.saturating_sub(1)];
                DownBlock {
                    resnets: (0..config.layers_per_block)
                        .map(|j| resnet(if j == 0 { from } else { channels[i] }, channels[i]))
                        .collect(),
                    attentions: attentions(config.down_attention[i], i, config.layers_per_block),
                    downsamplers: (i + 1 < levels).then(|| Downsample::new(channels[i], device)).into_iter().collect(),
                }
            })
            .collect();
        let mid_block = MidBlock {
            resnets: vec![resnet(last, last), resnet(last, last)],
            attentions: vec![transformer(levels - 1, false)],
        };
        let up_blocks = (0..levels)
            .map(|i| {
                let level = levels - 1 - i;
                let layers = config.layers_per_block + 1;
                // What comes from below; and what the last skip of this level carries.
                let below = channels[(level + 1).min(levels - 1)];
                let skip_last = channels[level.saturating_sub(1)];
                UpBlock {
                    resnets: (0..layers)
                        .map(|j| {
                            let skip = if j + 1 == layers { skip_last } else { channels[level] };
                            let from = if j == 0 { below } else { channels[level] };
                            resnet(from + skip, channels[level])
                        })
                        .collect(),
                    attentions: attentions(config.up_attention[i], level, layers),
                    upsamplers: (level > 0).then(|| Upsample::new(channels[level], device)).into_iter().collect(),
                }
            })
            .collect();

        Self {
            time_embedding: TimeEmbedding::new(first, time_dim, device),
            encoder_hid_proj: LinearConfig::new(config.encoder_hid_dim, config.cross_attention_dim).init(device),
            conv_in: new_conv3x3([config.in_channels, first], 1, device),
            down_blocks,
            mid_block,
            up_blocks,
            conv_norm_out: GroupNorm::new(config.norm_num_groups, first, config.norm_eps, device),
            conv_out: new_conv3x3([first, config.out_channels], 1, device),
            time_channels: first,
        }
    }

    /// Class tokens from one-hot rows (see [`class_rows`]): `[b, tokens, encoder_hid_dim] -> [b, tokens, cross_attention_dim]`.
    pub fn context(&self, rows: Tensor<3>) -> Tensor<3> {
        self.encoder_hid_proj.forward(rows)
    }

    /// The network's prediction for noisy latents.
    ///
    /// # Shapes
    /// `sample [b, in_channels, h, w]` with h and w divisible by 2^(levels - 1); `timesteps` b values in
    /// `0..T`, fractions allowed; `context [b, tokens, cross_attention_dim]` -> `[b, out_channels, h, w]`.
    pub fn forward(&self, sample: Tensor<4>, timesteps: &[f32], context: Tensor<3>, operations: Ops) -> Tensor<4> {
        let sinusoids =
            TensorData::new(sinusoids(timesteps, self.time_channels), [timesteps.len(), self.time_channels]);
        let sinusoids = Tensor::from_data(sinusoids, &sample.device());
        // Every ResNet block begins with this SiLU: done once here.
        let time = silu(self.time_embedding.forward(sinusoids));

        // In here channels come last: a pixel is a row, and most layers are products of rows.
        let sample = sample.permute([0, 2, 3, 1]);
        let mut h = conv3x3(&self.conv_in, sample, Resize::Same, None, None, operations);
        let mut skips = vec![h.clone()];
        for block in &self.down_blocks {
            for (j, resnet) in block.resnets.iter().enumerate() {
                h = resnet.forward(h, time.clone(), operations);
                if let Some(attention) = block.attentions.get(j) {
                    h = attention.forward(h, context.clone(), operations);
                }
                skips.push(h.clone());
            }
            if let Some(down) = block.downsamplers.first() {
                h = down.forward(h, operations);
                skips.push(h.clone());
            }
        }

        for (j, resnet) in self.mid_block.resnets.iter().enumerate() {
            h = resnet.forward(h, time.clone(), operations);
            if let Some(attention) = self.mid_block.attentions.get(j) {
                h = attention.forward(h, context.clone(), operations);
            }
        }

        for block in &self.up_blocks {
            for (j, resnet) in block.resnets.iter().enumerate() {
                if let Some(skip) = skips.pop() {
                    h = Tensor::cat(vec![h, skip], 3);
                }
                h = resnet.forward(h, time.clone(), operations);
                if let Some(attention) = block.attentions.get(j) {
                    h = attention.forward(h, context.clone(), operations);
                }
            }
            if let Some(up) = block.upsamplers.first() {
                h = up.forward(h, operations);
            }
        }
        let h = self.conv_norm_out.forward(h, true, operations);
        conv3x3(&self.conv_out, h, Resize::Same, None, None, operations).permute([0, 3, 1, 2])
    }
}
