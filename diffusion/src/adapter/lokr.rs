//! LoKr, a Kronecker product (KronA, arXiv 2212.10650; LyCORIS, arXiv 2309.14859, section 3.1).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{add_scaled, dot, product, product_gradients};

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

    /// Its tensors, to be changed.
    pub(super) fn tensors_mut(&mut self) -> Vec<&mut HostTensor> {
        match self {
            Self::Whole(matrix) => vec![matrix],
            Self::Product(a, b) => vec![a, b],
        }
    }

    /// Gradients of its tensors, from that of the matrix.
    fn gradients(&self, grad: Vec<f32>) -> Vec<Vec<f32>> {
        match self {
            Self::Whole(_) => vec![grad],
            Self::Product(a, b) => product_gradients(&a.values, &b.values, b.shape[0], &grad).into(),
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

    /// Gradients of the factors' tensors, from that of a weight whose kernel has `kernel` entries.
    pub(super) fn gradients(&self, kernel: usize, grad: &[f32]) -> Vec<Vec<f32>> {
        let ([p, q], [n, windows]) = (self.first.sides(), self.second.sides());
        let m = windows / kernel;
        let (first, second) = (self.first.matrix(), self.second.matrix());
        let (mut of_first, mut of_second) = (vec![0.0; p * q], vec![0.0; n * windows]);
        // A row of the weight is q runs of m kernels.
        for (row, grad) in grad.chunks_exact(q * m * kernel).enumerate() {
            let (above, below) = (row / n, row % n * windows..(row % n + 1) * windows);
            for (column, grad) in grad.chunks_exact(windows).enumerate() {
                of_first[above * q + column] += self.scaling * dot(grad, &second[below.clone()]);
                add_scaled(&mut of_second[below.clone()], self.scaling * first[above * q + column], grad);
            }
        }
        let mut gradients = self.first.gradients(of_first);
        gradients.extend(self.second.gradients(of_second));
        gradients
    }
}

/// The two factors that PEFT and LyCORIS cut a dimension into: the first is `factor` where that divides it; else, and where
/// there is none, the largest divisor up to it and the dimension's root.
pub fn factorization(dimension: usize, factor: Option<usize>) -> (usize, usize) {
    if let Some(factor) = factor.filter(|factor| *factor > 0 && dimension.is_multiple_of(*factor)) {
        return (factor, dimension / factor);
    }
    let most = factor.unwrap_or(dimension);
    let mut divisors = (1..=dimension).filter(|m| dimension.is_multiple_of(*m) && m * m <= dimension && *m <= most);
    let m = divisors.next_back().unwrap_or(1);
    (m, dimension / m)
}
