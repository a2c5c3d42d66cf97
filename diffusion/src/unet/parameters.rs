//! The network's parameters: names (those of the weights file, which are diffusers') and shapes.
//!
//! Tests: `tests/it/unet.rs`, `tests/it/base_files.rs`.

use std::collections::BTreeMap;

use crate::config::UNetConfig;
use crate::error::{Error, Result, WrongShape};
use crate::state::{HostTensor, StateDict};

use super::topology::{Layer, Resnet, Transformer, layers};

/// Shapes by name, in the file's layout.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// The parameters of a validated configuration.
pub fn shapes(config: &UNetConfig) -> Shapes {
    let mut spec = Parameters { config, shapes: Shapes::new() };
    let first = config.block_out_channels[0];
    spec.linear("time_embedding.linear_1", first, time_embed_dim(config));
    spec.linear("time_embedding.linear_2", time_embed_dim(config), time_embed_dim(config));
    spec.linear("encoder_hid_proj", config.encoder_hid_dim, config.cross_attention_dim);
    for layer in layers(config) {
        match layer {
            Layer::ConvIn => spec.conv("conv_in", config.in_channels, first, 3),
            Layer::PushSkip => {}
            Layer::Resnet(resnet) => spec.resnet(&resnet),
            Layer::Transformer(transformer) => spec.transformer(&transformer),
            Layer::Downsample(resample) | Layer::Upsample(resample) => {
                spec.conv(&resample.path(), resample.channels, resample.channels, 3);
            }
            Layer::ConvOut => {
                spec.norm("conv_norm_out", first);
                spec.conv("conv_out", first, config.out_channels, 3);
            }
        }
    }
    spec.shapes
}

/// Width of the time embedding.
pub fn time_embed_dim(config: &UNetConfig) -> usize {
    4 * config.block_out_channels[0]
}

/// Parameters by name from their values one after the other, in the order of the names. Where there are too few values, the
/// parameters that are left without are missing.
pub fn state_of(config: &UNetConfig, mut values: &[f32]) -> StateDict {
    let mut state = StateDict::new();
    for (name, shape) in shapes(config) {
        let Some((own, rest)) = values.split_at_checked(shape.iter().product()) else { break };
        state.insert(name, HostTensor { shape, values: own.to_vec() });
        values = rest;
    }
    state
}

/// Refuses missing, unexpected and wrongly shaped parameters by name.
pub fn check_state(config: &UNetConfig, state: &StateDict) -> Result<()> {
    check_shapes(&shapes(config), state)
}

/// Refuses parameters that are not those that `shapes` lists, by name.
pub(crate) fn check_shapes(shapes: &Shapes, state: &StateDict) -> Result<()> {
    let missing: Vec<_> = shapes.keys().filter(|name| !state.contains_key(*name)).cloned().collect();
    let unexpected: Vec<_> = state.keys().filter(|name| !shapes.contains_key(*name)).cloned().collect();
    let wrong: Vec<_> = shapes
        .iter()
        .filter_map(|(name, shape)| {
            let found = &state.get(name)?.shape;
            let wrong = || WrongShape { tensor: name.clone(), found: found.clone(), expected: shape.clone() };
            (found != shape).then(wrong)
        })
        .collect();
    if missing.is_empty() && unexpected.is_empty() && wrong.is_empty() {
        return Ok(());
    }
    Err(Error::Weights { missing, unexpected, wrong })
}

struct Parameters<'a> {
    config: &'a UNetConfig,
    shapes: Shapes,
}

impl Parameters<'_> {
    fn put(&mut self, name: String, shape: &[usize]) {
        self.shapes.insert(name, shape.to_vec());
    }

    fn norm(&mut self, name: &str, channels: usize) {
        self.put(format!("{name}.weight"), &[channels]);
        self.put(format!("{name}.bias"), &[channels]);
    }

    fn linear(&mut self, name: &str, from: usize, to: usize) {
        self.put(format!("{name}.weight"), &[to, from]);
        self.put(format!("{name}.bias"), &[to]);
    }

    fn conv(&mut self, name: &str, from: usize, to: usize, side: usize) {
        self.put(format!("{name}.weight"), &[to, from, side, side]);
        self.put(format!("{name}.bias"), &[to]);
    }

    fn resnet(&mut self, resnet: &Resnet) {
        let (name, from, to) = (resnet.path(), resnet.in_channels + resnet.skip_channels, resnet.out_channels);
        self.norm(&format!("{name}.norm1"), from);
        self.conv(&format!("{name}.conv1"), from, to, 3);
        self.linear(&format!("{name}.time_emb_proj"), time_embed_dim(self.config), to);
        self.norm(&format!("{name}.norm2"), to);
        self.conv(&format!("{name}.conv2"), to, to, 3);
        if resnet.has_shortcut() {
            self.conv(&format!("{name}.conv_shortcut"), from, to, 1);
        }
    }

    fn transformer(&mut self, transformer: &Transformer) {
        let (name, dim) = (transformer.path(), transformer.channels);
        self.norm(&format!("{name}.norm"), dim);
        self.conv(&format!("{name}.proj_in"), dim, dim, 1);
        let context = self.config.cross_attention_dim;
        for layer in 0..self.config.transformer_layers_per_block {
            let block = format!("{name}.transformer_blocks.{layer}");
            let first = if transformer.only_cross_attention { context } else { dim };
            for (attention, width) in [("attn1", first), ("attn2", context)] {
                for (part, from) in [("to_q", dim), ("to_k", width), ("to_v", width)] {
                    self.put(format!("{block}.{attention}.{part}.weight"), &[dim, from]);
                }
                self.linear(&format!("{block}.{attention}.to_out.0"), dim, dim);
            }
            for norm in ["norm1", "norm2", "norm3"] {
                self.norm(&format!("{block}.{norm}"), dim);
            }
            self.linear(&format!("{block}.ff.net.0.proj"), dim, 8 * dim);
            self.linear(&format!("{block}.ff.net.2"), 4 * dim, dim);
        }
        self.conv(&format!("{name}.proj_out"), dim, dim, 1);
    }
}
