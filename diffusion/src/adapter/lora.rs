//! LoRA, two factors of low rank (arXiv 2106.09685, section 4.1).
//!
//! Tests: `tests/it/lora.rs`.

use crate::state::HostTensor;

use super::matrix::{add_scaled, product, product_gradients};

/// The two factors of one Linear or convolution: `W + scaling · B A`. A convolution is read as the Linear of its windows:
/// `W [out, in, h, w]` as `[out, in · h · w]`.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraFactors {
    /// `[rank, in]`, of a convolution `[rank, in, h, w]`.
    pub a: HostTensor,
    /// `[out, rank]`, of a convolution `[out, rank, 1, 1]`.
    pub b: HostTensor,
    /// alpha / rank, or alpha / sqrt(rank) for rank-stabilised adapters (arXiv 2312.03732).
    pub scaling: f32,
}

impl LoraFactors {
    /// The rank.
    pub fn rank(&self) -> usize {
        self.a.shape[0]
    }

    /// Inputs of a row of A.
    fn columns(&self) -> usize {
        self.a.shape[1..].iter().product()
    }

    /// The Frobenius norm of the update at strength 1, `|scaling · B A|`: how much it moves the module.
    pub fn update_norm(&self) -> f32 {
        // The squares of its entries, summed without an [out, in] matrix: tr((BᵀB)(AAᵀ)).
        let rank = self.rank();
        let a: Vec<&[f32]> = self.a.values.chunks_exact(self.columns()).collect();
        let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(x * y)).sum::<f64>();
        let mut squares = 0.0;
        for i in 0..rank {
            for j in 0..rank {
                let b = self.b.values.chunks_exact(rank).map(|row| f64::from(row[i] * row[j])).sum::<f64>();
                squares += b * dot(a[i], a[j]);
            }
        }
        self.scaling.abs() * squares.max(0.0).sqrt() as f32
    }

    /// Gradients of A and B, from that of the weight.
    pub(super) fn gradients(&self, grad: &[f32]) -> Vec<Vec<f32>> {
        let [mut b, mut a] = product_gradients(&self.b.values, &self.a.values, self.rank(), grad);
        a.iter_mut().chain(&mut b).for_each(|value| *value *= self.scaling);
        vec![a, b]
    }

    /// The change of the weight at strength 1, flat.
    pub(super) fn difference(&self) -> Vec<f32> {
        let mut change = product(&self.b.values, &self.a.values, self.rank());
        change.iter_mut().for_each(|value| *value *= self.scaling);
        change
    }

    /// `weight += scale · scaling · B A`, with `weight` `[out, in]` or `[out, in, h, w]`.
    pub fn add_to(&self, weight: &mut HostTensor, scale: f32) {
        let (rank, columns) = (self.rank(), self.columns());
        let mut change = vec![0.0; columns];
        for (row, b) in weight.values.chunks_exact_mut(columns).zip(self.b.values.chunks_exact(rank)) {
            change.fill(0.0);
            b.iter().zip(self.a.values.chunks_exact(columns)).for_each(|(b, a)| add_scaled(&mut change, *b, a));
            add_scaled(row, scale * self.scaling, &change);
        }
    }
}
