//! The tile of a matrix product: its size, and how its rows are read and written.
//!
//! Tests: those of `matmul` and `gradients::outer_product`.

use pulp::Simd;

use crate::simd::{load, store};

/// Rows of a tile. Four rows of two vectors are eight sums, enough to keep two multiply-adds a cycle busy. Eight sums, four values of the
/// left matrix and a vector of the right one fit Chromium's registers; with six rows it spills.
pub const ROWS: usize = 4;
/// Rows of a tile with the 32 registers of AVX-512, whose multiply-add can load a value of the left matrix.
pub const AVX512_ROWS: usize = 8;
/// Floats in an AVX-512 vector.
pub const AVX512_LANES: usize = 16;
/// Vectors in a row of a panel, and of a tile.
pub const VECTORS: usize = 2;

/// Loads a row of a tile, or N vectors. Columns beyond the end of `values` are zero.
#[inline(always)]
pub fn load_row<S: Simd, const N: usize>(simd: S, values: &[f32]) -> [S::f32s; N] {
    match S::as_simd_f32s(values).0.as_chunks::<N>().0.first() {
        Some(whole) => *whole,
        None => {
            let mut sums = [simd.splat_f32s(0.0); N];
            for (sum, block) in sums.iter_mut().zip(values.chunks(S::F32_LANES)) {
                *sum = load(simd, block);
            }
            sums
        }
    }
}

/// Adds `values` to a row of a tile.
#[inline(always)]
pub fn add_row<S: Simd, const N: usize>(simd: S, sums: &mut [S::f32s; N], values: &[f32]) {
    let values: [S::f32s; N] = load_row(simd, values);
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = simd.add_f32s(*sum, value);
    }
}

/// Writes a row of a tile, as many columns as `out` has.
#[inline(always)]
pub fn store_row<S: Simd, const N: usize>(simd: S, out: &mut [f32], sums: [S::f32s; N]) {
    match S::as_mut_simd_f32s(out).0.as_chunks_mut::<N>().0.first_mut() {
        Some(whole) => *whole = sums,
        None => {
            for (out, sum) in out.chunks_mut(S::F32_LANES).zip(sums) {
                store(simd, out, sum);
            }
        }
    }
}
