//! The gradient of softmax. Tests: in [`crate::attention`], whose gradients contain it.

use pulp::{Simd, WithSimd};

use crate::simd::{load, reduce_heads, store, vectorized};

/// `grad`, the gradient of [`softmax`](crate::softmax::softmax)'s result, becomes the gradient of what it was applied to.
///
/// # Shapes
/// `weights` (the result) and `grad [.., width, heads]`, as in `softmax`.
pub fn softmax_gradient(weights: &[f32], width: usize, heads: usize, grad: &mut [f32]) {
    vectorized(Softmax { weights, width, heads, grad })
}

struct Softmax<'a> {
    weights: &'a [f32],
    width: usize,
    heads: usize,
    grad: &'a mut [f32],
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { weights, width, heads, grad } = self;
        for (weights, grad) in weights.chunks_exact(width * heads).zip(grad.chunks_exact_mut(width * heads)) {
            let mut sum = simd.splat_f32s(0.0);
            for (weight, grad) in weights.chunks(S::F32_LANES).zip(grad.chunks(S::F32_LANES)) {
                sum = simd.mul_add_e_f32s(load(simd, weight), load(simd, grad), sum);
            }
            let sum = reduce_heads(simd, sum, heads, S::add_f32s);
            for (weight, grad) in weights.chunks(S::F32_LANES).zip(grad.chunks_mut(S::F32_LANES)) {
                let value = simd.mul_f32s(load(simd, weight), simd.sub_f32s(load(simd, grad), sum));
                store(simd, grad, value);
            }
        }
    }
}
