//! Matrix products. The right matrix (weights) is packed into panels two vectors wide; the rows of the left one are
//! found through a table, so that a convolution is a product too and copies nothing (arXiv 1907.02129).

use pulp::{Arch, Simd, WithSimd};

use super::simd::{lanes, load, store};

/// Vectors side by side in a panel. Of short vectors more, so that one value of the left serves as many products.
const fn vectors(lanes: usize) -> usize {
    if lanes <= 4 { 4 } else { 2 }
}

/// In a table of [`Product::taps`]: beyond the edge, a row of zeros.
pub const OUTSIDE: u32 = u32::MAX;

/// A matrix `[k, n]`, packed for products from the right.
#[derive(Debug, Clone, Default)]
pub struct Packed {
    k: usize,
    n: usize,
    panels: Vec<f32>,
}

impl Packed {
    /// From its entries.
    pub fn new(k: usize, n: usize, entry: impl Fn(usize, usize) -> f32) -> Self {
        let mut packed = Self::default();
        packed.refill(k, n, entry);
        packed
    }

    /// [`new`](Self::new) into memory that is there already.
    pub fn refill(&mut self, k: usize, n: usize, entry: impl Fn(usize, usize) -> f32) {
        let width = vectors(lanes()) * lanes();
        (self.k, self.n) = (k, n);
        self.panels.resize(n.div_ceil(width) * k * width, 0.0);
        for (panel, rows) in self.panels.chunks_exact_mut((k * width).max(1)).enumerate() {
            let first = panel * width;
            for (row, out) in rows.chunks_exact_mut(width).enumerate() {
                for (j, out) in out.iter_mut().enumerate() {
                    *out = if first + j < n { entry(row, first + j) } else { 0.0 };
                }
            }
        }
    }

    /// Columns.
    pub fn n(&self) -> usize {
        self.n
    }
}

/// Some columns of a matrix in memory.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Row after row.
    pub values: &'a [f32],
    /// Length of a row.
    pub stride: usize,
    /// The first column of those meant.
    pub column: usize,
}

impl<'a> Rows<'a> {
    /// Whole rows.
    pub fn whole(values: &'a [f32], stride: usize) -> Self {
        Self { values, stride, column: 0 }
    }
}

/// Where a product's rows go.
#[derive(Debug)]
pub struct Target<'a> {
    /// Row after row.
    pub values: &'a mut [f32],
    /// Length of a row.
    pub stride: usize,
    /// The first column that is written.
    pub column: usize,
    /// Row of each picture's result in `values`, where they are not one after the other; and how many a picture has there.
    pub rows: Option<(&'a [u32], usize)>,
}

impl<'a> Target<'a> {
    /// Whole rows, one after the other.
    pub fn whole(values: &'a mut [f32], stride: usize) -> Self {
        Self { values, stride, column: 0, rows: None }
    }
}

/// `target (+)= left · weights + bias + residual` for a batch of pictures.
#[derive(Debug)]
pub struct Product<'a> {
    /// The left matrix.
    pub left: Rows<'a>,
    /// Rows of `left` for a picture.
    pub rows_in: usize,
    /// Rows of the result for a picture.
    pub rows: usize,
    /// Pictures.
    pub batch: usize,
    /// For each tap, for each row of the result, the row of `left` (within the picture) that it takes. None: one tap, row by row.
    pub taps: Option<&'a [u32]>,
    /// The right matrix.
    pub weights: &'a Packed,
    /// One row for all, or one for each picture, or nothing.
    pub bias: &'a [f32],
    /// Rows like the result's (whole, one after the other), added to it.
    pub residual: Option<&'a [f32]>,
    /// The result is added to what is there.
    pub accumulate: bool,
    /// Where it goes.
    pub target: Target<'a>,
}

impl<'a> Product<'a> {
    /// `left · weights + bias` for rows one after the other.
    pub fn plain(left: Rows<'a>, rows: usize, weights: &'a Packed, bias: &'a [f32], target: Target<'a>) -> Self {
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
        Arch::new().dispatch(self)
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Eight sums at a time: with them all that is being multiplied stays in sixteen registers. Measured in Chromium: more
        // sums, or several steps of the depth per turn, and the compiler there begins to spill.
        match vectors(S::F32_LANES) {
            4 => self.tiled::<S, 2, 4>(simd),
            _ => self.tiled::<S, 4, 2>(simd),
        }
    }
}

