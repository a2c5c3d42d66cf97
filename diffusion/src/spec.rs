//! Which parameters a network of a configuration has, by the names of the weights file (diffusers' names), and in which shapes.

use std::collections::BTreeMap;

use crate::config::UNetConfig;
use crate::error::{Error, Result, WrongShape};
use crate::state::StateDict;

/// Shapes by name, in the file's layout.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// The parameters of a validated configuration.
pub fn shapes(config: &UNetConfig) -> Shapes {
    let mut spec = Spec { config, shapes: Shapes::new() };
    let channels = &config.block_out_channels;
    let (levels, first) = (channels.len(), channels[0]);
    let last = channels[levels - 1];
    let time = 4 * first;
    spec.linear("time_embedding.linear_1", first, time);
    spec.linear("time_embedding.linear_2", time, time);
    spec.linear("encoder_hid_proj", config.encoder_hid_dim, config.cross_attention_dim);
    spec.conv("conv_in", config.in_channels, first, 3);

    let mut skips = vec![first];
    for i in 0..levels {
        let block = format!("down_blocks.{i}");
        for j in 0..config.layers_per_block {
            let from = if j == 0 { channels[i.saturating_sub(1)] } else { channels[i] };
            spec.resnet(&format!("{block}.resnets.{j}"), from, channels[i]);
            if config.down_attention[i] {
                spec.transformer(&format!("{block}.attentions.{j}"), channels[i], config.only_cross_attention[i]);
            }
            skips.push(channels[i]);
        }
        if i + 1 < levels {
            spec.conv(&format!("{block}.downsamplers.0.conv"), channels[i], channels[i], 3);
            skips.push(channels[i]);
        }
    }
    for j in 0..2 {
        spec.resnet(&format!("mid_block.resnets.{j}"), last, last);
    }
    spec.transformer("mid_block.attentions.0", last, false);
    let mut below = last;
    for i in 0..levels {
        let (block, level) = (format!("up_blocks.{i}"), levels - 1 - i);
        for j in 0..=config.layers_per_block {
            let from = below + skips.pop().unwrap_or_default();
            spec.resnet(&format!("{block}.resnets.{j}"), from, channels[level]);
            below = channels[level];
            if config.up_attention[i] {
                spec.transformer(&format!("{block}.attentions.{j}"), below, config.only_cross_attention[level]);
            }
        }
        if level > 0 {
            spec.conv(&format!("{block}.upsamplers.0.conv"), below, below, 3);
        }
    }
    spec.norm("conv_norm_out", first);
    spec.conv("conv_out", first, config.out_channels, 3);
    spec.shapes
}

/// Refuses missing, unexpected and wrongly shaped parameters by name.
pub fn check_state(config: &UNetConfig, state: &StateDict) -> Result<()> {
    let shapes = shapes(config);
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

struct Spec<'a> {
    config: &'a UNetConfig,
    shapes: Shapes,
}

impl Spec<'_> {
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

    fn resnet(&mut self, name: &str, from: usize, to: usize) {
        self.norm(&format!("{name}.norm1"), from);
        self.conv(&format!("{name}.conv1"), from, to, 3);
        self.linear(&format!("{name}.time_emb_proj"), 4 * self.config.block_out_channels[0], to);
        self.norm(&format!("{name}.norm2"), to);
        self.conv(&format!("{name}.conv2"), to, to, 3);
        if from != to {
            self.conv(&format!("{name}.conv_shortcut"), from, to, 1);
        }
    }

    fn transformer(&mut self, name: &str, dim: usize, only_cross_attention: bool) {
        self.norm(&format!("{name}.norm"), dim);
        self.conv(&format!("{name}.proj_in"), dim, dim, 1);
        let context = self.config.cross_attention_dim;
        for layer in 0..self.config.transformer_layers_per_block {
            let block = format!("{name}.transformer_blocks.{layer}");
            let first = if only_cross_attention { context } else { dim };
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
