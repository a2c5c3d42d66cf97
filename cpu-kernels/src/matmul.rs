//! The matrix product of the crate. It is computed in tiles: a few rows of the left matrix times a panel of the right one (the weights).
//!
//! A table can say which rows of the left matrix are read, so that a convolution is a matrix product too (indirect convolution,
//! arXiv 1907.02129). These rows are gathered for one tile at a time.

use pulp::{Simd, WithSimd};

use crate::packed_matrix::PackedMatrix;
use crate::simd::vectorized;
use crate::tile::{AVX512_LANES, AVX512_ROWS, ROWS, VECTORS, add_row, load_row, store_row};
use crate::view::{MatrixView, MatrixViewMut};

/// In [`MatMul::taps`]: a row of zeros, beyond the edge of the map.
pub const OUTSIDE: u32 = u32::MAX;

/// `target = left · weights + bias + residual` for a batch of pictures; `target += ..` if `accumulate`.
///
/// # Shapes
/// `left [batch · rows_in, k]` (with taps: `[.., k / taps]`), `weights [k, n]`, `target` and `residual [batch · rows, n]`.
#[derive(Debug)]
pub struct MatMul<'a> {
    /// The left matrix.
    pub left: MatrixView<'a>,
    /// Rows of `left` that a picture has.
    pub rows_in: usize,
    /// Rows of the result that a picture has.
    pub rows: usize,
    /// Pictures.
    pub batch: usize,
    /// `[taps, rows]`: for each tap and row of the result, the row of `left` (within the picture) that it reads, or [`OUTSIDE`]. None:
    /// one tap, row `i` of the result reads row `i` of `left`.
    pub taps: Option<&'a [u32]>,
    /// The right matrix, `[k, n]`.
    pub weights: &'a PackedMatrix,
    /// `[n]`, or `[batch, n]`, or empty.
    pub bias: &'a [f32],
    /// `[batch · rows, n]`, contiguous, added to the result.
    pub residual: Option<&'a [f32]>,
    /// Whether the result is added to what `target` holds.
    pub accumulate: bool,
    /// Where the result is written.
    pub target: MatrixViewMut<'a>,
}

impl<'a> MatMul<'a> {
    /// `target = left · weights + bias` for `rows` rows of one picture.
    pub fn plain(
        left: MatrixView<'a>,
        rows: usize,
        weights: &'a PackedMatrix,
        bias: &'a [f32],
        target: MatrixViewMut<'a>,
    ) -> Self {
        Self {
            left,
            rows_in: rows,
            rows,
            batch: 1,
            taps: None,
            weights,
            bias,
            residual: None,
            accumulate: false,
            target,
        }
    }

    /// Computes it.
    pub fn run(self) {
        vectorized(self)
    }
}

/// A row of the result: which picture, which row in it.
type OutputRow = (usize, usize);

impl WithSimd for MatMul<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            AVX512_LANES => self.by_tiles::<S, AVX512_ROWS>(simd, multiply_avx512),
            _ => self.by_tiles::<S, ROWS>(simd, multiply),
        }
    }
}

impl<'a> MatMul<'a> {
    #[inline(always)]
    fn by_tiles<S: Simd, const ROWS: usize>(
        self,
        simd: S,
        multiply: impl Fn(S, Left<'_, ROWS>, Right<'_, S>, Sums<S, ROWS>) -> Sums<S, ROWS>,
    ) {
        let PackedMatrix { k, n, ref panels, .. } = *self.weights;
        let width = VECTORS * S::F32_LANES;
        let mut gathered = vec![0f32; if self.taps.is_some() { ROWS * k } else { 0 }];
        let nothing = vec![0f32; if self.bias.is_empty() { n } else { 0 }];
        let mut next = (0, 0);
        for _ in 0..(self.batch * self.rows).div_ceil(ROWS) {
            // Beyond the end, the last row is computed and written again.
            let out_rows: [OutputRow; ROWS] = std::array::from_fn(|_| {
                let row = next;
                next = self.after(row);
                row
            });
            let left = self.left_rows(out_rows, &mut gathered);
            let bias: [&[f32]; ROWS] = std::array::from_fn(|i| match self.bias.len() {
                0 => &nothing[..],
                len if len == n => self.bias,
                _ => &self.bias[out_rows[i].0 * n..][..n],
            });
            let starts: [usize; ROWS] = std::array::from_fn(|i| self.start(out_rows[i]));
            for (panel, right) in panels.chunks_exact(k * width).enumerate() {
                let right = S::as_simd_f32s(right).0.as_chunks::<VECTORS>().0;
                let columns = panel * width..n.min((panel + 1) * width);
                let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
                for (sums, row) in sums.iter_mut().zip(bias) {
                    *sums = load_row(simd, &row[columns.clone()]);
                }
                if let Some(residual) = self.residual {
                    for (sums, (picture, row)) in sums.iter_mut().zip(out_rows) {
                        add_row(simd, sums, &residual[(picture * self.rows + row) * n..][columns.clone()]);
                    }
                }
                if self.accumulate {
                    for (sums, start) in sums.iter_mut().zip(starts) {
                        add_row(simd, sums, &self.target.values[start..][columns.clone()]);
                    }
                }
                let sums = multiply(simd, left, right, sums);
                for (sums, start) in sums.into_iter().zip(starts) {
                    store_row(simd, &mut self.target.values[start..][columns.clone()], sums);
                }
            }
        }
    }

