//! HRA, Householder reflections (arXiv 2405.17484, equation 3).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{add_scaled, norm, transposed};

/// `W H_1 H_2 … H_r` with `H_i = I - 2 u_i u_iᵀ / |u_i|²`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hra {
    /// The u_i as columns, `[in, rank]`, of a convolution `[in · h · w, rank]`.
    pub u: HostTensor,
    /// Whether the u_i are made orthogonal first (Gram-Schmidt, `apply_GS`): `W (I - 2 Σ u_i u_iᵀ)`.
    pub orthogonal: bool,
}

impl Hra {
    /// The number of reflections.
    pub fn rank(&self) -> usize {
        self.u.shape[1]
    }

    /// The weight reflected, rows of `columns` values.
    pub(super) fn apply(&self, weight: &mut [f32], columns: usize) {
        for u in self.directions(columns) {
            for row in weight.chunks_exact_mut(columns) {
                let along: f32 = row.iter().zip(&u).map(|(w, u)| w * u).sum();
                add_scaled(row, -2.0 * along, &u);
            }
        }
    }

    /// The u_i, each of length 1.
    fn directions(&self, columns: usize) -> Vec<Vec<f32>> {
        let mut directions: Vec<Vec<f32>> = Vec::new();
        for u in transposed(&self.u.values, self.rank()).chunks_exact(columns) {
            let mut u = u.to_vec();
            let unit = |u: &mut Vec<f32>| {
                let length = norm(&*u);
                // A direction of length 0 is none, and nothing is reflected along it.
                if length > 0.0 {
                    u.iter_mut().for_each(|value| *value /= length);
                }
            };
            if !self.orthogonal || directions.is_empty() {
                unit(&mut u);
            } else {
                for other in &directions {
                    let along: f32 = u.iter().zip(other).map(|(u, other)| u * other).sum();
                    add_scaled(&mut u, -along, other);
                }
                unit(&mut u);
            }
            directions.push(u);
        }
        directions
    }
}
