//! Backwards: from the gradient of what a kernel gives to the gradients of what it took. For training; the browser has no use for them.
//!
//! | module | what it is |
//! |---|---|
//! | [`outer`] | the product that a weight's gradient is |
//! | [`norm`] | GroupNorm, LayerNorm |
//! | [`activation`] | GEGLU |
//!
//! Attention has its own next to it, in [`crate::attention`], convolutions in [`crate::winograd`].

pub mod activation;
pub mod norm;
pub mod outer;
pub mod softmax;

use pulp::{Simd, WithSimd};

use crate::simd::{load, store, vectorized};

/// Adds all rows of `columns.len()` values up, to what is there: a bias' gradient.
pub fn add_rows(rows: &[f32], columns: &mut [f32]) {
    vectorized(AddRows { rows, columns })
}

/// Rows that are added up before their sum is: they stay in the nearest cache, and the rounding errors stay small.
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