impl Product<'_> {
    /// `ROWS` rows and `VECTORS` vectors of columns together.
    #[inline(always)]
    fn tiled<S: Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S) {
        let Self { left, rows_in, rows, batch, taps, weights, bias, residual, accumulate, target } = self;
        let (n, width) = (weights.n, VECTORS * S::F32_LANES);
        let num_taps = taps.map_or(1, |taps| taps.len() / rows);
        let depth = weights.k / num_taps;
        let zeros = vec![0f32; if taps.is_some() { depth } else { 0 }];
        let total = batch * rows;
        for (panel, packed) in weights.panels.chunks_exact(weights.k * width).enumerate() {
            let packed = S::as_simd_f32s(packed).0.as_chunks::<VECTORS>().0;
            let columns = panel * width..n.min((panel + 1) * width);
            // A row's part under this panel.
            let part = |row: &[f32]| -> [S::f32s; VECTORS] {
                let mut blocks = row[columns.clone()].chunks(S::F32_LANES);
                std::array::from_fn(|_| blocks.next().map_or(simd.splat_f32s(0.0), |block| load(simd, block)))
            };
            for first in (0..total).step_by(ROWS) {
                // Past the end the last row is computed again, and not stored.
                let places: [(usize, usize); ROWS] = std::array::from_fn(|i| {
                    let row = (first + i).min(total - 1);
                    (row / rows, row % rows)
                });
                let mut sums = places.map(|(picture, _)| match bias.len() {
                    0 => [simd.splat_f32s(0.0); VECTORS],
                    len if len == n => part(bias),
                    _ => part(&bias[picture * n..(picture + 1) * n]),
                });
                for (tap, packed) in packed.chunks_exact(depth).enumerate() {
                    let lefts: [&[f32]; ROWS] = places.map(|(picture, row)| {
                        let row = match taps {
                            None => row,
                            Some(taps) => match taps[tap * rows + row] {
                                OUTSIDE => return &zeros[..depth],
                                row => row as usize,
                            },
                        };
                        &left.values[(picture * rows_in + row) * left.stride + left.column..][..depth]
                    });
                    for (k, right) in packed.iter().enumerate() {
                        for (sums, left) in sums.iter_mut().zip(&lefts) {
                            let value = simd.splat_f32s(left[k]);
                            for (sum, right) in sums.iter_mut().zip(right) {
                                *sum = simd.mul_add_e_f32s(value, *right, *sum);
                            }
                        }
                    }
                }
                for (i, ((picture, row), mut sums)) in places.into_iter().zip(sums).enumerate().take(total - first) {
                    if let Some(residual) = residual {
                        let residual = part(&residual[(first + i) * n..(first + i + 1) * n]);
                        sums = std::array::from_fn(|v| simd.add_f32s(sums[v], residual[v]));
                    }
                    let row = match target.rows {
                        None => first + i,
                        Some((rows, rows_out)) => picture * rows_out + rows[row] as usize,
                    };
                    let start = row * target.stride + target.column;
                    let out = &mut target.values[start..start + n][columns.clone()];
                    for (out, sum) in out.chunks_mut(S::F32_LANES).zip(sums) {
                        let sum = if accumulate { simd.add_f32s(load(simd, out), sum) } else { sum };
                        store(simd, out, sum);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, seed: u64) -> Vec<f32> {
        crate::noise::NoiseSource::new(seed).normals(len)
    }

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
            let packed = Packed::new(k, n, |i, j| b[i * n + j]);
            let mut out = vec![f32::NAN; rows * n];
            Product::plain(Rows::whole(&a, k), rows, &packed, &bias, Target::whole(&mut out, n)).run();
            close(&out, &expected);
            let mut twice = out.clone();
            let product = Product::plain(Rows::whole(&a, k), rows, &packed, &bias, Target::whole(&mut twice, n));
            Product { residual: Some(&out), accumulate: true, ..product }.run();
            close(&twice, &expected.iter().map(|x| 3.0 * x).collect::<Vec<_>>());
        }
    }

    #[test]
    fn columns_of_wider_rows() {
        let (a, b) = (noise(6 * 10, 1), noise(4 * 3, 2));
        let packed = Packed::new(4, 3, |i, j| b[i * 3 + j]);
        let mut out = vec![0.0; 6 * 8];
        let left = Rows { values: &a, stride: 10, column: 5 };
        let target = Target { values: &mut out, stride: 8, column: 2, rows: None };
        Product::plain(left, 6, &packed, &[], target).run();
        for row in 0..6 {
            let expected: Vec<f32> = (0..3).map(|n| (0..4).map(|k| a[row * 10 + 5 + k] * b[k * 3 + n]).sum()).collect();
            close(&out[row * 8 + 2..row * 8 + 5], &expected);
            assert_eq!(out[row * 8 + 5..row * 8 + 8], [0.0; 3]);
        }
    }
}
