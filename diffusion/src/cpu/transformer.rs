//! Transformer over the pixels of a feature map (the mathematics is that of [`crate::unet`]).
//!
//! In cross-attention keys and values depend on the class alone: they are multiplied out once per class (see [`crate::fold`]).

use cpu_kernels::activation::geglu;
use cpu_kernels::matmul::MatMul;
use cpu_kernels::norm::{GroupNorm, LayerNorm};
use cpu_kernels::packed_matrix::PackedMatrix;
use cpu_kernels::softmax::{heads_together, softmax};
use cpu_kernels::view::{MatrixView, MatrixViewMut};

use super::resnet::Geometry;
use super::weights::{Linear, Weights};
use super::{Looks, Scratch};
use crate::fold::{ClassMatrices, CrossWeights};

/// Rows that go through a chain of products together, so that what is between them stays in the nearest cache.
const ROWS_TOGETHER: usize = 32;

/// Cross-attention with the keys and values of one class multiplied out.
#[derive(Debug)]
pub struct ClassAttention {
    /// `[dim, heads · tokens]`: a pixel's normed channels to its scores; the columns in the order of [`CrossAttention::column`].
    scores: PackedMatrix,
    /// `[heads · tokens, dim]`: its weights to what is added to it.
    gather: PackedMatrix,
}

/// Attention to class tokens.
#[derive(Debug)]
struct CrossAttention {
    norm: LayerNorm,
    weights: CrossWeights,
    /// Keys and values side by side.
    kv: PackedMatrix,
    bias: Vec<f32>,
    heads: usize,
}

impl CrossAttention {
    fn new(norm: LayerNorm, weights: &Weights<'_>, heads: usize) -> Self {
        let [to_q, to_out, bias] =
            ["to_q.weight", "to_out.0.weight", "to_out.0.bias"].map(|name| weights.get(name).0.to_vec());
        let dim = bias.len();
        let (kv, width) =
            (["to_k.weight", "to_v.weight"].map(|name| weights.get(name).0), weights.get("to_k.weight").1[1]);
        let kv = PackedMatrix::new(width, 2 * dim, &|k, n| kv[n / dim][n % dim * width + k]);
        Self { norm, weights: CrossWeights::new(&to_q, &to_out, heads), kv, bias, heads }
    }

    /// For the class of these tokens (`[tokens, width]`).
    fn prepare(&self, context: &[f32], width: usize) -> ClassAttention {
        let (dim, tokens) = (self.bias.len(), context.len() / width);
        let mut kv = vec![0f32; tokens * 2 * dim];
        MatMul::plain(MatrixView::whole(context, width), tokens, &self.kv, &[], MatrixViewMut::whole(&mut kv, 2 * dim))
            .run();
        let ClassMatrices { scores, gather } = self.weights.fold(&kv, |head, token| self.column(head, token, tokens));
        let columns = self.heads * tokens;
        ClassAttention {
            scores: PackedMatrix::new(dim, columns, &|c, column| scores[column * dim + c]),
            gather: PackedMatrix::new(columns, dim, &|column, c| gather[column * dim + c]),
        }
    }

    /// Where a head's score of a token is: the heads whose softmaxes are computed side by side alternate.
    fn column(&self, head: usize, token: usize, tokens: usize) -> usize {
        let together = heads_together(self.heads);
        (head / together * tokens + token) * together + head % together
    }

