//! The gradients of SiLU and GEGLU.

use pulp::{Simd, WithSimd};

use crate::math::{Exp, Gelu, Silu};
use crate::simd::{load, store, vectorized};

/// From `grad`, the gradient of [`silu`](crate::activation::silu)'s result, the gradient of its `values`, in `out`.
///
/// # Shapes
/// All the same.
pub fn silu_gradient(values: &[f32], grad: &[f32], out: &mut [f32]) {
    vectorized(SiluGradient { values, grad, out })
}

struct SiluGradient<'a> {
    values: &'a [f32],
    grad: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for SiluGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let activation = Silu::new(simd);
        let blocks = self.values.chunks(S::F32_LANES).zip(self.grad.chunks(S::F32_LANES));
        for ((value, grad), out) in blocks.zip(self.out.chunks_mut(S::F32_LANES)) {
            store(simd, out, simd.mul_f32s(load(simd, grad), activation.derivative(load(simd, value))));
        }
    }
}

/// From `grad`, the gradient of [`geglu`](crate::activation::geglu)'s result, the gradient of its `rows`, in `out`.
///
/// # Shapes
/// `rows` and `out [.., 2 · width]`, `grad [.., width]`.
pub fn geglu_gradient(rows: &[f32], width: usize, grad: &[f32], out: &mut [f32]) {
    vectorized(Geglu { rows, width, grad, out })
}

struct Geglu<'a> {
    rows: &'a [f32],
    width: usize,
    grad: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Geglu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, width, grad, out } = self;
        let (activation, power) = (Gelu::new(simd), Exp::of_negative(simd));
        let rows = rows.chunks_exact(2 * width).zip(grad.chunks_exact(width)).zip(out.chunks_exact_mut(2 * width));
        for ((row, grad), out) in rows {
            let ((values, gates), (to_values, to_gates)) = (row.split_at(width), out.split_at_mut(width));
            let from = values.chunks(S::F32_LANES).zip(gates.chunks(S::F32_LANES)).zip(grad.chunks(S::F32_LANES));
            let to = to_values.chunks_mut(S::F32_LANES).zip(to_gates.chunks_mut(S::F32_LANES));
            for (((value, gate), grad), (to_value, to_gate)) in from.zip(to) {
                let (value, gate, grad) = (load(simd, value), load(simd, gate), load(simd, grad));
                let (gelu, slope) = activation.with_derivative(gate, &power);
                store(simd, to_value, simd.mul_f32s(grad, gelu));
                store(simd, to_gate, simd.mul_f32s(simd.mul_f32s(grad, value), slope));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    #[test]
    fn silu_is_the_slope() {
        let (values, grad) = (noise(37, 1), noise(37, 2));
        let mut out = vec![f32::NAN; values.len()];
        silu_gradient(&values, &grad, &mut out);
        let silu = |x: f64| x / (1.0 + (-x).exp());
        for ((out, value), grad) in out.iter().zip(&values).zip(&grad) {
            let value = f64::from(*value);
            let expected = f64::from(*grad) * (silu(value + 1e-5) - silu(value - 1e-5)) / 2e-5;
            assert!((f64::from(*out) - expected).abs() < 1e-6, "{out} {expected}");
        }
    }

    #[test]
    fn geglu_is_the_slope() {
        let (rows, grad) = (noise(2 * 3 * 37, 1), noise(3 * 37, 2));
        let mut out = vec![0.0; rows.len()];
        geglu_gradient(&rows, 37, &grad, &mut out);
        let gelu = |x: f64| 0.5 * x * (1.0 + libm::erf(x / 2f64.sqrt()));
        for (i, out) in out.iter().enumerate() {
            let (row, column) = (i / 74, i % 74);
            let at = |column: usize| f64::from(rows[row * 74 + column]);
            let grad = f64::from(grad[row * 37 + column % 37]);
            let expected = match column < 37 {
                true => grad * gelu(at(column + 37)),
                false => grad * at(column - 37) * (gelu(at(column) + 1e-5) - gelu(at(column) - 1e-5)) / 2e-5,
            };
            assert!((f64::from(*out) - expected).abs() < 1e-5, "{out} {expected}");
        }
    }
}
