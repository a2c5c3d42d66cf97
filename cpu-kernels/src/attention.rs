//! Attention, and its gradients. Where the keys are few, as class tokens are, all heads go into one product whose right matrix has
//! zeros where one head's channels meet another's keys: that fills whole vectors, and a picture has as few products as it can.

use std::ops::Range;

use crate::buffers::Buffers;
use crate::gradients::outer::OuterProduct;
use crate::gradients::softmax::softmax_gradient;
use crate::matmul::MatMul;
use crate::packed_matrix::PackedMatrix;
use crate::softmax::{heads_together, softmax};
use crate::view::{MatrixView, MatrixViewMut};

/// The most columns of a product for which several heads are joined.
const FEW: usize = 64;

/// Scaled dot-product attention of `queries` to `keys` for a batch of pictures.
#[derive(Debug, Clone, Copy)]
pub struct MultiHeadAttention {
    /// Channels of all heads.
    pub dim: usize,
    /// How many parts the channels are cut into.
    pub heads: usize,
    /// Queries of a picture.
    pub queries: usize,
    /// Keys of a picture.
    pub keys: usize,
}

/// Some heads of one picture.
struct Part<'a> {
    shape: MultiHeadAttention,
    /// How many heads.
    together: usize,
    /// Their first channel.
    column: usize,
    keys: &'a [f32],
    values: &'a [f32],
}

impl Part<'_> {
    fn width(&self) -> usize {
        self.shape.dim / self.shape.heads * self.together
    }

    fn columns(&self) -> usize {
        self.shape.keys * self.together
    }

    fn rows<'b>(&self, values: &'b [f32]) -> MatrixView<'b> {
        MatrixView { values, stride: self.shape.dim, column: self.column }
    }

    /// Calls `each` for every key of every head: the column of the head's score of the key, the head's first channel, and where in
    /// `[keys, dim]` its channels are.
    fn each(&self, mut each: impl FnMut(usize, usize, Range<usize>)) {
        let depth = self.shape.dim / self.shape.heads;
        for key in 0..self.shape.keys {
            for head in 0..self.together {
                let start = key * self.shape.dim + self.column + head * depth;
                each(key * self.together + head, head * depth, start..start + depth);
            }
        }
    }

    /// `[channels, columns]` of `[keys, dim]`.
    fn across(&self, values: &[f32], factor: f32, right: &mut PackedMatrix) {
        right.clear(self.width(), self.columns());
        self.each(|column, channel, place| right.set_column(channel, column, &values[place], factor));
    }

    /// `[columns, channels]` of `[keys, dim]`.
    fn down(&self, values: &[f32], factor: f32, right: &mut PackedMatrix) {
        right.clear(self.columns(), self.width());
        self.each(|column, channel, place| right.set_row(column, channel, &values[place], factor));
    }

    /// What every query gives to every key: `[queries, columns]`.
    fn weights(&self, queries: &[f32], right: &mut PackedMatrix, weights: &mut [f32]) {
        self.across(self.keys, self.shape.scale(), right);
        let target = MatrixViewMut::whole(weights, self.columns());
        MatMul::plain(self.rows(queries), self.shape.queries, right, &[], target).run();
        softmax(weights, self.shape.keys, self.together);
    }

    /// Adds `leftᵀ · right`, for left `[queries, columns]` and right `[queries, dim]`, to `[keys, dim]`.
    fn add_outer(&self, left: &[f32], right: &[f32], factor: f32, sums: &mut [f32], out: &mut [f32]) {
        sums.fill(0.0);
        OuterProduct {
            left: MatrixView::whole(left, self.columns()),
            rows_in: self.shape.queries,
            right: self.rows(right),
            rows: self.shape.queries,
            batch: 1,
            k: self.columns(),
            n: self.width(),
            target: MatrixViewMut::whole(sums, self.width()),
        }
        .run();
        self.each(|column, channel, place| {
            let sums = &sums[column * self.width() + channel..];
            out[place].iter_mut().zip(sums).for_each(|(out, sum)| *out += factor * sum);
        });
    }
}

impl MultiHeadAttention {
    fn scale(&self) -> f32 {
        1.0 / ((self.dim / self.heads) as f32).sqrt()
    }

