//! What PiSSA and OLoRA take out of the base when training begins, so that the factors begin as a part of it.
//!
//! Tests: below, `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{product, sides, transposed};
use super::svd::{dot, normalized, svd};

/// `T`, which is taken out of the base again wherever the adapter is on: `W - T + s · scaling · B A`.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// T as a product: `[out, rank]` and `[rank, in]`, of a convolution `[rank, in · h · w]`.
    pub factors: [HostTensor; 2],
}

impl Taken {
    /// The share of the `rank` largest singular values of the base's weight (PiSSA, arXiv 2404.02948, equation 2).
    pub fn pissa(weight: &HostTensor, rank: usize) -> Self {
        let (_, columns) = sides(weight);
        // W's best approximation of a rank is W projected on its first right singular vectors.
        let right = svd(&weight.values, columns, rank).right;
        let a: Vec<f32> = right.iter().flatten().map(|value| *value as f32).collect();
        let b = product(&weight.values, &transposed(&a, columns), columns);
        Self::new(b, a, rank.min(right.len()))
    }

    /// `scaling · Q_r R_r` of the first columns of Q in `W = Q R` (OLoRA, arXiv 2406.01775, section 3).
    pub fn olora(weight: &HostTensor, rank: usize, scaling: f32) -> Self {
        let (rows, columns) = sides(weight);
        // Gram-Schmidt on the first columns, twice, which is as good as Householder's.
        let mut q: Vec<Vec<f64>> = Vec::new();
        for column in 0..rank.min(rows).min(columns) {
            let mut v: Vec<f64> = (0..rows).map(|row| f64::from(weight.values[row * columns + column])).collect();
            for _ in 0..2 {
                for other in &q {
                    let along = dot(&v, other);
                    v.iter_mut().zip(other).for_each(|(v, other)| *v -= along * other);
                }
            }
            q.push(normalized(&v));
        }
        let q: Vec<f32> = q.iter().flatten().map(|value| *value as f32).collect();
        let mut r = product(&q, &weight.values, rows);
        r.iter_mut().for_each(|value| *value *= scaling);
        let rank = q.len() / rows.max(1);
        Self::new(transposed(&q, rows), r, rank)
    }

    fn new(b: Vec<f32>, a: Vec<f32>, rank: usize) -> Self {
        let side = |values: &[f32]| values.len() / rank.max(1);
        let shapes = [vec![side(&b), rank], vec![rank, side(&a)]];
        let [one, two] = shapes;
        Self { factors: [HostTensor { shape: one, values: b }, HostTensor { shape: two, values: a }] }
    }

    /// T, flat.
    pub(super) fn matrix(&self) -> Vec<f32> {
        let [b, a] = &self.factors;
        product(&b.values, &a.values, a.shape[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_the_nearest_of_its_rank() {
        for (rows, columns) in [(3, 5), (5, 3)] {
            let values: Vec<f32> = (0..15u8).map(|i| (1.7 * f32::from(i) * f32::from(i)).sin()).collect();
            let weight = HostTensor { shape: vec![rows, columns], values };
            let off = |rank: usize| {
                let taken = Taken::pissa(&weight, rank).matrix();
                weight.values.iter().zip(&taken).map(|(w, t)| (w - t) * (w - t)).sum::<f32>().sqrt()
            };
            assert!(off(3) < 1e-5 && off(2) < off(1) && off(2) > 1e-3, "{} {} {}", off(1), off(2), off(3));
            assert_eq!(Taken::olora(&weight, 2, 1.0).factors[0].shape, [rows, 2]);
        }
    }
}
