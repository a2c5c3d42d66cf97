//! Transformer over the pixels of a feature map (the mathematics is that of [`crate::unet`]).
//!
//! In cross-attention keys and values depend on the class alone: they are multiplied out once per class (see [`crate::fold`]).

use super::Scratch;
use super::matmul::{Packed, Product, Rows, Target};
use super::resnet::Geometry;
use super::rows::{GroupNorm, LayerNorm, geglu, softmax};
use super::weights::{Linear, Weights};
use crate::fold::{ClassMatrices, CrossWeights, class_matrices};

/// Cross-attention with the keys and values of one class multiplied out.
#[derive(Debug)]
pub struct ClassAttention {
    /// `[dim, heads · tokens]`: a pixel's normed channels to its scores.
    scores: Packed,
    /// `[heads · tokens, dim]`: its weights to what is added to it.
    gather: Packed,
}

/// Attention to class tokens.
#[derive(Debug)]
struct CrossAttention {
    norm: LayerNorm,
    /// `[dim, dim]` as in the file.
    to_q: Vec<f32>,
    to_k: Vec<f32>,
    to_v: Vec<f32>,
    to_out: Vec<f32>,
    bias: Vec<f32>,
    heads: usize,
}

impl CrossAttention {
    fn new(norm: LayerNorm, weights: &Weights<'_>, heads: usize) -> Self {
        let values = |name: &str| weights.get(name).0.to_vec();
        Self {
            norm,
            to_q: values("to_q.weight"),
            to_k: values("to_k.weight"),
            to_v: values("to_v.weight"),
            to_out: values("to_out.0.weight"),
            bias: values("to_out.0.bias"),
            heads,
        }
    }

    /// For the class of these tokens (`[tokens, width]`).
    fn prepare(&self, context: &[f32], width: usize) -> ClassAttention {
        let Self { to_q, to_k, to_v, to_out, heads, .. } = self;
        let (dim, columns) = (self.bias.len(), heads * context.len() / width);
        let weights = CrossWeights { to_q, to_k, to_v, to_out, heads: *heads };
        let ClassMatrices { scores, gather } = class_matrices(&weights, context, width);
        ClassAttention {
            scores: Packed::new(dim, columns, |c, column| scores[column * dim + c]),
            gather: Packed::new(columns, dim, |column, c| gather[column * dim + c]),
        }
    }

    /// Adds what each picture's pixels gather from its class to `x [batch · pixels, dim]`.
    fn run(&self, x: &mut [f32], batch: usize, classes: &[&ClassAttention], scratch: &mut Scratch) {
        let dim = self.bias.len();
        let pixels = x.len() / (batch * dim);
        let mut normed = scratch.take(x.len());
        self.norm.run(x, &mut normed);
        let mut picture = 0;
        while let Some(class) = classes.get(picture) {
            // Neighbours of one class go together.
            let same = classes[picture..].iter().take_while(|other| std::ptr::eq(**other, *class)).count();
            let (rows, columns) = (same * pixels, class.scores.n());
            let range = picture * pixels * dim..(picture + same) * pixels * dim;
            let mut scores = scratch.take(rows * columns);
            let left = Rows::whole(&normed[range.clone()], dim);
            Product::plain(left, rows, &class.scores, &[], Target::whole(&mut scores, columns)).run();
            let tokens = columns / self.heads;
            softmax(&mut scores, tokens);
            if let Some(looks) = &mut scratch.attention {
                looks.push(mean_of_heads(&scores, self.heads, tokens));
            }
            let (left, target) = (Rows::whole(&scores, columns), Target::whole(&mut x[range], dim));
            let product = Product::plain(left, rows, &class.gather, &self.bias, target);
            Product { accumulate: true, ..product }.run();
            scratch.give(scores);
            picture += same;
        }
        scratch.give(normed);
    }
}

/// Of rows `[heads, tokens]`, row by row.
fn mean_of_heads(scores: &[f32], heads: usize, tokens: usize) -> Vec<f32> {
    let mean = |row: &[f32], token: usize| row.iter().skip(token).step_by(tokens).sum::<f32>() / heads as f32;
    scores.chunks_exact(heads * tokens).flat_map(|row| (0..tokens).map(move |token| mean(row, token))).collect()
}

/// Attention of the pixels to each other.
#[derive(Debug)]
struct SelfAttention {
    norm: LayerNorm,
    /// Queries (scaled), keys and values side by side.
    qkv: Packed,
    to_out: Linear,
    heads: usize,
}

impl SelfAttention {
    fn new(norm: LayerNorm, weights: &Weights<'_>, heads: usize) -> Self {
        let parts = ["to_q.weight", "to_k.weight", "to_v.weight"].map(|name| weights.get(name).0);
        let to_out = weights.at("to_out.0").linear();
        let dim = to_out.weight.n();
        let scale = 1.0 / ((dim / heads) as f32).sqrt();
        let entry = |k: usize, n: usize| parts[n / dim][n % dim * dim + k] * if n < dim { scale } else { 1.0 };
        Self { norm, qkv: Packed::new(dim, 3 * dim, entry), to_out, heads }
    }