    fn together(&self) -> usize {
        match self.keys * self.heads <= FEW {
            true => heads_together(self.heads),
            false => 1,
        }
    }

    /// The parts of a picture whose keys and values these are.
    fn parts<'a>(&self, keys: &'a [f32], values: &'a [f32]) -> impl Iterator<Item = Part<'a>> {
        let (shape, together) = (*self, self.together());
        let width = self.dim / self.heads * together;
        (0..self.dim).step_by(width).map(move |column| Part { shape, together, column, keys, values })
    }

    /// `queries [batch, queries, dim]`, `keys`, `values [batch, keys, dim]` to `out`, like the queries.
    pub fn run(&self, [queries, keys, values]: [&[f32]; 3], out: &mut [f32], buffers: &mut Buffers) {
        let (one_in, one_context) = (self.queries * self.dim, self.keys * self.dim);
        let mut weights = buffers.take(self.queries * self.keys * self.together());
        let mut right = PackedMatrix::default();
        let contexts = keys.chunks_exact(one_context).zip(values.chunks_exact(one_context));
        for ((queries, (keys, values)), out) in
            queries.chunks_exact(one_in).zip(contexts).zip(out.chunks_exact_mut(one_in))
        {
            for part in self.parts(keys, values) {
                part.weights(queries, &mut right, &mut weights);
                part.down(values, 1.0, &mut right);
                let left = MatrixView::whole(&weights, part.columns());
                let target = MatrixViewMut { values: out, stride: self.dim, column: part.column, rows: None };
                MatMul::plain(left, self.queries, &right, &[], target).run();
            }
        }
        buffers.give(weights);
    }

    /// From `grad`, like the result of [`run`](Self::run), the gradients of the queries, keys and values that are `wanted`; of the others
    /// zeros. Weights are computed anew.
    pub fn gradients(
        &self,
        inputs: [&[f32]; 3],
        grad: &[f32],
        wanted: [bool; 3],
        buffers: &mut Buffers,
    ) -> [Vec<f32>; 3] {
        let [_, keys_wanted, values_wanted] = wanted;
        let mut out = inputs.map(|input| vec![0f32; input.len()]);
        let [queries, keys, values] = inputs;
        let [to_queries, to_keys, to_values] = &mut out;
        let (one_in, one_context) = (self.queries * self.dim, self.keys * self.dim);
        let columns = self.keys * self.together();
        let mut weights = buffers.take(self.queries * columns);
        let mut scores = buffers.take(self.queries * columns);
        let mut sums = buffers.take(columns * self.dim / self.heads * self.together());
        let mut right = PackedMatrix::default();
        for picture in 0..grad.len() / one_in {
            let (own, context) = (picture * one_in..(picture + 1) * one_in, picture * one_context);
            let context = context..context + one_context;
            let (queries, grad) = (&queries[own.clone()], &grad[own.clone()]);
            for part in self.parts(&keys[context.clone()], &values[context.clone()]) {
                part.weights(queries, &mut right, &mut weights);
                if values_wanted {
                    part.add_outer(&weights, grad, 1.0, &mut sums, &mut to_values[context.clone()]);
                }
                part.across(part.values, 1.0, &mut right);
                let target = MatrixViewMut::whole(&mut scores, columns);
                MatMul::plain(part.rows(grad), self.queries, &right, &[], target).run();
                softmax_gradient(&weights, self.keys, part.together, &mut scores);
                if keys_wanted {
                    part.add_outer(&scores, queries, self.scale(), &mut sums, &mut to_keys[context.clone()]);
                }
                part.down(part.keys, self.scale(), &mut right);
                let values = &mut to_queries[own.clone()];
                let target = MatrixViewMut { values, stride: self.dim, column: part.column, rows: None };
                MatMul::plain(MatrixView::whole(&scores, columns), self.queries, &right, &[], target).run();
            }
        }
        [weights, scores, sums].into_iter().for_each(|buffer| buffers.give(buffer));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    /// In f64, from the definition.
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
            let gradients = shape.gradients(slices(), &grad, [true; 3], buffers);
            for (which, gradient) in gradients.iter().enumerate() {
                // Every seventh is enough.
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
