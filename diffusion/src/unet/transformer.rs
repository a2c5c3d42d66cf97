//! Transformer block: self-attention, cross-attention to the class tokens, feed-forward.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor};

use super::norm::GroupNorm;
use super::resnet::conv1x1;

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

    /// `x [b, n, dim]`, `context [b, m, context_dim] -> [b, n, dim]`.
    pub fn forward(&self, x: Tensor<3>, context: Tensor<3>) -> Tensor<3> {
        let [b, n, dim] = x.dims();
        let query = self.split(self.to_q.forward(x));
        let key = self.split(self.to_k.forward(context.clone()));
        let value = self.split(self.to_v.forward(context));
        let options = AttentionModuleOptions { scale: None, softcap: None, is_causal: false };
        let out = attention(query, key, value, None, None, options);
        let out = out.swap_dims(1, 2).reshape([b, n, dim]);
        self.to_out.iter().fold(out, |x, layer| layer.forward(x))
    }

    /// `[b, n, heads * d] -> [b, heads, n, d]`.
    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        let [b, n, dim] = x.dims();
        x.reshape([b, n, self.heads, dim / self.heads]).swap_dims(1, 2)
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

    /// `[b, n, dim] -> [b, n, dim]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let mut halves = self.proj_in.forward(x).chunk(2, 2).into_iter();
        match (halves.next(), halves.next()) {
            (Some(value), Some(gate)) => self.proj_out.forward(value * gelu(gate)),
            _ => unreachable!("chunk(2) of an even dimension gives two halves"),
        }
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
    /// See [`Transformer::new`].
    pub fn new(dim: usize, context_dim: usize, heads: usize, only_cross_attention: bool, device: &Device) -> Self {
        let norm = || LayerNormConfig::new(dim).with_epsilon(1e-5).init(device);
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
    pub fn forward(&self, x: Tensor<3>, context: Tensor<3>) -> Tensor<3> {
        let normed = self.norm1.forward(x.clone());
        let seen = if self.only_cross_attention { context.clone() } else { normed.clone() };
        let x = x + self.attn1.forward(normed, seen);
        let x = x.clone() + self.attn2.forward(self.norm2.forward(x), context);
        x.clone() + self.ff.forward(self.norm3.forward(x))
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

/// What a [`Transformer`] is built from.
#[derive(Debug, Clone, Copy)]
pub struct TransformerShape {
    /// Channels of the feature map.
    pub channels: usize,
    /// Width of a context token.
    pub context_dim: usize,
    /// Attention heads.
    pub heads: usize,
    /// Groups of the GroupNorm.
    pub groups: usize,
    /// Transformer blocks, one after the other.
    pub layers: usize,
    /// Whether the first attention looks at the context too.
    pub only_cross_attention: bool,
}

impl Transformer {
    /// Random weights.
    pub fn new(shape: TransformerShape, device: &Device) -> Self {
        let TransformerShape { channels, context_dim, heads, groups, layers, only_cross_attention } = shape;
        Self {
            norm: GroupNorm::new(groups, channels, 1e-6, device),
            proj_in: conv1x1([channels, channels], device),
            transformer_blocks: (0..layers)
                .map(|_| TransformerBlock::new(channels, context_dim, heads, only_cross_attention, device))
                .collect(),
            proj_out: conv1x1([channels, channels], device),
        }
    }

    /// `x [b, c, h, w]`, `context [b, tokens, context_dim] -> [b, c, h, w]`.
    pub fn forward(&self, x: Tensor<4>, context: Tensor<3>) -> Tensor<4> {
        let [b, c, h, w] = x.dims();
        let tokens = self.proj_in.forward(self.norm.forward(x.clone()));
        let tokens = tokens.reshape([b, c, h * w]).swap_dims(1, 2);
        let tokens = self.transformer_blocks.iter().fold(tokens, |t, block| block.forward(t, context.clone()));
        self.proj_out.forward(tokens.swap_dims(1, 2).reshape([b, c, h, w])) + x
    }
}
