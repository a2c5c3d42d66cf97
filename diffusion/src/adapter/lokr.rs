//! LoKr, a Kronecker product (KronA, arXiv 2212.10650; LyCORIS, arXiv 2309.14859, section 3.1).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::product;

/// `W + s · scaling · C_1 ⊗ C_2`.
#[derive(Debug, Clone, PartialEq)]
pub struct Lokr {
    /// C_1, `[p, q]`.
    pub first: Kronecker,
    /// C_2, `[out / p, in / q]`, of a convolution `[out / p, in / q · h · w]`.
    pub second: Kronecker,
    /// alpha / rank; 1 where nothing is factored.
    pub scaling: f32,
}

/// A factor of a Kronecker product, itself whole or of low rank.
#[derive(Debug, Clone, PartialEq)]
pub enum Kronecker {
    /// A matrix.
    Whole(HostTensor),
    /// `A [n, rank]` times `B [rank, m]`.
    Product(HostTensor, HostTensor),
}

impl Kronecker {
    /// Rows and columns.
    pub fn sides(&self) -> [usize; 2] {
        match self {
            Self::Whole(matrix) => [matrix.shape[0], matrix.shape[1..].iter().product()],
            Self::Product(a, b) => [a.shape[0], b.shape[1..].iter().product()],
        }
    }

    /// The rank, where it is factored.
    pub fn rank(&self) -> Option<usize> {
        match self {
            Self::Whole(_) => None,
            Self::Product(_, b) => Some(b.shape[0]),
        }
    }

    /// Its tensors.
    pub fn tensors(&self) -> Vec<&HostTensor> {
        match self {
            Self::Whole(matrix) => vec![matrix],
            Self::Product(a, b) => vec![a, b],
        }
    }

    pub(crate) fn matrix(&self) -> Vec<f32> {
        match self {
            Self::Whole(matrix) => matrix.values.clone(),
            Self::Product(a, b) => product(&a.values, &b.values, b.shape[0]),
        }
    }
}

impl Lokr {
    /// The rank of the factors that are factored.
    pub fn rank(&self) -> Option<usize> {
        self.second.rank().or(self.first.rank())
    }

    /// The change at strength 1 of a weight whose kernel has `kernel` entries, flat.
    pub(super) fn difference(&self, kernel: usize) -> Vec<f32> {
        let ([p, q], [n, windows]) = (self.first.sides(), self.second.sides());
        let m = windows / kernel;
        let (first, second) = (self.first.matrix(), self.second.matrix());
        let mut out = Vec::with_capacity(p * q * n * windows);
        for row in 0..p * n {
            let (above, below) = (row / n, row % n);
            for column in 0..q * m {
                let factor = self.scaling * first[above * q + column / m];
                let at = below * windows + column % m * kernel;
                out.extend(second[at..at + kernel].iter().map(|value| factor * value));
            }
        }
        out
    }
}
