//! Gradients, for training: from the gradient of a result to the gradients of the inputs and parameters.
//!
//! | module | what it is |
//! |---|---|
//! | [`outer_product`] | `leftᵀ · right`, the gradient of a weight |
//! | [`norm`] | GroupNorm, LayerNorm |
//! | [`activation`] | SiLU, GEGLU |
//! | [`softmax`] | softmax |
//! | [`add_rows`] | the gradient of a bias |
//!
//! The gradients of attention are in [`crate::attention`], those of convolutions in [`crate::winograd`].
//!
//! Tests: each module has its own; [`add_rows`] is tested in `tests/it/operations.rs`.

pub mod activation;
pub mod norm;
pub mod outer_product;
pub mod softmax;

use pulp::{Simd, WithSimd};

use crate::simd::{load, store, vectorized};

/// `columns += ` the sum of all rows, each of `columns.len()` values: the gradient of a bias.
pub fn add_rows(rows: &[f32], columns: &mut [f32]) {
    vectorized(AddRows { rows, columns })
}

/// Rows summed before their sum is added to the total: they stay in the L1 cache, and rounding errors stay small.
const TOGETHER: usize = 64;

struct AddRows<'a> {
    rows: &'a [f32],
    columns: &'a mut [f32],
}

impl WithSimd for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, columns } = self;
        let width = columns.len();
        for rows in rows.chunks(TOGETHER * width) {
            for first in (0..width).step_by(S::F32_LANES) {
                let end = width.min(first + S::F32_LANES);
                let mut sum = simd.splat_f32s(0.0);
                for row in rows.chunks_exact(width) {
                    sum = simd.add_f32s(sum, load(simd, &row[first..end]));
                }
                let sum = simd.add_f32s(sum, load(simd, &columns[first..end]));
                store(simd, &mut columns[first..end], sum);
            }
        }
    }
}
