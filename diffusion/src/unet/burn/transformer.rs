//! Transformer block: self-attention, cross-attention to the class tokens, feed-forward.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

use crate::config::UNetConfig;
use crate::ops::{Ops, attention, conv1x1, geglu, layer_norm, linear};
use crate::unet::topology;

use super::norm::GroupNorm;
use super::resnet::new_conv1x1;

/// Scaled dot-product attention with several heads.
#[derive(Module, Debug)]
pub struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Vec<Linear>,
    heads: usize,
}

impl Attention {
    /// Queries of width `dim`, keys and values from tokens of width `context_dim`.
    pub fn new(dim: usize, context_dim: usize, heads: usize, device: &Device) -> Self {
        let linear = |from: usize| LinearConfig::new(from, dim).with_bias(false).init(device);
        Self {
            to_q: linear(dim),
            to_k: linear(context_dim),
            to_v: linear(context_dim),
            // A list of one, as in diffusers, where a dropout follows: the name is `to_out.0`.
            to_out: vec![LinearConfig::new(dim, dim).init(device)],
            heads,
        }
    }

    /// `x [b, n, dim]`, `context [b, m, context_dim]`, added to `residual [b, n, dim]`.
    pub fn forward(&self, x: Tensor<3>, context: Tensor<3>, residual: Tensor<3>, ops: Ops) -> Tensor<3> {
        let query = linear(&self.to_q, x, None, ops);
        let key = linear(&self.to_k, context.clone(), None, ops);
        let value = linear(&self.to_v, context, None, ops);
        let out = attention(query, key, value, self.heads, ops);
        self.to_out.iter().fold(out, |x, layer| linear(layer, x, Some(residual.clone()), ops))
    }
}

/// Gated feed-forward, `proj_out(a * gelu(g))` (GEGLU, arXiv 2002.05202).
#[derive(Module, Debug)]
pub struct FeedForward {
    proj_in: Linear,
    proj_out: Linear,
}

impl FeedForward {
    /// Four times as wide inside.
    pub fn new(dim: usize, device: &Device) -> Self {
        Self {
            proj_in: LinearConfig::new(dim, 8 * dim).init(device),
            proj_out: LinearConfig::new(4 * dim, dim).init(device),
        }
    }

    /// `[b, n, dim]`, added to `residual` of the same shape.
    pub fn forward(&self, x: Tensor<3>, residual: Tensor<3>, ops: Ops) -> Tensor<3> {
        let gated = geglu(linear(&self.proj_in, x, None, ops), ops);
        linear(&self.proj_out, gated, Some(residual), ops)
    }
}

/// Three residual sub-layers, each normalised first.
#[derive(Module, Debug)]
pub struct TransformerBlock {
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    ff: FeedForward,
    only_cross_attention: bool,
}

impl TransformerBlock {
    /// Random weights, in the topology's shapes.
    pub fn new(transformer: &topology::Transformer, config: &UNetConfig, device: &Device) -> Self {
        let topology::Transformer { channels: dim, heads, only_cross_attention, .. } = *transformer;
        let context_dim = config.cross_attention_dim;
        let norm = || LayerNormConfig::new(dim).with_epsilon(topology::LAYER_NORM_EPS).init(device);
        let first = if only_cross_attention { context_dim } else { dim };
        Self {
            norm1: norm(),
            attn1: Attention::new(dim, first, heads, device),
            norm2: norm(),
            attn2: Attention::new(dim, context_dim, heads, device),
            norm3: norm(),
            ff: FeedForward::new(dim, device),
            only_cross_attention,
        }
    }

    /// `x [b, n, dim]`, `context [b, tokens, context_dim] -> [b, n, dim]`.
    pub fn forward(&self, x: Tensor<3>, context: Tensor<3>, ops: Ops) -> Tensor<3> {
        let normed = layer_norm(&self.norm1, x.clone(), ops);
        let seen = if self.only_cross_attention { context.clone() } else { normed.clone() };
        let x = self.attn1.forward(normed, seen, x, ops);
        let normed = layer_norm(&self.norm2, x.clone(), ops);
        let x = self.attn2.forward(normed, context, x, ops);
        self.ff.forward(layer_norm(&self.norm3, x.clone(), ops), x, ops)
    }
}

/// Transformer blocks over the pixels of a feature map.
#[derive(Module, Debug)]
pub struct Transformer {
    norm: GroupNorm,
    proj_in: Conv2d,
    transformer_blocks: Vec<TransformerBlock>,
    proj_out: Conv2d,
}

impl Transformer {
    /// Random weights, in the topology's shapes.
    pub fn new(transformer: &topology::Transformer, config: &UNetConfig, device: &Device) -> Self {
        let channels = transformer.channels;
        let blocks = 0..config.transformer_layers_per_block;
        Self {
            norm: GroupNorm::new(config.norm_num_groups, channels, topology::TRANSFORMER_NORM_EPS, device),
            proj_in: new_conv1x1([channels, channels], device),
            transformer_blocks: blocks.map(|_| TransformerBlock::new(transformer, config, device)).collect(),
            proj_out: new_conv1x1([channels, channels], device),
        }
    }

    /// `x [b, h, w, c]`, `context [b, tokens, context_dim] -> [b, h, w, c]`.
    pub fn forward(&self, x: Tensor<4>, context: Tensor<3>, ops: Ops) -> Tensor<4> {
        let [b, h, w, c] = x.dims();
        let normed = self.norm.forward(x.clone(), false, ops);
        let tokens = conv1x1(&self.proj_in, normed, None, ops).reshape([b, h * w, c]);
        let blocks = self.transformer_blocks.iter();
        let tokens = blocks.fold(tokens, |tokens, block| block.forward(tokens, context.clone(), ops));
        conv1x1(&self.proj_out, tokens.reshape([b, h, w, c]), Some(x), ops)
    }
}
