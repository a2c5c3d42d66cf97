//! The tile that a matrix product is computed by: its size, and how a row of it is read and written. Tests: those of [`crate::matmul`] and
//! [`crate::gradients::outer`].

use pulp::Simd;

use crate::simd::{load, store};

/// Rows of a tile. With two vectors of columns they make the eight sums that two multiply-adds a cycle keep busy; those, four
/// values of the left and a vector of the right are what Chromium's compiler has registers for. (Of six rows it spills.)
pub const ROWS: usize = 4;
/// With the 32 registers of AVX-512, which load a value of the left while they multiply.
pub const MANY_ROWS: usize = 8;
/// Floats in one of AVX-512's vectors.
pub const WIDE: usize = 16;
/// Vectors side by side in a panel.
pub const VECTORS: usize = 2;

/// A row's part under a panel.
#[inline(always)]
pub fn vectors<S: Simd>(simd: S, values: &[f32]) -> [S::f32s; VECTORS] {
    match S::as_simd_f32s(values).0.as_chunks::<VECTORS>().0.first() {
        Some(whole) => *whole,
        None => {
            let mut sums = [simd.splat_f32s(0.0); VECTORS];
            for (sum, block) in sums.iter_mut().zip(values.chunks(S::F32_LANES)) {
                *sum = load(simd, block);
            }
            sums
        }
    }
}

/// Adds a row's part under a panel.
#[inline(always)]
pub fn add<S: Simd>(simd: S, sums: &mut [S::f32s; VECTORS], values: &[f32]) {
    let values = vectors(simd, values);
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = simd.add_f32s(*sum, value);
    }
}

/// Writes a row's part under a panel.
#[inline(always)]
pub fn put<S: Simd>(simd: S, out: &mut [f32], sums: [S::f32s; VECTORS]) {
    match S::as_mut_simd_f32s(out).0.as_chunks_mut::<VECTORS>().0.first_mut() {
        Some(whole) => *whole = sums,
        None => {
            for (out, sum) in out.chunks_mut(S::F32_LANES).zip(sums) {
                store(simd, out, sum);
            }
        }
    }
}
