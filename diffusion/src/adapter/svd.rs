//! Singular values and vectors of small dense matrices.
//!
//! Tests: below.

use super::matrix::transposed;

/// The first parts of `M = Σ_i σ_i u_i v_iᵀ`, the largest singular values first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Svd {
    /// All singular values σ_i.
    pub values: Vec<f64>,
    /// The left singular vectors u_i, one after the other; of a singular value of 0 they are 0.
    pub left: Vec<Vec<f64>>,
    /// The right singular vectors v_i.
    pub right: Vec<Vec<f64>>,
}

/// The `count` largest singular values' vectors of `matrix [rows, columns]`, and all singular values: vectors of the shorter
/// side are turned in pairs until they are orthogonal (one-sided Jacobi; Hestenes, "Inversion of matrices by
/// biorthogonalization", 1958).
pub(super) fn svd(matrix: &[f32], columns: usize, count: usize) -> Svd {
    let rows = matrix.len() / columns.max(1);
    let wide = rows <= columns;
    // M = T V with T's turns orthogonal: rows of V are σ_i v_i, columns of T are u_i. A tall matrix is exchanged first.
    let exchanged = if wide { None } else { Some(transposed(matrix, columns)) };
    let length = if wide { columns } else { rows };
    let lines = exchanged.as_deref().unwrap_or(matrix).chunks_exact(length.max(1));
    let mut vectors: Vec<Vec<f64>> = lines.map(|line| line.iter().map(|value| f64::from(*value)).collect()).collect();
    let side = vectors.len();
    let mut turns: Vec<Vec<f64>> =
        (0..side).map(|i| (0..side).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..60 {
        let mut largest = 0f64;
        for i in 0..side {
            for j in i + 1..side {
                let (a, b, c) =
                    (dot(&vectors[i], &vectors[i]), dot(&vectors[j], &vectors[j]), dot(&vectors[i], &vectors[j]));
                if c == 0.0 || c.abs() <= 1e-15 * (a * b).sqrt() {
                    continue;
                }
                largest = largest.max(c.abs() / (a * b).sqrt());
                let zeta = (b - a) / (2.0 * c);
                let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let cosine = 1.0 / (1.0 + t * t).sqrt();
                turn(&mut vectors, i, j, cosine, cosine * t);
                turn(&mut turns, i, j, cosine, cosine * t);
            }
        }
        if largest < 1e-13 {
            break;
        }
    }
    let lengths: Vec<f64> = vectors.iter().map(|vector| dot(vector, vector).sqrt()).collect();
    // The longest first, of equal ones the first. By insertion: a sort of its own is as much code as all of this.
    let mut order: Vec<usize> = Vec::with_capacity(side);
    for (i, length) in lengths.iter().enumerate() {
        order.insert(order.partition_point(|j| lengths[*j].total_cmp(length).is_ge()), i);
    }
    let first = || order.iter().take(count);
    let long: Vec<Vec<f64>> = first().map(|i| normalized(&vectors[*i])).collect();
    let short: Vec<Vec<f64>> = first().map(|i| turns[*i].clone()).collect();
    let (left, right) = if wide { (short, long) } else { (long, short) };
    Svd { values: order.iter().map(|i| lengths[*i]).collect(), left, right }
}

fn turn(vectors: &mut [Vec<f64>], i: usize, j: usize, cosine: f64, sine: f64) {
    let (left, right) = vectors.split_at_mut(j);
    for (a, b) in left[i].iter_mut().zip(&mut right[0]) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Of length 1, or 0 where it is.
pub(super) fn normalized(vector: &[f64]) -> Vec<f64> {
    let length = dot(vector, vector).sqrt();
    vector.iter().map(|value| if length > 0.0 { value / length } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest difference of the parts' sum from the matrix.
    fn off(matrix: &[f32], columns: usize, svd: &Svd) -> f64 {
        let entry = |row: usize, column: usize| -> f64 {
            (0..svd.left.len()).map(|i| svd.values[i] * svd.left[i][row] * svd.right[i][column]).sum()
        };
        let differences =
            matrix.iter().enumerate().map(|(i, value)| (entry(i / columns, i % columns) - f64::from(*value)).abs());
        differences.fold(0.0, f64::max)
    }

    #[test]
    fn all_parts_together_are_the_matrix() {
        for (rows, columns) in [(1, 1), (3, 5), (5, 3), (4, 4), (7, 1), (1, 7), (9, 20)] {
            let matrix: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * 1.7).sin()).collect();
            let svd = svd(&matrix, columns, usize::MAX);
            assert_eq!(svd.values.len(), rows.min(columns));
            assert!(off(&matrix, columns, &svd) < 1e-12, "{rows} x {columns}");
            assert!(svd.values.is_sorted_by(|a, b| a >= b));
            for side in [&svd.left, &svd.right] {
                for (i, j) in (0..side.len()).flat_map(|i| (0..i).map(move |j| (i, j))) {
                    // These matrices have rank 2: vectors of a value of 0 are rounding errors or 0.
                    if svd.values[i] > 1e-6 {
                        assert!(dot(&side[i], &side[j]).abs() < 1e-12 && (dot(&side[i], &side[i]) - 1.0).abs() < 1e-12);
                    }
                }
            }
        }
    }

    #[test]
    fn singular_values_that_are_known() {
        // numpy.linalg.svd([[3, 0], [4, 5]]): the roots of 45 and 5.
        let known = svd(&[3.0, 0.0, 4.0, 5.0], 2, 1);
        assert!((known.values[0] - 45f64.sqrt()).abs() < 1e-12 && (known.values[1] - 5f64.sqrt()).abs() < 1e-12);
        assert_eq!(known.left.len(), 1);
        let none = svd(&[0.0; 6], 3, 2);
        assert_eq!((none.values, none.right), (vec![0.0; 2], vec![vec![0.0; 3]; 2]));
    }
}
