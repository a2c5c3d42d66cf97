//! The one description of the autoencoder: the layers of its two halves, in the order in which a feature map passes them.
//!
//! It is diffusers' `AutoencoderKL` in the part that [`AutoencoderConfig`] describes. Blocks, their parts and their names are
//! those of the UNet's topology, under `encoder` and `decoder`.
//!
//! Tests: `tests/it/autoencoder.rs` against diffusers.

use std::fmt;

use crate::config::AutoencoderConfig;
use crate::unet::topology::{Block, Resample, Resnet, Transformer};

/// Epsilon of every GroupNorm.
pub const NORM_EPS: f64 = 1e-6;

/// One of the two halves. Shown as its path in the weights file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// From pictures to means and logarithms of variances.
    Encoder,
    /// From latents to pictures.
    Decoder,
}

impl Half {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Encoder, Self::Decoder];
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
        })
    }
}

/// A step of the feature map's way through a half. Paths in the weights file are below the half's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// `conv_in`: 3 x 3 convolution, from and to so many channels.
    ConvIn([usize; 2]),
    /// A ResNet block without time and skip connection.
    Resnet(Resnet),
    /// Attention of the pixels to each other, and nothing else of what a transformer has.
    Attention(Transformer),
    /// A row and a column of zeros behind the map, then a 3 x 3 convolution of stride 2.
    Downsample(Resample),
    /// Nearest-neighbour enlargement to double size, then a 3 x 3 convolution.
    Upsample(Resample),
    /// `conv_norm_out`, SiLU, `conv_out`, from and to so many channels.
    ConvOut([usize; 2]),
}

/// The attention in the middle of each half: one head.
pub fn attention(channels: usize) -> Transformer {
    Transformer { block: Block::Mid, index: 0, channels, heads: 1, only_cross_attention: false }
}

/// A 1 x 1 convolution of the latents that some autoencoders have: its path, and its channels from and to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointwise {
    /// Path in the weights file.
    pub path: &'static str,
    /// Channels, in and out.
    pub channels: usize,
}

/// The layers of a half, of a validated configuration.
pub fn layers(config: &AutoencoderConfig, half: Half) -> Vec<Layer> {
    let widths = &config.block_out_channels;
    // A validated configuration has some.
    let (finest, coarsest) = (widths.first().copied().unwrap_or(1), widths.last().copied().unwrap_or(1));
    let mut walk = Walk { layers: Vec::new(), channels: finest };
    match half {
        Half::Encoder => {
            walk.layers.push(Layer::ConvIn([config.in_channels, finest]));
            for (level, &width) in widths.iter().enumerate() {
                let block = Block::Down(level);
                (0..config.layers_per_block).for_each(|index| walk.resnet(block, index, width));
                if level + 1 < widths.len() {
                    walk.layers.push(Layer::Downsample(Resample { block, channels: width }));
                }
            }
            walk.middle(config);
            walk.layers.push(Layer::ConvOut([coarsest, 2 * config.latent_channels]));
        }
        Half::Decoder => {
            walk.layers.push(Layer::ConvIn([config.latent_channels, coarsest]));
            walk.channels = coarsest;
            walk.middle(config);
            for (i, &width) in widths.iter().rev().enumerate() {
                let block = Block::Up(i);
                (0..=config.layers_per_block).for_each(|index| walk.resnet(block, index, width));
                if i + 1 < widths.len() {
                    walk.layers.push(Layer::Upsample(Resample { block, channels: width }));
                }
            }
            walk.layers.push(Layer::ConvOut([finest, config.out_channels]));
        }
    }
    walk.layers
}

/// The convolution behind the encoder, or before the decoder, if there is one.
pub fn pointwise(config: &AutoencoderConfig, half: Half) -> Option<Pointwise> {
    let (wanted, path, channels) = match half {
        Half::Encoder => (config.use_quant_conv, "quant_conv", 2 * config.latent_channels),
        Half::Decoder => (config.use_post_quant_conv, "post_quant_conv", config.latent_channels),
    };
    wanted.then_some(Pointwise { path, channels })
}

/// Lists the layers while it follows the feature map's channels.
struct Walk {
    layers: Vec<Layer>,
    channels: usize,
}

impl Walk {
    fn resnet(&mut self, block: Block, index: usize, out_channels: usize) {
        let resnet = Resnet { block, index, in_channels: self.channels, skip_channels: 0, out_channels };
        self.layers.push(Layer::Resnet(resnet));
        self.channels = out_channels;
    }

    fn middle(&mut self, config: &AutoencoderConfig) {
        let channels = self.channels;
        self.resnet(Block::Mid, 0, channels);
        if config.mid_block_add_attention {
            self.layers.push(Layer::Attention(attention(channels)));
        }
        self.resnet(Block::Mid, 1, channels);
    }
}
