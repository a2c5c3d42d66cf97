//! The right matrix of a product: packed into panels, the rows of a panel one after the other.

use super::simd::lanes;

/// Vectors side by side in a panel.
pub const VECTORS: usize = 2;

/// A matrix `[k, n]`, packed for products from the right.
#[derive(Debug, Clone, Default)]
pub struct Packed {
    pub(super) k: usize,
    pub(super) n: usize,
    pub(super) panels: Vec<f32>,
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
        let width = VECTORS * lanes();
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
