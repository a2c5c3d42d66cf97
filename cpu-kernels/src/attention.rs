//! Multi-head attention, with its gradients.
//!
//! Where keys are few (class tokens), several heads are computed as one product. Its right matrix has zeros where one head's channels meet
//! another head's keys. That fills whole vectors and takes fewer products.

use std::ops::Range;

use crate::buffers::Buffers;
use crate::gradients::outer_product::OuterProduct;
use crate::gradients::softmax::softmax_gradient;
use crate::matmul::MatMul;
use crate::packed_matrix::PackedMatrix;
use crate::softmax::{heads_together, softmax};
use crate::view::{MatrixView, MatrixViewMut};

/// Several heads are computed together if all heads have at most this many scores of a query.
const MAX_COLUMNS: usize = 64;

/// Scaled dot-product attention with several heads (arXiv 1706.03762, 3.2) for a batch of pictures.
#[derive(Debug, Clone, Copy)]
pub struct MultiHeadAttention {
    /// Channels of all heads.
    pub dim: usize,
    /// Number of heads; it divides `dim`.
    pub heads: usize,
    /// Queries of a picture.
    pub queries: usize,
    /// Keys of a picture.
    pub keys: usize,
}

/// Some heads of one picture, computed together.
struct HeadGroup<'a> {
    shape: MultiHeadAttention,
    /// Number of heads.
    heads: usize,
    /// Their first channel.
    column: usize,
    keys: &'a [f32],
    values: &'a [f32],
}

impl HeadGroup<'_> {
    /// Channels of these heads.
    fn width(&self) -> usize {
        self.shape.dim / self.shape.heads * self.heads
    }

    /// Scores of a query: `keys · heads`, the heads alternating.
    fn columns(&self) -> usize {
        self.shape.keys * self.heads
    }

    /// The channels of these heads, of a matrix `[rows, dim]`.
    fn view<'b>(&self, values: &'b [f32]) -> MatrixView<'b> {
        MatrixView { values, stride: self.shape.dim, column: self.column }
    }

    /// Calls `visit` for every key of every head with: the column of the head's score of the key, the head's first channel, and the
    /// range of the head's channels in `[keys, dim]`.
    fn for_each(&self, mut visit: impl FnMut(usize, usize, Range<usize>)) {
        let depth = self.shape.dim / self.shape.heads;
        for key in 0..self.shape.keys {
            for head in 0..self.heads {
                let start = key * self.shape.dim + self.column + head * depth;
                visit(key * self.heads + head, head * depth, start..start + depth);
            }
        }
    }

    /// Packs `[keys, dim]` as a block matrix `[channels, columns]`.
    fn pack_as_columns(&self, values: &[f32], factor: f32, right: &mut PackedMatrix) {
        right.clear(self.width(), self.columns());
        self.for_each(|column, channel, range| right.set_column(channel, column, &values[range], factor));
    }

    /// Packs `[keys, dim]` as a block matrix `[columns, channels]`.
    fn pack_as_rows(&self, values: &[f32], factor: f32, right: &mut PackedMatrix) {
        right.clear(self.columns(), self.width());
        self.for_each(|column, channel, range| right.set_row(column, channel, &values[range], factor));
    }

    /// The attention weights, softmax(q·k / √depth): `[queries, columns]`.
    fn attention_weights(&self, queries: &[f32], right: &mut PackedMatrix, weights: &mut [f32]) {
        self.pack_as_columns(self.keys, self.shape.scale(), right);
        let target = MatrixViewMut::whole(weights, self.columns());
        MatMul::plain(self.view(queries), self.shape.queries, right, &[], target).run();
        softmax(weights, self.shape.keys, self.heads);
    }

    /// `out [keys, dim] += factor · leftᵀ · right`, for left `[queries, columns]` and right `[queries, dim]`; `sums` is scratch memory.
    fn add_outer(&self, left: &[f32], right: &[f32], factor: f32, sums: &mut [f32], out: &mut [f32]) {
        sums.fill(0.0);
        OuterProduct {
            left: MatrixView::whole(left, self.columns()),
            rows_in: self.shape.queries,
            right: self.view(right),
            rows: self.shape.queries,
            batch: 1,
            k: self.columns(),
            n: self.width(),
            target: MatrixViewMut::whole(sums, self.width()),
        }
        .run();
        self.for_each(|column, channel, range| {
            let sums = &sums[column * self.width() + channel..];
            out[range].iter_mut().zip(sums).for_each(|(out, sum)| *out += factor * sum);
        });
    }
}

