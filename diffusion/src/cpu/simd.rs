//! The little vector arithmetic that layers share. Lanes are pulp's: AVX2 or AVX-512 natively, SIMD128 in the browser.

use pulp::{Arch, Simd, WithSimd};

/// How many floats a vector holds here.
pub fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

/// A vector from the beginning of `values`; what is missing is zero.
#[inline(always)]
pub fn load<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    match S::as_simd_f32s(values).0.first() {
        Some(vector) => *vector,
        None => simd.partial_load_f32s(values),
    }
}

/// Writes a vector to the beginning of `values`, as much as has room.
#[inline(always)]
pub fn store<S: Simd>(simd: S, values: &mut [f32], vector: S::f32s) {
    match S::as_mut_simd_f32s(values).0.first_mut() {
        Some(place) => *place = vector,
        None => simd.partial_store_f32s(values, vector),
    }
}

/// e^x to a few units in the last place; where that leaves the normal floats, about the smallest or largest of them
/// (for |x| below a million; nothing in the network comes near). x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its Taylor polynomial.
#[inline(always)]
pub fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const SHIFTER: f32 = 12_582_912.0; // 1.5 · 2^23: adding it leaves the nearest whole number in the low bits
    const LN2_HIGH: f32 = 0.693_359_4; // few bits, so that n times it is exact
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(std::f32::consts::LOG2_E), simd.splat_f32s(SHIFTER));
    let n = simd.sub_f32s(shifted, simd.splat_f32s(SHIFTER));
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN2_HIGH), x);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN2_LOW), r);
    let mut power = simd.splat_f32s(1.0 / 720.0);
    for factor in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        power = simd.mul_add_e_f32s(power, r, simd.splat_f32s(factor));
    }
    // n is limited as a whole number: in WebAssembly a maximum of floats costs seven instructions, one of integers one.
    let zero = SHIFTER.to_bits() as i32;
    let n = simd.transmute_i32s_f32s(shifted);
    let n = simd.min_i32s(simd.max_i32s(n, simd.splat_i32s(zero - 126)), simd.splat_i32s(zero + 127));
    // 2^n: n moved to the place of the exponent (the shifter's own bits fall out), added to that of e^r.
    let exponent = simd.mul_i32s(n, simd.splat_i32s(1 << 23));
    simd.transmute_f32s_i32s(simd.add_i32s(simd.transmute_i32s_f32s(power), exponent))
}

/// x / (1 + e^-x).
#[inline(always)]
pub fn silu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(x, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))))
}

/// x (1 + erf(x / sqrt 2)) / 2, erf by Abramowitz and Stegun, 7.1.26 (error below 1.5e-7).
#[inline(always)]
pub fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let z = simd.mul_f32s(simd.abs_f32s(x), simd.splat_f32s(std::f32::consts::FRAC_1_SQRT_2));
    let t = simd.div_f32s(one, simd.mul_add_e_f32s(z, simd.splat_f32s(0.327_591_1), one));
    let mut sum = simd.splat_f32s(1.061_405_4);
    for factor in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        sum = simd.mul_add_e_f32s(sum, t, simd.splat_f32s(factor));
    }
    // erfc(z), the tail: for x > 0 the share of x that is lost, for x < 0 the share that is left.
    let tail = simd.mul_f32s(simd.mul_f32s(sum, t), exp(simd, simd.neg_f32s(simd.mul_f32s(z, z))));
    let half_tail = simd.mul_f32s(simd.mul_f32s(simd.abs_f32s(x), tail), simd.splat_f32s(0.5));
    simd.sub_f32s(simd.mul_f32s(simd.add_f32s(x, simd.abs_f32s(x)), simd.splat_f32s(0.5)), half_tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Apply<'a>(&'a [f32], fn(f64) -> f64, Which);
    #[derive(Clone, Copy)]
    enum Which {
        Exp,
        Silu,
        Gelu,
    }
    impl WithSimd for Apply<'_> {
        type Output = f64;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f64 {
            let mut worst = 0.0f64;
            for &x in self.0 {
                let v = simd.splat_f32s(x);
                let y = match self.2 {
                    Which::Exp => exp(simd, v),
                    Which::Silu => silu(simd, v),
                    Which::Gelu => gelu(simd, v),
                };
                let expected = (self.1)(f64::from(x));
                let got = f64::from(simd.reduce_max_f32s(y));
                worst = worst.max((got - expected).abs() / expected.abs().max(1.0));
            }
            worst
        }
    }

    #[test]
    fn functions_are_those_of_the_mathematicians() {
        let points: Vec<f32> = (-8000..=8000).map(|i| i as f32 / 1000.0).chain([-80.0, -30.0, 30.0, 80.0]).collect();
        let of = |f, which| Arch::new().dispatch(Apply(&points, f, which));
        let worst = of(f64::exp, Which::Exp);
        assert!(worst < 4e-7, "{worst}");
        let worst = of(|x| x / (1.0 + (-x).exp()), Which::Silu);
        assert!(worst < 3e-7, "{worst}");
        let worst = of(|x| 0.5 * x * (1.0 + libm::erf(x / 2f64.sqrt())), Which::Gelu);
        assert!(worst < 5e-7, "{worst}");
    }
}
