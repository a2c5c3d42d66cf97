//! Transformer over the pixels of a feature map.

use cpu_kernels::activation::geglu;
use cpu_kernels::matmul::MatMul;
use cpu_kernels::norm::{GroupNorm, LayerNorm};
use cpu_kernels::view::{MatrixView, MatrixViewMut};

use crate::config::UNetConfig;
use crate::unet::topology;
use crate::unet::weights::Weights;

use super::attention::{ClassAttention, CrossAttention, ROWS_TOGETHER, SelfAttention};
use super::geometry::Geometry;
use super::layers::Linear;
use super::scratch::Scratch;

#[derive(Debug)]
enum AttentionLayer {
    Pixels(SelfAttention),
    Class(CrossAttention),
}

#[derive(Debug)]
struct Block {
    attentions: [AttentionLayer; 2],
    norm3: LayerNorm,
    proj_in: Linear,
    proj_out: Linear,
}

/// Transformer blocks over the pixels of a feature map.
#[derive(Debug)]
pub struct Transformer {
    norm: GroupNorm,
    proj_in: Linear,
    blocks: Vec<Block>,
    proj_out: Linear,
}

impl Transformer {
    /// The transformer of the topology, whose parameters are in `weights`.
    pub fn new(layer: &topology::Transformer, weights: &Weights<'_>, config: &UNetConfig) -> Self {
        let (weights, heads) = (weights.at(layer.path()), layer.heads);
        let block = |i: usize| {
            let weights = weights.at("transformer_blocks").at(i);
            let norm = |name: &str| weights.at(name).layer_norm();
            let first = match layer.only_cross_attention {
                true => AttentionLayer::Class(CrossAttention::new(norm("norm1"), &weights.at("attn1"), heads)),
                false => AttentionLayer::Pixels(SelfAttention::new(norm("norm1"), &weights.at("attn1"), heads)),
            };
            let second = AttentionLayer::Class(CrossAttention::new(norm("norm2"), &weights.at("attn2"), heads));
            Block {
                attentions: [first, second],
                norm3: norm("norm3"),
                proj_in: weights.at("ff.net.0.proj").linear(),
                proj_out: weights.at("ff.net.2").linear(),
            }
        };
        Self {
            norm: weights.at("norm").group_norm(config.norm_num_groups, topology::TRANSFORMER_NORM_EPS),
            proj_in: weights.at("proj_in").linear(),
            blocks: (0..config.transformer_layers_per_block).map(block).collect(),
            proj_out: weights.at("proj_out").linear(),
        }
    }

    /// Precomputes the cross-attentions of a class with tokens `context [tokens, width]`, in the order of the blocks.
    pub fn for_class(&self, context: &[f32], width: usize) -> Vec<ClassAttention> {
        let attentions = self.blocks.iter().flat_map(|block| &block.attentions);
        attentions
            .filter_map(|attention| match attention {
                AttentionLayer::Class(cross) => Some(cross.for_class(context, width)),
                AttentionLayer::Pixels(_) => None,
            })
            .collect()
    }

    /// `x [batch · pixels, channels] -> [batch · pixels, channels]`; `classes`: for each picture the result of
    /// [`for_class`](Self::for_class).
    pub fn run(
        &self,
        x: &[f32],
        classes: &[&[ClassAttention]],
        geometry: &Geometry,
        scratch: &mut Scratch,
    ) -> Vec<f32> {
        let (batch, dim) = (classes.len(), self.proj_out.weight.n());
        let rows = batch * geometry.pixels();
        let mut normed = scratch.buffers.take(x.len());
        self.norm.run(&[(x, dim)], geometry.pixels(), false, &mut normed);
        let mut h = scratch.buffers.take(x.len());
        let linear = |layer: &Linear, rows: usize, from: &[f32], to: &mut [f32], accumulate: bool| {
            let width = layer.weight.n();
            let left = MatrixView::whole(from, from.len() / rows);
            let product = MatMul::plain(left, rows, &layer.weight, &layer.bias, MatrixViewMut::whole(to, width));
            MatMul { accumulate, ..product }.run();
        };
        linear(&self.proj_in, rows, &normed, &mut h, false);
        let mut cross = 0;
        for block in &self.blocks {
            for attention in &block.attentions {
                match attention {
                    AttentionLayer::Pixels(attention) => attention.run(&mut h, batch, scratch),
                    AttentionLayer::Class(attention) => {
                        let classes: Vec<&ClassAttention> = classes.iter().map(|class| &class[cross]).collect();
                        attention.run(&mut h, batch, &classes, scratch);
                        cross += 1;
                    }
                }
            }
            let wide = block.proj_in.weight.n();
            let (mut both, mut gated) =
                (scratch.buffers.take(ROWS_TOGETHER * wide), scratch.buffers.take(ROWS_TOGETHER * wide / 2));
            for h in h.chunks_mut(ROWS_TOGETHER * dim) {
                let rows = h.len() / dim;
                let (normed, both, gated) =
                    (&mut normed[..h.len()], &mut both[..rows * wide], &mut gated[..rows * wide / 2]);
                block.norm3.run(h, normed);
                linear(&block.proj_in, rows, normed, both, false);
                geglu(both, wide / 2, gated);
                linear(&block.proj_out, rows, gated, h, true);
            }
            scratch.buffers.give(both);
            scratch.buffers.give(gated);
        }
        let mut out = scratch.buffers.exchange(normed, x.len());
        let target = MatrixViewMut::whole(&mut out, dim);
        let product =
            MatMul::plain(MatrixView::whole(&h, dim), rows, &self.proj_out.weight, &self.proj_out.bias, target);
        MatMul { residual: Some(x), ..product }.run();
        scratch.buffers.give(h);
        out
    }
}