impl MultiHeadAttention {
    /// 1 / √depth.
    fn scale(&self) -> f32 {
        1.0 / ((self.dim / self.heads) as f32).sqrt()
    }

    /// Heads of a group.
    fn heads_together(&self) -> usize {
        match self.keys * self.heads <= MAX_COLUMNS {
            true => heads_together(self.heads),
            false => 1,
        }
    }

    /// All heads of the picture that has these keys and values.
    fn head_groups<'a>(&self, keys: &'a [f32], values: &'a [f32]) -> impl Iterator<Item = HeadGroup<'a>> {
        let (shape, heads) = (*self, self.heads_together());
        let width = self.dim / self.heads * heads;
        (0..self.dim).step_by(width).map(move |column| HeadGroup { shape, heads, column, keys, values })
    }

    /// The result.
    ///
    /// # Shapes
    /// `queries [batch, queries, dim]`, `keys` and `values [batch, keys, dim]` -> `out [batch, queries, dim]`.
    pub fn run(&self, [queries, keys, values]: [&[f32]; 3], out: &mut [f32], buffers: &mut Buffers) {
        let (one_in, one_context) = (self.queries * self.dim, self.keys * self.dim);
        let mut weights = buffers.take(self.queries * self.keys * self.heads_together());
        let mut right = PackedMatrix::default();
        let contexts = keys.chunks_exact(one_context).zip(values.chunks_exact(one_context));
        for ((queries, (keys, values)), out) in
            queries.chunks_exact(one_in).zip(contexts).zip(out.chunks_exact_mut(one_in))
        {
            for group in self.head_groups(keys, values) {
                group.attention_weights(queries, &mut right, &mut weights);
                group.pack_as_rows(values, 1.0, &mut right);
                let left = MatrixView::whole(&weights, group.columns());
                let target = MatrixViewMut { values: out, stride: self.dim, column: group.column };
                MatMul::plain(left, self.queries, &right, &[], target).run();
            }
        }
        buffers.give(weights);
    }