    fn run(&self, x: &mut [f32], batch: usize, scratch: &mut Scratch) {
        let dim = self.to_out.weight.n();
        let (rows, head) = (x.len() / dim, dim / self.heads);
        let pixels = rows / batch;
        let mut normed = scratch.take(x.len());
        self.norm.run(x, &mut normed);
        let mut qkv = scratch.take(3 * x.len());
        Product::plain(Rows::whole(&normed, dim), rows, &self.qkv, &[], Target::whole(&mut qkv, 3 * dim)).run();
        let (mut scores, mut right) = (scratch.take(pixels * pixels), Packed::default());
        for (picture, qkv) in qkv.chunks_exact(3 * dim * pixels).enumerate() {
            for h in 0..self.heads {
                let (stride, column) = (3 * dim, h * head);
                right.refill(head, pixels, |k, n| qkv[n * stride + dim + column + k]);
                let left = Rows { values: qkv, stride, column };
                Product::plain(left, pixels, &right, &[], Target::whole(&mut scores, pixels)).run();
                softmax(&mut scores, pixels);
                right.refill(pixels, head, |k, n| qkv[k * stride + 2 * dim + column + n]);
                // The normed pixels are done with: their memory takes the result.
                let values = &mut normed[picture * pixels * dim..(picture + 1) * pixels * dim];
                let target = Target { values, stride: dim, column, rows: None };
                Product::plain(Rows::whole(&scores, pixels), pixels, &right, &[], target).run();
            }
        }
        let product = Product::plain(
            Rows::whole(&normed, dim),
            rows,
            &self.to_out.weight,
            &self.to_out.bias,
            Target::whole(x, dim),
        );
        Product { accumulate: true, ..product }.run();
        scratch.give(normed);
        scratch.give(qkv);
        scratch.give(scores);
    }
}

#[derive(Debug)]
enum Attention {
    Pixels(SelfAttention),
    Class(CrossAttention),
}

#[derive(Debug)]
struct Block {
    attentions: [Attention; 2],
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
    /// Of `layers` blocks.
    pub fn new(weights: &Weights<'_>, layers: usize, heads: usize, groups: usize, only_cross_attention: bool) -> Self {
        let block = |i: usize| {
            let weights = weights.at("transformer_blocks").at(i);
            let norm = |name: &str| weights.at(name).layer_norm();
            let first = match only_cross_attention {
                true => Attention::Class(CrossAttention::new(norm("norm1"), &weights.at("attn1"), heads)),
                false => Attention::Pixels(SelfAttention::new(norm("norm1"), &weights.at("attn1"), heads)),
            };
            let second = Attention::Class(CrossAttention::new(norm("norm2"), &weights.at("attn2"), heads));
            Block {
                attentions: [first, second],
                norm3: norm("norm3"),
                proj_in: weights.at("ff.net.0.proj").linear(),
                proj_out: weights.at("ff.net.2").linear(),
            }
        };
        Self {
            norm: weights.at("norm").group_norm(groups, 1e-6),
            proj_in: weights.at("proj_in").linear(),
            blocks: (0..layers).map(block).collect(),
            proj_out: weights.at("proj_out").linear(),
        }
    }

    /// What a class needs here, in the order in which [`run`](Self::run) takes it.
    pub fn prepare(&self, context: &[f32], width: usize) -> Vec<ClassAttention> {
        let attentions = self.blocks.iter().flat_map(|block| &block.attentions);
        attentions
            .filter_map(|attention| match attention {
                Attention::Class(cross) => Some(cross.prepare(context, width)),
                Attention::Pixels(_) => None,
            })
            .collect()
    }

    /// `x [batch · pixels, channels]`; `classes`: of each picture, what [`prepare`](Self::prepare) gave for its class.
    pub fn run(
        &self,
        x: &[f32],
        classes: &[&[ClassAttention]],
        geometry: &Geometry,
        scratch: &mut Scratch,
    ) -> Vec<f32> {
        let (batch, dim) = (classes.len(), self.proj_out.weight.n());
        let rows = batch * geometry.pixels();
        let mut normed = scratch.take(x.len());
        self.norm.run(&[(x, dim)], geometry.pixels(), false, &mut normed);
        let mut h = scratch.take(x.len());
        let linear = |layer: &Linear, from: &[f32], to: &mut [f32], accumulate: bool| {
            let width = layer.weight.n();
            let left = Rows::whole(from, from.len() / rows);
            let product = Product::plain(left, rows, &layer.weight, &layer.bias, Target::whole(to, width));
            Product { accumulate, ..product }.run();
        };
        linear(&self.proj_in, &normed, &mut h, false);
        let mut cross = 0;
        for block in &self.blocks {
            for attention in &block.attentions {
                match attention {
                    Attention::Pixels(attention) => attention.run(&mut h, batch, scratch),
                    Attention::Class(attention) => {
                        let classes: Vec<&ClassAttention> = classes.iter().map(|class| &class[cross]).collect();
                        attention.run(&mut h, batch, &classes, scratch);
                        cross += 1;
                    }
                }
            }
            block.norm3.run(&h, &mut normed);
            let wide = block.proj_in.weight.n();
            let (mut both, mut gated) = (scratch.take(rows * wide), scratch.take(rows * wide / 2));
            linear(&block.proj_in, &normed, &mut both, false);
            geglu(&both, wide / 2, &mut gated);
            linear(&block.proj_out, &gated, &mut h, true);
            scratch.give(both);
            scratch.give(gated);
        }
        let mut out = scratch.again(normed, x.len());
        let target = Target::whole(&mut out, dim);
        let product = Product::plain(Rows::whole(&h, dim), rows, &self.proj_out.weight, &self.proj_out.bias, target);
        Product { residual: Some(x), ..product }.run();
        scratch.give(h);
        out
    }
}
