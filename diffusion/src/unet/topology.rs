//! The one description of the network: its layers, in the order in which a feature map passes them, and their names.
//! The parameters' shapes, the three implementations and the WebGPU plan all follow it.
//!
//! It is diffusers' `UNet2DConditionModel` in the part that [`UNetConfig`] describes: ResNet blocks, each followed by a
//! transformer where its level has one, on the way down, in the middle and on the way up; the maps of the way down are
//! joined to those of the way up (U-Net, arXiv 1505.04597).
//!
//! Tests: below, and `tests/it/unet.rs` against diffusers.

use std::fmt;

use crate::config::UNetConfig;

/// Epsilon of the GroupNorm at the entry of a transformer (the ResNet blocks' is [`UNetConfig::norm_eps`]).
pub const TRANSFORMER_NORM_EPS: f64 = 1e-6;

/// Epsilon of every LayerNorm.
pub const LAYER_NORM_EPS: f64 = 1e-5;

/// A block of the network. Shown as its path in the weights file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// On the way down, 0 the finest.
    Down(usize),
    /// The coarsest, between down and up.
    Mid,
    /// On the way up, 0 the coarsest.
    Up(usize),
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(i) => write!(f, "down_blocks.{i}"),
            Self::Mid => write!(f, "mid_block"),
            Self::Up(i) => write!(f, "up_blocks.{i}"),
        }
    }
}

/// A ResNet block (see [`Layer::Resnet`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resnet {
    /// The block that it is in.
    pub block: Block,
    /// Its number there.
    pub index: usize,
    /// Channels of the feature map.
    pub in_channels: usize,
    /// Channels of the skip connection that is popped and concatenated behind them; 0: none is.
    pub skip_channels: usize,
    /// Channels of the result.
    pub out_channels: usize,
}

impl Resnet {
    /// Path in the weights file.
    pub fn path(&self) -> String {
        format!("{}.resnets.{}", self.block, self.index)
    }

    /// Whether the residual goes through a 1 x 1 convolution, `conv_shortcut`.
    pub fn has_shortcut(&self) -> bool {
        self.in_channels + self.skip_channels != self.out_channels
    }
}

/// A transformer over the pixels of the feature map (see [`Layer::Transformer`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transformer {
    /// The block that it is in.
    pub block: Block,
    /// Its number there.
    pub index: usize,
    /// Channels of the feature map.
    pub channels: usize,
    /// Attention heads.
    pub heads: usize,
    /// Whether the first attention looks at the class tokens too, not at the pixels.
    pub only_cross_attention: bool,
}

impl Transformer {
    /// Path in the weights file.
    pub fn path(&self) -> String {
        format!("{}.attentions.{}", self.block, self.index)
    }
}

/// A convolution that changes the resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resample {
    /// The block that it ends.
    pub block: Block,
    /// Channels of the feature map, in and out.
    pub channels: usize,
}

impl Resample {
    /// Path of the convolution in the weights file.
    pub fn path(&self) -> String {
        let kind = if let Block::Up(_) = self.block { "upsamplers" } else { "downsamplers" };
        format!("{}.{kind}.0.conv", self.block)
    }
}

/// A step of the feature map's way through the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// `conv_in`: 3 x 3 convolution of the latents.
    ConvIn,
    /// The feature map is pushed onto the stack of skip connections, and goes on.
    PushSkip,
    /// A ResNet block; pops a skip connection where it has `skip_channels`.
    Resnet(Resnet),
    /// A transformer.
    Transformer(Transformer),
    /// 3 x 3 convolution of stride 2.
    Downsample(Resample),
    /// Nearest-neighbour enlargement to double size, then a 3 x 3 convolution.
    Upsample(Resample),
    /// `conv_norm_out`, SiLU, `conv_out`.
    ConvOut,
}

/// The layers of a validated configuration.
pub fn layers(config: &UNetConfig) -> Vec<Layer> {
    let mut walk = Walk::new(config);
    let coarsest = config.block_out_channels.len() - 1;
    for level in 0..=coarsest {
        let block = Block::Down(level);
        for index in 0..config.layers_per_block {
            walk.resnet(block, index, level, 0);
            if config.down_attention[level] {
                walk.transformer(block, index, level, config.only_cross_attention[level]);
            }
            walk.push_skip();
        }
        if level < coarsest {
            walk.layers.push(Layer::Downsample(Resample { block, channels: walk.channels }));
            walk.push_skip();
        }
    }
    walk.resnet(Block::Mid, 0, coarsest, 0);
    walk.transformer(Block::Mid, 0, coarsest, false);
    walk.resnet(Block::Mid, 1, coarsest, 0);
    for (i, level) in (0..=coarsest).rev().enumerate() {
        let block = Block::Up(i);
        // One more than on the way down: for what came in there.
        for index in 0..=config.layers_per_block {
            // The way up pops as many as the way down pushed: a test counts them.
            let skip_channels = walk.skips.pop().unwrap_or_default();
            walk.resnet(block, index, level, skip_channels);
            if config.up_attention[i] {
                walk.transformer(block, index, level, config.only_cross_attention[level]);
            }
        }
        if level > 0 {
            walk.layers.push(Layer::Upsample(Resample { block, channels: walk.channels }));
        }
    }
    walk.layers.push(Layer::ConvOut);
    walk.layers
}

