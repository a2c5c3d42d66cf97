//! `leftᵀ · right`: the gradient of a weight, from the inputs and the gradient of the results. Neither matrix is packed: a tile reads a part
//! of each row of both, as it lies in memory.

use pulp::{Simd, WithSimd};

use crate::simd::vectorized;
use crate::tile::{AVX512_LANES, AVX512_ROWS, ROWS, VECTORS, add_row, load_row, store_row};
use crate::view::{MatrixView, MatrixViewMut};

/// Rows that all tiles sum over before the next rows. Few enough for both matrices' rows to stay in the L2 cache and for small rounding
/// errors, enough for sums to be added to the target seldom.
const TOGETHER: usize = 128;

/// `target += leftᵀ · right`, summed over `batch` pictures of `rows` rows.
#[derive(Debug)]
pub struct OuterProduct<'a> {
    /// `[rows, k]` of each picture.
    pub left: MatrixView<'a>,
    /// Rows of `left` from the start of one picture to that of the next.
    pub rows_in: usize,
    /// `[rows, n]` of each picture.
    pub right: MatrixView<'a>,
    /// Rows of a picture that are summed over.
    pub rows: usize,
    /// Pictures.
    pub batch: usize,
    /// Rows of the result.
    pub k: usize,
    /// Columns of the result.
    pub n: usize,
    /// `[k, n]`; its rows follow one another.
    pub target: MatrixViewMut<'a>,
}

impl OuterProduct<'_> {
    /// Computes it.
    pub fn run(self) {
        vectorized(self)
    }

    #[inline(always)]
    fn by_tiles<S: Simd, const ROWS: usize>(self, simd: S) {
        let Self { left, rows_in, right, rows, batch, k, n, target } = self;
        let width = VECTORS * S::F32_LANES;
        let pictures = (TOGETHER / rows.max(1)).max(1);
        for first_picture in (0..batch).step_by(pictures) {
            let last_picture = batch.min(first_picture + pictures);
            for first_row in (0..rows).step_by(TOGETHER) {
                let last_row = rows.min(first_row + TOGETHER);
                for first in (0..k).step_by(ROWS) {
                    // Beyond the end, the last row is computed and written again.
                    let left_columns: [usize; ROWS] = std::array::from_fn(|i| (first + i).min(k - 1));
                    for column in (0..n).step_by(width) {
                        let columns = width.min(n - column);
                        let start = |left_column: usize| left_column * target.stride + target.column + column;
                        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
                        for picture in first_picture..last_picture {
                            let left = &left.values[(picture * rows_in + first_row) * left.stride + left.column..];
                            let right = &right.values[(picture * rows + first_row) * right.stride + right.column..];
                            let rows = last_row - first_row;
                            let whole = first + ROWS <= k && columns == width;
                            sums = match whole {
                                true => add_tile(
                                    simd,
                                    Strip { values: &left[first..], stride: self.left.stride },
                                    Strip { values: &right[column..], stride: self.right.stride },
                                    rows,
                                    sums,
                                ),
                                false => {
                                    let right = Strip { values: &right[column..], stride: self.right.stride };
                                    add_edge(
                                        simd,
                                        Strip { values: left, stride: self.left.stride },
                                        left_columns,
                                        right,
                                        columns,
                                        rows,
                                        sums,
                                    )
                                }
                            };
                        }
                        // All rows are read before any is written: rows beyond the end are repetitions of the last one.
                        for (sums, left_column) in sums.iter_mut().zip(left_columns) {
                            add_row(simd, sums, &target.values[start(left_column)..][..columns]);
                        }
                        for (left_column, sums) in left_columns.into_iter().zip(sums) {
                            store_row(simd, &mut target.values[start(left_column)..][..columns], sums);
                        }
                    }
                }
            }
        }
    }
}

/// A part of each row.
#[derive(Clone, Copy)]
struct Strip<'a> {
    values: &'a [f32],
    stride: usize,
}

/// Adds the products of `ROWS` values of each left row with a panel of each right row.
#[inline(always)]
fn add_tile<S: Simd, const ROWS: usize>(
    simd: S,
    left: Strip<'_>,
    right: Strip<'_>,
    rows: usize,
    mut sums: [[S::f32s; VECTORS]; ROWS],
) -> [[S::f32s; VECTORS]; ROWS] {
    for row in 0..rows {
        let (left, right) = (&left.values[row * left.stride..], &right.values[row * right.stride..]);
        let right = S::as_simd_f32s(&right[..VECTORS * S::F32_LANES]).0;
        let (left, right) = (&left[..ROWS], &right[..VECTORS]);
        for i in 0..ROWS {
            let value = simd.splat_f32s(left[i]);
            for v in 0..VECTORS {
                sums[i][v] = simd.mul_add_e_f32s(value, right[v], sums[i][v]);
            }
        }
    }
    sums
}

/// The same at the edges: `left_columns` of each left row, the first `columns` values of each right row.
#[inline(always)]
fn add_edge<S: Simd, const ROWS: usize>(
    simd: S,
    left: Strip<'_>,
    left_columns: [usize; ROWS],
    right: Strip<'_>,
    columns: usize,
    rows: usize,
    mut sums: [[S::f32s; VECTORS]; ROWS],
) -> [[S::f32s; VECTORS]; ROWS] {
    for row in 0..rows {
        let (left, right) = (&left.values[row * left.stride..], &right.values[row * right.stride..]);
        let right = load_row(simd, &right[..columns]);
        for (sums, left_column) in sums.iter_mut().zip(left_columns) {
            let value = simd.splat_f32s(left[left_column]);
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = simd.mul_add_e_f32s(value, right, *sum);
            }
        }
    }
    sums
}

impl WithSimd for OuterProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            AVX512_LANES => self.by_tiles::<S, AVX512_ROWS>(simd),
            _ => self.by_tiles::<S, ROWS>(simd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    #[test]
    fn sums_over_all_rows() {
        for (batch, rows_in, rows, k, n) in
            [(1, 1, 1, 1, 1), (1, 300, 300, 7, 33), (3, 9, 7, 12, 16), (2, 5, 5, 64, 40)]
        {
            let (left, right) = (noise((batch * rows_in + 1) * (k + 3), 1), noise(batch * rows * (n + 2), 2));
            let mut out = vec![1.0; k * (n + 1)];
            OuterProduct {
                left: MatrixView { values: &left, stride: k + 3, column: 3 },
                rows_in,
                right: MatrixView { values: &right, stride: n + 2, column: 1 },
                rows,
                batch,
                k,
                n,
                target: MatrixViewMut { values: &mut out, stride: n + 1, column: 1, rows: None },
            }
            .run();
            for (i, out) in out.iter().enumerate() {
                let (row, column) = (i / (n + 1), i % (n + 1));
                let product = |r: usize| {
                    let (picture, r) = (r / rows, r % rows);
                    let left = left[(picture * rows_in + r) * (k + 3) + 3 + row];
                    f64::from(left) * f64::from(right[(picture * rows + r) * (n + 2) + column])
                };
                let sum = if column == 0 { 0.0 } else { (0..batch * rows).map(product).sum::<f64>() };
                assert!((f64::from(*out) - 1.0 - sum).abs() < 1e-4, "{out} {sum} at {row} {column} of {k} {n}");
            }
        }
    }
}