    /// Adds what each picture's pixels gather from its class to `x [batch · pixels, dim]`.
    fn run(&self, x: &mut [f32], batch: usize, classes: &[&ClassAttention], scratch: &mut Scratch) {
        let dim = self.bias.len();
        let pixels = x.len() / (batch * dim);
        let mut looks = scratch.attention.is_some().then(Looks::new);
        let mut picture = 0;
        while let Some(class) = classes.get(picture) {
            // Neighbours of one class go together.
            let same = classes[picture..].iter().take_while(|other| std::ptr::eq(**other, *class)).count();
            let columns = class.scores.n();
            let tokens = columns / self.heads;
            let (mut normed, mut scores) =
                (scratch.buffers.take(ROWS_TOGETHER * dim), scratch.buffers.take(ROWS_TOGETHER * columns));
            for x in x[picture * pixels * dim..(picture + same) * pixels * dim].chunks_mut(ROWS_TOGETHER * dim) {
                let rows = x.len() / dim;
                let (normed, scores) = (&mut normed[..x.len()], &mut scores[..rows * columns]);
                self.norm.run(x, normed);
                let left = MatrixView::whole(normed, dim);
                MatMul::plain(left, rows, &class.scores, &[], MatrixViewMut::whole(scores, columns)).run();
                softmax(scores, tokens, heads_together(self.heads));
                if let Some(looks) = &mut looks {
                    looks.extend(self.mean_of_heads(scores, tokens));
                }
                let left = MatrixView::whole(scores, columns);
                let product = MatMul::plain(left, rows, &class.gather, &self.bias, MatrixViewMut::whole(x, dim));
                MatMul { accumulate: true, ..product }.run();
            }
            scratch.buffers.give(normed);
            scratch.buffers.give(scores);
            picture += same;
        }
        scratch.attention.iter_mut().zip(looks).for_each(|(all, looks)| all.push(looks));
    }

    /// Of each row of scores: `[rows, tokens]`.
    fn mean_of_heads(&self, scores: &[f32], tokens: usize) -> Vec<f32> {
        let mean = |row: &[f32], token: usize| {
            (0..self.heads).map(|head| row[self.column(head, token, tokens)]).sum::<f32>() / self.heads as f32
        };
        let rows = scores.chunks_exact(self.heads * tokens);
        rows.flat_map(|row| (0..tokens).map(move |token| mean(row, token))).collect()
    }
}

/// Attention of the pixels to each other.
#[derive(Debug)]
struct SelfAttention {
    norm: LayerNorm,
    /// Queries (scaled), keys and values side by side.
    qkv: PackedMatrix,
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
        Self { norm, qkv: PackedMatrix::new(dim, 3 * dim, &entry), to_out, heads }
    }

    fn run(&self, x: &mut [f32], batch: usize, scratch: &mut Scratch) {
        let dim = self.to_out.weight.n();
        let (rows, head) = (x.len() / dim, dim / self.heads);
        let pixels = rows / batch;
        let mut normed = scratch.buffers.take(x.len());
        self.norm.run(x, &mut normed);
        let mut qkv = scratch.buffers.take(3 * x.len());
        MatMul::plain(MatrixView::whole(&normed, dim), rows, &self.qkv, &[], MatrixViewMut::whole(&mut qkv, 3 * dim))
            .run();
        let (mut scores, mut right) = (scratch.buffers.take(pixels * pixels), PackedMatrix::default());
        for (picture, qkv) in qkv.chunks_exact(3 * dim * pixels).enumerate() {
            for h in 0..self.heads {
                let (stride, column) = (3 * dim, h * head);
                right.refill_transposed(head, pixels, MatrixView { values: qkv, stride, column: dim + column });
                let left = MatrixView { values: qkv, stride, column };
                MatMul::plain(left, pixels, &right, &[], MatrixViewMut::whole(&mut scores, pixels)).run();
                softmax(&mut scores, pixels, 1);
                right.refill(pixels, head, MatrixView { values: qkv, stride, column: 2 * dim + column });
                // The normed pixels are done with: their memory takes the result.
                let values = &mut normed[picture * pixels * dim..(picture + 1) * pixels * dim];
                let target = MatrixViewMut { values, stride: dim, column, rows: None };
                MatMul::plain(MatrixView::whole(&scores, pixels), pixels, &right, &[], target).run();
            }
        }
        let product = MatMul::plain(
            MatrixView::whole(&normed, dim),
            rows,
            &self.to_out.weight,
            &self.to_out.bias,
            MatrixViewMut::whole(x, dim),
        );
        MatMul { accumulate: true, ..product }.run();
        scratch.buffers.give(normed);
        scratch.buffers.give(qkv);
        scratch.buffers.give(scores);
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
                    Attention::Pixels(attention) => attention.run(&mut h, batch, scratch),
                    Attention::Class(attention) => {
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
        let mut out = scratch.buffers.again(normed, x.len());
        let target = MatrixViewMut::whole(&mut out, dim);
        let product =
            MatMul::plain(MatrixView::whole(&h, dim), rows, &self.proj_out.weight, &self.proj_out.bias, target);
        MatMul { residual: Some(x), ..product }.run();
        scratch.buffers.give(h);
        out
    }
}