/// Lists the layers while it follows the feature map's channels.
struct Walk<'a> {
    config: &'a UNetConfig,
    layers: Vec<Layer>,
    /// Channels of the feature map.
    channels: usize,
    /// Channels of the skip connections on the stack.
    skips: Vec<usize>,
}

impl<'a> Walk<'a> {
    fn new(config: &'a UNetConfig) -> Self {
        let mut walk =
            Self { config, layers: vec![Layer::ConvIn], channels: config.block_out_channels[0], skips: Vec::new() };
        walk.push_skip();
        walk
    }

    fn push_skip(&mut self) {
        self.layers.push(Layer::PushSkip);
        self.skips.push(self.channels);
    }

    fn resnet(&mut self, block: Block, index: usize, level: usize, skip_channels: usize) {
        let (in_channels, out_channels) = (self.channels, self.config.block_out_channels[level]);
        self.layers.push(Layer::Resnet(Resnet { block, index, in_channels, skip_channels, out_channels }));
        self.channels = out_channels;
    }

    fn transformer(&mut self, block: Block, index: usize, level: usize, only_cross_attention: bool) {
        let (channels, heads) = (self.channels, self.config.num_heads[level]);
        self.layers.push(Layer::Transformer(Transformer { block, index, channels, heads, only_cross_attention }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> UNetConfig {
        UNetConfig {
            dropout: 0.0,
            sample_size: 8,
            in_channels: 4,
            out_channels: 4,
            block_out_channels: vec![8, 12, 20],
            layers_per_block: 2,
            down_attention: vec![true, false, true],
            up_attention: vec![true, false, true],
            transformer_layers_per_block: 1,
            norm_num_groups: 4,
            norm_eps: 1e-5,
            num_heads: vec![2, 4, 4],
            only_cross_attention: vec![true, false, false],
            cross_attention_dim: 6,
            encoder_hid_dim: 9,
        }
    }

    #[test]
    fn every_skip_connection_is_popped_with_its_own_channels() {
        let (mut channels, mut skips) = (8, Vec::new());
        for layer in layers(&config()) {
            match layer {
                Layer::PushSkip => skips.push(channels),
                Layer::Resnet(resnet) => {
                    assert_eq!(resnet.in_channels, channels, "{}", resnet.path());
                    if resnet.skip_channels > 0 {
                        assert_eq!(skips.pop(), Some(resnet.skip_channels), "{}", resnet.path());
                    }
                    channels = resnet.out_channels;
                }
                Layer::Transformer(transformer) => assert_eq!(transformer.channels, channels),
                Layer::Downsample(resample) | Layer::Upsample(resample) => assert_eq!(resample.channels, channels),
                Layer::ConvIn | Layer::ConvOut => {}
            }
        }
        assert_eq!((channels, skips), (8, vec![]));
    }

    #[test]
    fn the_resolution_comes_back() {
        let level = |level: i32, layer: &Layer| match layer {
            Layer::Downsample(_) => level + 1,
            Layer::Upsample(_) => level - 1,
            _ => level,
        };
        assert_eq!(layers(&config()).iter().fold(0, level), 0);
    }

    #[test]
    fn paths_are_those_of_diffusers() {
        let paths: Vec<String> = layers(&config())
            .iter()
            .filter_map(|layer| match layer {
                Layer::Resnet(resnet) => Some(resnet.path()),
                Layer::Transformer(transformer) => Some(transformer.path()),
                Layer::Downsample(resample) | Layer::Upsample(resample) => Some(resample.path()),
                _ => None,
            })
            .collect();
        assert_eq!(
            paths[..5],
            [
                "down_blocks.0.resnets.0",
                "down_blocks.0.attentions.0",
                "down_blocks.0.resnets.1",
                "down_blocks.0.attentions.1",
                "down_blocks.0.downsamplers.0.conv",
            ]
        );
        for path in ["mid_block.resnets.1", "mid_block.attentions.0", "up_blocks.1.upsamplers.0.conv"] {
            assert!(paths.iter().any(|p| p == path), "{path}");
        }
        assert_eq!(paths.iter().filter(|path| path.starts_with("up_blocks.0.resnets.")).count(), 3);
    }
}
