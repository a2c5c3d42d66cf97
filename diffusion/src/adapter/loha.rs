//! LoHa, the Hadamard product of two low-rank matrices (FedPara, arXiv 2108.06098, equation 2).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{hadamard, product, product_gradients};

/// `W + s · scaling · (A_1 B_1) ∘ (A_2 B_2)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Loha {
    /// A_1 and A_2, `[out, rank]`.
    pub a: [HostTensor; 2],
    /// B_1 and B_2, `[rank, in]`, of a convolution `[rank, in · h · w]`.
    pub b: [HostTensor; 2],
    /// alpha / rank.
    pub scaling: f32,
}

impl Loha {
    /// The rank of each of the two.
    pub fn rank(&self) -> usize {
        self.b[0].shape[0]
    }

    /// Gradients of A_1, A_2, B_1 and B_2, from that of the weight.
    pub(super) fn gradients(&self, grad: &[f32]) -> Vec<Vec<f32>> {
        let mut grad = grad.to_vec();
        grad.iter_mut().for_each(|value| *value *= self.scaling);
        let pair = |i: usize| (&self.a[i].values[..], &self.b[i].values[..]);
        let [[a1, b1], [a2, b2]] = [(0, 1), (1, 0)].map(|(own, other)| {
            let ((a, b), (other_a, other_b)) = (pair(own), pair(other));
            product_gradients(a, b, self.rank(), &hadamard(&grad, &product(other_a, other_b, self.rank())))
        });
        vec![a1, a2, b1, b2]
    }

    /// The change of the weight at strength 1, flat.
    pub(super) fn difference(&self) -> Vec<f32> {
        let [one, two] = [0, 1].map(|i| product(&self.a[i].values, &self.b[i].values, self.rank()));
        one.iter().zip(&two).map(|(one, two)| self.scaling * one * two).collect()
    }
}
