//! Attention of the pixels: to each other, and to the tokens of their class.
//!
//! Keys and values of cross-attention depend on the class alone and are multiplied out once per class
//! ([`CrossAttentionWeights`]).

use cpu_kernels::matmul::MatMul;
use cpu_kernels::norm::LayerNorm;
use cpu_kernels::packed_matrix::PackedMatrix;
use cpu_kernels::softmax::{heads_together, softmax};
use cpu_kernels::view::{MatrixView, MatrixViewMut};

use crate::unet::precompute::{ClassMatrices, CrossAttentionWeights};
use crate::unet::weights::Weights;

use super::layers::Linear;
use super::scratch::{AttentionMap, Scratch};

/// MatrixView that go through a chain of products together, so that the intermediate values stay in the L1 cache.
pub(super) const ROWS_TOGETHER: usize = 32;

/// Cross-attention with the keys and values of one class multiplied out.
#[derive(Debug, Clone)]
pub struct ClassAttention {
    /// `[dim, heads · tokens]`: from a pixel's normed channels to its scores; columns as [`CrossAttention::column`] has them.
    scores: PackedMatrix,
    /// `[heads · tokens, dim]`: from a pixel's attention weights to what is added to its channels.
    gather: PackedMatrix,
}

/// Attention to the tokens of a class.
#[derive(Debug)]
pub(super) struct CrossAttention {
    norm: LayerNorm,
    weights: CrossAttentionWeights,
    /// Keys and values side by side.
    kv: PackedMatrix,
    /// That of `to_out.0`.
    bias: Vec<f32>,
    heads: usize,
}

impl CrossAttention {
    pub(super) fn new(norm: LayerNorm, weights: &Weights<'_>, heads: usize) -> Self {
        let [to_q, to_out, bias] =
            ["to_q.weight", "to_out.0.weight", "to_out.0.bias"].map(|name| weights.get(name).0.to_vec());
        let dim = bias.len();
        let (kv, width) =
            (["to_k.weight", "to_v.weight"].map(|name| weights.get(name).0), weights.get("to_k.weight").1[1]);
        let kv = PackedMatrix::new(width, 2 * dim, &|k, n| kv[n / dim][n % dim * width + k]);
        Self { norm, weights: CrossAttentionWeights::new(&to_q, &to_out, heads), kv, bias, heads }
    }

    /// For the class with these tokens, `context [tokens, width]`.
    pub(super) fn for_class(&self, context: &[f32], width: usize) -> ClassAttention {
        let (dim, tokens) = (self.bias.len(), context.len() / width);
        let mut kv = vec![0f32; tokens * 2 * dim];
        MatMul::plain(MatrixView::whole(context, width), tokens, &self.kv, &[], MatrixViewMut::whole(&mut kv, 2 * dim))
            .run();
        let ClassMatrices { scores, gather } =
            self.weights.for_class(&kv, |head, token| self.column(head, token, tokens));
        let columns = self.heads * tokens;
        ClassAttention {
            scores: PackedMatrix::new(dim, columns, &|c, column| scores[column * dim + c]),
            gather: PackedMatrix::new(columns, dim, &|column, c| gather[column * dim + c]),
        }
    }

    /// Column of a head's score of a token: the heads whose softmaxes are computed side by side alternate.
    fn column(&self, head: usize, token: usize, tokens: usize) -> usize {
        let together = heads_together(self.heads);
        (head / together * tokens + token) * together + head % together
    }

    /// Adds the attention of each picture's pixels to its class to `x [batch · pixels, dim]`.
    pub(super) fn run(&self, x: &mut [f32], batch: usize, classes: &[&ClassAttention], scratch: &mut Scratch) {
        let dim = self.bias.len();
        let pixels = x.len() / (batch * dim);
        let mut map = scratch.attention_maps.is_some().then(AttentionMap::new);
        let mut picture = 0;
        while let Some(class) = classes.get(picture) {
            // Neighbouring pictures of one class go together.
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
                if let Some(map) = &mut map {
                    map.extend(self.mean_of_heads(scores, tokens));
                }
                let left = MatrixView::whole(scores, columns);
                let product = MatMul::plain(left, rows, &class.gather, &self.bias, MatrixViewMut::whole(x, dim));
                MatMul { accumulate: true, ..product }.run();
            }
            scratch.buffers.give(normed);
            scratch.buffers.give(scores);
            picture += same;
        }
        scratch.attention_maps.iter_mut().zip(map).for_each(|(maps, map)| maps.push(map));
    }

    /// Mean over the heads of each row of weights: `[rows, tokens]`.
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
pub(super) struct SelfAttention {
    norm: LayerNorm,
    /// Queries (scaled), keys and values side by side.
    qkv: PackedMatrix,
    to_out: Linear,
    heads: usize,
}

impl SelfAttention {
    pub(super) fn new(norm: LayerNorm, weights: &Weights<'_>, heads: usize) -> Self {
        let parts = ["to_q.weight", "to_k.weight", "to_v.weight"].map(|name| weights.get(name).0);
        let to_out = weights.at("to_out.0").linear();
        let dim = to_out.weight.n();
        let scale = 1.0 / ((dim / heads) as f32).sqrt();
        let entry = |k: usize, n: usize| parts[n / dim][n % dim * dim + k] * if n < dim { scale } else { 1.0 };
        Self { norm, qkv: PackedMatrix::new(dim, 3 * dim, &entry), to_out, heads }
    }

    pub(super) fn run(&self, x: &mut [f32], batch: usize, scratch: &mut Scratch) {
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
                let target = MatrixViewMut { values, stride: dim, column };
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
