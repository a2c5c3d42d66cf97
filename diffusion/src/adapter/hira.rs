//! HiRA, the Hadamard product of a weight with two factors of low rank (ICLR 2025, "HiRA: Parameter-Efficient Hadamard
//! High-Rank Adaptation", equation 4).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{hadamard, product, product_gradients};

/// `W + s · W ∘ (B A)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hira {
    /// A, `[rank, in]`, of a convolution `[rank, in · h · w]`.
    pub a: HostTensor,
    /// B, `[out, rank]`.
    pub b: HostTensor,
}

impl Hira {
    /// The rank.
    pub fn rank(&self) -> usize {
        self.a.shape[0]
    }

    /// Gradients of A and B, from that of the weight, which began as `weight`.
    pub(super) fn gradients(&self, weight: &HostTensor, grad: &[f32]) -> Vec<Vec<f32>> {
        let grad = hadamard(grad, &weight.values);
        let [b, a] = product_gradients(&self.b.values, &self.a.values, self.rank(), &grad);
        vec![a, b]
    }

    /// The change of a pristine weight at strength 1, flat.
    pub(super) fn difference(&self, weight: &HostTensor) -> Vec<f32> {
        let factors = product(&self.b.values, &self.a.values, self.rank());
        factors.iter().zip(&weight.values).map(|(factor, w)| factor * w).collect()
    }
}
