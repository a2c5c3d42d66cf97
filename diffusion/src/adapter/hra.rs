//! HRA, Householder reflections (arXiv 2405.17484, equation 3).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{add_scaled, dot, norm, product, product_transposed_left, transposed};

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
            reflect(weight, &u);
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

    /// The gradient of the u_i, from that of the weight, which began as `weight`.
    pub(super) fn gradient(&self, weight: &[f32], columns: usize, grad: &[f32]) -> Vec<f32> {
        let directions = self.directions(columns);
        let mut grad = grad.to_vec();
        // Before the last reflection; a reflection undoes itself.
        let mut before = weight.to_vec();
        self.apply(&mut before, columns);
        let rows = weight.len() / columns.max(1);
        let mut of_directions = vec![Vec::new(); directions.len()];
        for (u, of_u) in directions.iter().zip(&mut of_directions).rev() {
            reflect(&mut before, u);
            // W H = W - 2 (W u) uᵀ.
            let along = product(&before, u, columns);
            let grad_along = product(&grad, u, columns);
            let mut out = product_transposed_left(&before, &grad_along, rows);
            add_scaled(&mut out, 1.0, &product_transposed_left(&grad, &along, rows));
            out.iter_mut().for_each(|value| *value *= -2.0);
            *of_u = out;
            reflect(&mut grad, u);
        }
        self.through_directions(&directions, of_directions, columns)
    }

    /// The gradient of the u_i, from those of their directions.
    fn through_directions(&self, directions: &[Vec<f32>], mut grads: Vec<Vec<f32>>, columns: usize) -> Vec<f32> {
        let columns_of_u = transposed(&self.u.values, self.rank());
        let mut out = vec![0.0; self.u.values.len()];
        for i in (0..directions.len()).rev() {
            let u = &columns_of_u[i * columns..(i + 1) * columns];
            let others = if self.orthogonal { &directions[..i] } else { &[] };
            // What was left of u after each of the others was taken out.
            let mut steps = vec![u.to_vec()];
            for other in others {
                let mut rest = steps[steps.len() - 1].clone();
                let along = dot(&rest, other);
                add_scaled(&mut rest, -along, other);
                steps.push(rest);
            }
            let length = norm(&steps[steps.len() - 1]);
            if length == 0.0 {
                continue;
            }
            let mut grad = std::mem::take(&mut grads[i]);
            let radial = dot(&grad, &directions[i]);
            add_scaled(&mut grad, -radial, &directions[i]);
            grad.iter_mut().for_each(|value| *value /= length);
            for (j, other) in others.iter().enumerate().rev() {
                // rest' = rest - (rest · e) e.
                let (rest, along) = (&steps[j], dot(&grad, other));
                add_scaled(&mut grads[j], -dot(rest, other), &grad);
                add_scaled(&mut grads[j], -along, rest);
                add_scaled(&mut grad, -along, other);
            }
            grad.iter().enumerate().for_each(|(row, value)| out[row * self.rank() + i] = *value);
        }
        out
    }
}

/// Rows reflected along a direction of length 1.
fn reflect(weight: &mut [f32], u: &[f32]) {
    for row in weight.chunks_exact_mut(u.len()) {
        let along = dot(row, u);
        add_scaled(row, -2.0 * along, u);
    }
}