    /// From `grad`, the gradient of [`run`](Self::run)'s result, the gradients of queries, keys and values, in those `targets` that there
    /// are. The attention weights are computed again.
    pub fn gradients(
        &self,
        [queries, keys, values]: [&[f32]; 3],
        grad: &[f32],
        targets: [Option<&mut [f32]>; 3],
        buffers: &mut Buffers,
    ) {
        let [mut to_queries, mut to_keys, mut to_values] = targets;
        // They are sums over the queries.
        for target in [&mut to_keys, &mut to_values].into_iter().flatten() {
            target.fill(0.0);
        }
        let (one_in, one_context) = (self.queries * self.dim, self.keys * self.dim);
        let columns = self.keys * self.heads_together();
        let mut weights = buffers.take(self.queries * columns);
        let mut scores = buffers.take(self.queries * columns);
        let mut sums = buffers.take(columns * self.dim / self.heads * self.heads_together());
        let mut right = PackedMatrix::default();
        for picture in 0..grad.len() / one_in {
            let (own, context) = (picture * one_in..(picture + 1) * one_in, picture * one_context);
            let context = context..context + one_context;
            let (queries, grad) = (&queries[own.clone()], &grad[own.clone()]);
            for group in self.head_groups(&keys[context.clone()], &values[context.clone()]) {
                group.attention_weights(queries, &mut right, &mut weights);
                if let Some(to_values) = &mut to_values {
                    group.add_outer(&weights, grad, 1.0, &mut sums, &mut to_values[context.clone()]);
                }
                if to_queries.is_none() && to_keys.is_none() {
                    continue;
                }
                group.pack_as_columns(group.values, 1.0, &mut right);
                let target = MatrixViewMut::whole(&mut scores, columns);
                MatMul::plain(group.view(grad), self.queries, &right, &[], target).run();
                softmax_gradient(&weights, self.keys, group.heads, &mut scores);
                if let Some(to_keys) = &mut to_keys {
                    group.add_outer(&scores, queries, self.scale(), &mut sums, &mut to_keys[context.clone()]);
                }
                if let Some(to_queries) = &mut to_queries {
                    group.pack_as_rows(group.keys, self.scale(), &mut right);
                    let values = &mut to_queries[own.clone()];
                    let target = MatrixViewMut { values, stride: self.dim, column: group.column };
                    MatMul::plain(MatrixView::whole(&scores, columns), self.queries, &right, &[], target).run();
                }
            }
        }
        [weights, scores, sums].into_iter().for_each(|buffer| buffers.give(buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    /// By the definition, in f64.
    fn attention(shape: MultiHeadAttention, [queries, keys, values]: [&[f64]; 3]) -> Vec<f64> {
        let depth = shape.dim / shape.heads;
        let mut out = vec![0.0; queries.len()];
        for (row, out) in out.chunks_exact_mut(shape.dim).enumerate() {
            let context = row / shape.queries * shape.keys;
            for head in 0..shape.heads {
                let place = |row: usize, i: usize| row * shape.dim + head * depth + i;
                let score = |key: usize| {
                    let products = (0..depth).map(|i| queries[place(row, i)] * keys[place(context + key, i)]);
                    (products.sum::<f64>() / (depth as f64).sqrt()).exp()
                };
                let sum: f64 = (0..shape.keys).map(score).sum();
                for i in 0..depth {
                    let weighted = (0..shape.keys).map(|key| score(key) / sum * values[place(context + key, i)]);
                    out[head * depth + i] = weighted.sum();
                }
            }
        }
        out
    }

    #[test]
    fn values_and_slopes() {
        for (dim, heads, queries, keys) in [(8, 2, 5, 3), (32, 4, 9, 8), (12, 3, 4, 25), (16, 1, 3, 70), (64, 4, 6, 6)]
        {
            let shape = MultiHeadAttention { dim, heads, queries, keys };
            let inputs = [queries, keys, keys].map(|rows| noise(2 * rows * dim, rows as u32));
            let grad = noise(2 * queries * dim, 9);
            let slices = || [&inputs[0][..], &inputs[1], &inputs[2]];
            let mut exact = inputs.each_ref().map(|x| x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
            let value = |exact: &[Vec<f64>; 3]| attention(shape, [&exact[0], &exact[1], &exact[2]]);
            let buffers = &mut Buffers::default();
            let mut out = vec![f32::NAN; grad.len()];
            shape.run(slices(), &mut out, buffers);
            for (out, expected) in out.iter().zip(value(&exact)) {
                assert!((f64::from(*out) - expected).abs() < 1e-5, "{out} {expected}");
            }
            let mut gradients = inputs.each_ref().map(|input| vec![f32::NAN; input.len()]);
            shape.gradients(slices(), &grad, gradients.each_mut().map(|to| Some(&mut to[..])), buffers);
            for alone in 0..3 {
                let mut targets = inputs.each_ref().map(|input| vec![f32::NAN; input.len()]);
                let mut wanted = 0..3;
                let to = targets.each_mut().map(|to| (wanted.next() == Some(alone)).then_some(&mut to[..]));
                shape.gradients(slices(), &grad, to, buffers);
                assert_eq!(targets[alone], gradients[alone], "wanted alone");
            }
            for (which, gradient) in gradients.iter().enumerate() {
                // Each seventh value is enough.
                for i in (0..gradient.len()).step_by(7) {
                    let mut along = |step: f64| {
                        exact[which][i] += step;
                        value(&exact).iter().zip(&grad).map(|(y, grad)| y * f64::from(*grad)).sum::<f64>()
                    };
                    let (up, down) = (along(1e-4), along(-2e-4));
                    exact[which][i] += 1e-4;
                    let expected = (up - down) / 2e-4;
                    assert!((f64::from(gradient[i]) - expected).abs() < 1e-4, "{} {expected}", gradient[i]);
                }
            }
        }
    }
}
