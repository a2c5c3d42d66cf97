//! SiLU and GEGLU. Their gradients are in [`crate::gradients::activation`]; that of SiLU is part of the GroupNorm's, too.
//!
//! Tests: those of `math`, and of the network in `tests/it/unet.rs`.

use pulp::{Simd, WithSimd};

use crate::math::{Gelu, Silu};
use crate::simd::{load, store, vectorized};

/// SiLU in place.
pub fn silu(values: &mut [f32]) {
    vectorized(SiluRun(values));
}

struct SiluRun<'a>(&'a mut [f32]);

impl WithSimd for SiluRun<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let activation = Silu::new(simd);
        for block in self.0.chunks_mut(S::F32_LANES) {
            let value = activation.of(load(simd, block));
            store(simd, block, value);
        }
    }
}

/// GEGLU, `values · gelu(gates)` (arXiv 2002.05202).
///
/// # Shapes
/// `rows [.., 2 · width]`, in each row the values, then the gates -> `out [.., width]`.
pub fn geglu(rows: &[f32], width: usize, out: &mut [f32]) {
    vectorized(Geglu { rows, width, out })
}

struct Geglu<'a> {
    rows: &'a [f32],
    width: usize,
    out: &'a mut [f32],
}

impl WithSimd for Geglu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, width, out } = self;
        let activation = Gelu::new(simd);
        for (row, out) in rows.chunks_exact(2 * width).zip(out.chunks_exact_mut(width)) {
            let (values, gates) = row.split_at(width);
            let blocks = values.chunks(S::F32_LANES).zip(gates.chunks(S::F32_LANES));
            for ((value, gate), out) in blocks.zip(out.chunks_mut(S::F32_LANES)) {
                store(simd, out, simd.mul_f32s(load(simd, value), activation.of(load(simd, gate))));
            }
        }
    }
}