    /// The row after this one; after the last comes the last again.
    fn after(&self, (picture, row): OutputRow) -> OutputRow {
        match () {
            () if row + 1 < self.rows => (picture, row + 1),
            () if picture + 1 < self.batch => (picture + 1, 0),
            () => (picture, row),
        }
    }

    /// What these rows of the result read of the left matrix: rows of it as they lie in memory, or all taps' rows gathered.
    #[inline(always)]
    fn left_rows<'b, const ROWS: usize>(
        &self,
        out_rows: [OutputRow; ROWS],
        gathered: &'b mut [f32],
    ) -> [&'b [f32]; ROWS]
    where
        'a: 'b,
    {
        let Self { left, rows_in, rows, weights, .. } = *self;
        let start = |picture, row| (picture * rows_in + row) * left.stride + left.column;
        let Some(taps) = self.taps else {
            return std::array::from_fn(|i| &left.values[start(out_rows[i].0, out_rows[i].1)..][..weights.k]);
        };
        let depth = weights.k * rows / taps.len();
        for ((picture, row), gathered) in out_rows.into_iter().zip(gathered.chunks_exact_mut(weights.k)) {
            for (gathered, taps) in gathered.chunks_exact_mut(depth).zip(taps.chunks_exact(rows)) {
                match taps[row] {
                    OUTSIDE => gathered.fill(0.0),
                    row => gathered.copy_from_slice(&left.values[start(picture, row as usize)..][..depth]),
                }
            }
        }
        let gathered: &[f32] = gathered;
        std::array::from_fn(|i| &gathered[i * weights.k..][..weights.k])
    }

    /// The index in the target at which a row of the result starts.
    #[inline(always)]
    fn start(&self, (picture, row): OutputRow) -> usize {
        (picture * self.rows + row) * self.target.stride + self.target.column
    }
}

/// A tile's rows of the left matrix, `k` values each.
type Left<'a, const ROWS: usize> = [&'a [f32]; ROWS];
/// A panel of the right matrix, `k` rows.
type Right<'a, S> = &'a [[<S as Simd>::f32s; VECTORS]];
type Sums<S, const ROWS: usize> = [[<S as Simd>::f32s; VECTORS]; ROWS];

/// `sums + left · right`.
#[inline(always)]
fn multiply<S: Simd>(simd: S, left: Left<'_, ROWS>, right: Right<'_, S>, mut sums: Sums<S, ROWS>) -> Sums<S, ROWS> {
    // Zipped: no bounds checks, and the loop stays small enough for Chromium's compiler to unroll.
    let [a, b, c, d] = left;
    for ((((right, a), b), c), d) in right.iter().zip(a).zip(b).zip(c).zip(d) {
        for (sums, left) in sums.iter_mut().zip([a, b, c, d]) {
            let value = simd.splat_f32s(*left);
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = simd.mul_add_e_f32s(value, *right, *sum);
            }
        }
    }
    sums
}

/// The same for AVX-512.
#[inline(always)]
fn multiply_avx512<S: Simd>(
    simd: S,
    mut left: Left<'_, AVX512_ROWS>,
    right: Right<'_, S>,
    mut sums: Sums<S, AVX512_ROWS>,
) -> Sums<S, AVX512_ROWS> {
    for left in &mut left {
        *left = &left[..right.len()];
    }
    for (k, right) in right.iter().enumerate() {
        for (sums, left) in sums.iter_mut().zip(left) {
            let value = simd.splat_f32s(left[k]);
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = simd.mul_add_e_f32s(value, *right, *sum);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::testing::noise;

    fn close(a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }

    #[test]
    fn products_of_every_size() {
        for (rows, k, n) in [(1, 1, 1), (3, 5, 7), (4, 8, 16), (9, 32, 33), (49, 16, 49), (50, 64, 40)] {
            let (a, b, bias) = (noise(rows * k, 1), noise(k * n, 2), noise(n, 3));
            let expected: Vec<f32> = (0..rows * n)
                .map(|i| bias[i % n] + (0..k).map(|j| a[i / n * k + j] * b[j * n + i % n]).sum::<f32>())
                .collect();
            let packed = PackedMatrix::new(k, n, &|i, j| b[i * n + j]);
            let mut out = vec![f32::NAN; rows * n];
            MatMul::plain(MatrixView::whole(&a, k), rows, &packed, &bias, MatrixViewMut::whole(&mut out, n)).run();
            close(&out, &expected);
            let mut twice = out.clone();
            let product =
                MatMul::plain(MatrixView::whole(&a, k), rows, &packed, &bias, MatrixViewMut::whole(&mut twice, n));
            MatMul { residual: Some(&out), accumulate: true, ..product }.run();
            close(&twice, &expected.iter().map(|x| 3.0 * x).collect::<Vec<_>>());
        }
    }

    #[test]
    fn columns_of_wider_rows() {
        let (a, b) = (noise(6 * 10, 1), noise(4 * 3, 2));
        let packed = PackedMatrix::new(4, 3, &|i, j| b[i * 3 + j]);
        let mut out = vec![0.0; 6 * 8];
        let left = MatrixView { values: &a, stride: 10, column: 5 };
        let target = MatrixViewMut { values: &mut out, stride: 8, column: 2 };
        MatMul::plain(left, 6, &packed, &[], target).run();
        for row in 0..6 {
            let expected: Vec<f32> = (0..3).map(|n| (0..4).map(|k| a[row * 10 + 5 + k] * b[k * 3 + n]).sum()).collect();
            close(&out[row * 8 + 2..row * 8 + 5], &expected);
            assert_eq!(out[row * 8 + 5..row * 8 + 8], [0.0; 3]);
        }
    }
}
