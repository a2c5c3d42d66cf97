//! Small dense matrices, row-major.
//!
//! Tests: below.

pub(super) use cpu_kernels::vectors::{add_scaled, dot};

use crate::state::HostTensor;

/// Rows of a weight and what is in one: `[out, in]`, or `[out, in · h · w]` of a convolution.
pub(super) fn sides(weight: &HostTensor) -> (usize, usize) {
    let rows = weight.shape.first().copied().unwrap_or(0);
    (rows, weight.values.len() / rows.max(1))
}

/// `A [n, k] B [k, m]`.
pub(super) fn product(a: &[f32], b: &[f32], k: usize) -> Vec<f32> {
    let (n, m) = (a.len() / k.max(1), b.len() / k.max(1));
    let mut out = vec![0.0; n * m];
    if m == 0 || k == 0 {
        return out;
    }
    for (a, out) in a.chunks_exact(k).zip(out.chunks_exact_mut(m)) {
        for (a, b) in a.iter().zip(b.chunks_exact(m)) {
            add_scaled(out, *a, b);
        }
    }
    out
}

/// `Aᵀ B` of `A [k, n]` and `B [k, m]`.
pub(super) fn product_transposed_left(a: &[f32], b: &[f32], k: usize) -> Vec<f32> {
    let (n, m) = (a.len() / k.max(1), b.len() / k.max(1));
    let mut out = vec![0.0; n * m];
    if n == 0 || m == 0 {
        return out;
    }
    for (a, b) in a.chunks_exact(n).zip(b.chunks_exact(m)) {
        for (a, out) in a.iter().zip(out.chunks_exact_mut(m)) {
            add_scaled(out, *a, b);
        }
    }
    out
}

/// `A Bᵀ` of `A [n, k]` and `B [m, k]`.
pub(super) fn product_transposed_right(a: &[f32], b: &[f32], k: usize) -> Vec<f32> {
    let k = k.max(1);
    a.chunks_exact(k).flat_map(|a| b.chunks_exact(k).map(|b| dot(a, b))).collect()
}

/// The gradients of A and B, from that of their product `A [n, k] B [k, m]`.
pub(super) fn product_gradients(a: &[f32], b: &[f32], k: usize, grad: &[f32]) -> [Vec<f32>; 2] {
    let (n, m) = (a.len() / k.max(1), b.len() / k.max(1));
    [product_transposed_right(grad, b, m), product_transposed_left(a, grad, n)]
}

/// Products of what stands at the same place.
pub(super) fn hadamard(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

/// Rows and columns exchanged; `columns` of the argument.
pub(super) fn transposed(a: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| a.iter().skip(column).step_by(columns).copied()).collect()
}

/// The skew-symmetric matrix whose upper triangle has these values, row by row.
pub(super) fn skew(upper: &[f32], side: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; side * side];
    let places = (0..side).flat_map(|row| (row + 1..side).map(move |column| (row, column)));
    for ((row, column), value) in places.zip(upper) {
        matrix[row * side + column] = *value;
        matrix[column * side + row] = -value;
    }
    matrix
}

/// The rotation `(I - Q) (I + Q)^-1` of a skew-symmetric matrix (Cayley's transform).
pub(super) fn cayley(skew: &[f32], side: usize) -> Vec<f32> {
    // Both factors commute, so it is the solution X of (I + Q) X = I - Q. I + Q is regular whatever Q is.
    let identity = |i: usize| f64::from(u8::from(i / side == i % side));
    let mut left: Vec<f64> = skew.iter().enumerate().map(|(i, q)| identity(i) + f64::from(*q)).collect();
    let mut right: Vec<f64> = skew.iter().enumerate().map(|(i, q)| identity(i) - f64::from(*q)).collect();
    for column in 0..side {
        let size = |row: &usize| left[row * side + column].abs();
        let pivot = (column..side).max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(column);
        for matrix in [&mut left, &mut right] {
            (0..side).for_each(|i| matrix.swap(pivot * side + i, column * side + i));
        }
        for row in (0..side).filter(|row| *row != column) {
            let factor = left[row * side + column] / left[column * side + column];
            for matrix in [&mut left, &mut right] {
                (0..side).for_each(|i| matrix[row * side + i] -= factor * matrix[column * side + i]);
            }
        }
    }
    right.iter().enumerate().map(|(i, value)| (value / left[i / side * side + i / side]) as f32).collect()
}

/// Frobenius norm.
pub(super) fn norm<'a>(values: impl IntoIterator<Item = &'a f32>) -> f32 {
    values.into_iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>().sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cayley_is_a_rotation() {
        let (side, upper) = (4, [0.3, -1.5, 0.2, 2.0, 0.7, -0.4]);
        let q = skew(&upper, side);
        let r = cayley(&q, side);
        let back = product(&r, &transposed(&r, side), side);
        for (i, value) in back.iter().enumerate() {
            assert!((value - f32::from(u8::from(i / side == i % side))).abs() < 1e-6, "{back:?}");
        }
        // R (I + Q) = I - Q
        let identity = |i: usize| f32::from(u8::from(i / side == i % side));
        let plus: Vec<f32> = q.iter().enumerate().map(|(i, q)| identity(i) + q).collect();
        for (i, value) in product(&r, &plus, side).iter().enumerate() {
            assert!((value - (identity(i) - q[i])).abs() < 1e-5);
        }
    }

    #[test]
    fn products_and_exchanged_sides() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(product(&a, &b, 3), [4.0, 5.0, 10.0, 11.0]);
        assert_eq!(transposed(&a, 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
