//! `leftᵀ · right`: the gradient of a weight, from the inputs and the gradient of the results. What a tile reads of some rows is packed
//! first: rows that are far apart in memory push each other out of the cache.

use pulp::{Simd, WithSimd};

use crate::simd::vectorized;
use crate::tile::{AVX512_LANES, AVX512_ROWS, ROWS, VECTORS, add_row, load_row, store_row};
use crate::view::{MatrixView, MatrixViewMut};

/// Rows that all tiles sum over before the next rows. Few enough for what is packed of them to stay in the caches and for small rounding
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
        let most = pictures.min(batch) * rows.min(TOGETHER);
        let mut strip = vec![[0.0; ROWS]; most];
        let mut panels = vec![0.0; n.div_ceil(width) * width * most];
        for first_picture in (0..batch).step_by(pictures) {
            let pictures = first_picture..batch.min(first_picture + pictures);
            for first_row in (0..rows).step_by(TOGETHER) {
                let each = rows.min(first_row + TOGETHER) - first_row;
                let count = pictures.len() * each;
                let from = |picture, rows| picture * rows + first_row;
                let panels = S::as_mut_simd_f32s(&mut panels).0.as_chunks_mut::<VECTORS>().0;
                for (column, panel) in (0..n).step_by(width).zip(panels.chunks_exact_mut(count)) {
                    let columns = width.min(n - column);
                    for (picture, packed) in pictures.clone().zip(panel.chunks_exact_mut(each)) {
                        let values = &right.values[from(picture, rows) * right.stride + right.column + column..];
                        for (row, packed) in packed.iter_mut().enumerate() {
                            *packed = load_row(simd, &values[row * right.stride..][..columns]);
                        }
                    }
                }
                for first in (0..k).step_by(ROWS) {
                    let height = ROWS.min(k - first);
                    for (picture, packed) in pictures.clone().zip(strip.chunks_exact_mut(each)) {
                        let values = &left.values[from(picture, rows_in) * left.stride + left.column + first..];
                        for (row, packed) in packed.iter_mut().enumerate() {
                            // Rows may overlap: there may be more columns than from row to row.
                            let values = &values[row * left.stride..];
                            match values.first_chunk() {
                                Some(values) => *packed = *values,
                                None => packed[..height].copy_from_slice(&values[..height]),
                            }
                        }
                    }
                    for (column, panel) in (0..n).step_by(width).zip(panels.chunks_exact(count)) {
                        let columns = width.min(n - column);
                        let sums = multiply(simd, &strip[..count], panel);
                        for (row, mut sums) in sums.into_iter().take(height).enumerate() {
                            let start = (first + row) * target.stride + target.column + column;
                            let target = &mut target.values[start..][..columns];
                            add_row(simd, &mut sums, target);
                            store_row(simd, target, sums);
                        }
                    }
                }
            }
        }
    }
}

/// The sum over rows of the products of a strip's values with a panel's.
#[inline(always)]
fn multiply<S: Simd, const ROWS: usize>(
    simd: S,
    left: &[[f32; ROWS]],
    right: &[[S::f32s; VECTORS]],
) -> [[S::f32s; VECTORS]; ROWS] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    for (left, right) in left.iter().zip(right) {
        for (sums, left) in sums.iter_mut().zip(left) {
            let value = simd.splat_f32s(*left);
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = simd.mul_add_e_f32s(value, *right, *sum);
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
                target: MatrixViewMut { values: &mut out, stride: n + 1, column: 1 },
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
