//! The right matrix of a product, packed in panels of a few columns. The rows of a panel follow one another in memory, so that a tile
//! reads it from start to end. Missing columns of the last panel are zero.
//!
//! Tests: those of [`crate::matmul`] and [`crate::attention`].

use crate::simd::lanes;
use crate::tile::VECTORS;
use crate::view::MatrixView;

/// A matrix `[k, n]`, packed as the right matrix of [`MatMul`](crate::matmul::MatMul).
#[derive(Debug, Clone, Default)]
pub struct PackedMatrix {
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) panels: Vec<f32>,
    /// Columns of a panel.
    width: usize,
}

impl PackedMatrix {
    /// A matrix `[k, n]` from its entries, by row and column.
    pub fn new(k: usize, n: usize, entry: &dyn Fn(usize, usize) -> f32) -> Self {
        let mut packed = Self::default();
        packed.fill(k, n, entry);
        packed
    }

    /// Becomes the matrix `[k, n]` of this view. Memory is reused.
    pub fn refill(&mut self, k: usize, n: usize, MatrixView { values, stride, column }: MatrixView<'_>) {
        let width = self.resize(k, n);
        for (panel, rows) in self.panels.chunks_exact_mut((k * width).max(1)).enumerate() {
            let first = panel * width;
            let columns = width.min(n - first);
            for (row, out) in rows.chunks_exact_mut(width).enumerate() {
                out[..columns].copy_from_slice(&values[row * stride + column + first..][..columns]);
                out[columns..].fill(0.0);
            }
        }
    }

    /// Becomes the matrix `[k, n]` that is the transpose of this view, `[n, k]`. Memory is reused.
    pub fn refill_transposed(&mut self, k: usize, n: usize, MatrixView { values, stride, column }: MatrixView<'_>) {
        let width = self.resize(k, n);
        for (panel, rows) in self.panels.chunks_exact_mut((k * width).max(1)).enumerate() {
            let first = panel * width;
            let columns = width.min(n - first);
            if columns < width {
                rows.fill(0.0);
            }
            for j in 0..columns {
                let values = &values[(first + j) * stride + column..][..k];
                rows[j..].iter_mut().step_by(width).zip(values).for_each(|(out, value)| *out = *value);
            }
        }
    }

    pub(crate) fn fill(&mut self, k: usize, n: usize, entry: impl Fn(usize, usize) -> f32) {
        let width = self.resize(k, n);
        for (panel, rows) in self.panels.chunks_exact_mut((k * width).max(1)).enumerate() {
            let first = panel * width;
            for (row, out) in rows.chunks_exact_mut(width).enumerate() {
                for (j, out) in out.iter_mut().enumerate() {
                    *out = if first + j < n { entry(row, first + j) } else { 0.0 };
                }
            }
        }
    }

    /// Becomes `[k, n]`, with any entries. Returns the columns of a panel.
    pub(crate) fn resize(&mut self, k: usize, n: usize) -> usize {
        let width = VECTORS * lanes();
        (self.k, self.n, self.width) = (k, n, width);
        self.panels.resize(n.div_ceil(width) * k * width, 0.0);
        width
    }

    /// Becomes `[k, n]` of zeros.
    pub(crate) fn clear(&mut self, k: usize, n: usize) {
        self.resize(k, n);
        self.panels.fill(0.0);
    }

    /// Writes `values` times `factor` down a column, from a row on.
    pub(crate) fn set_column(&mut self, row: usize, column: usize, values: &[f32], factor: f32) {
        let width = self.width;
        let entries = self.panels[(column / width * self.k + row) * width + column % width..].iter_mut().step_by(width);
        entries.zip(values).for_each(|(entry, value)| *entry = factor * value);
    }

    /// Writes `values` times `factor` along a row, from a column on.
    pub(crate) fn set_row(&mut self, row: usize, mut column: usize, mut values: &[f32], factor: f32) {
        let width = self.width;
        while !values.is_empty() {
            let (part, rest) = values.split_at(values.len().min(width - column % width));
            let entries = &mut self.panels[(column / width * self.k + row) * width + column % width..][..part.len()];
            entries.iter_mut().zip(part).for_each(|(entry, value)| *entry = factor * value);
            column += part.len();
            values = rest;
        }
    }

    /// Number of rows.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Number of columns.
    pub fn n(&self) -> usize {
        self.n
    }
}
