//! e^x, SiLU and GELU of vectors, and the derivatives of SiLU and GELU.

use pulp::Simd;

use crate::simd::from_fn;

/// A function's constants as vectors, to be made before a loop. The black box hides their values: Chromium's compiler would make a known
/// constant at each use, in three instructions; loading it takes one.
#[inline(always)]
fn constants<S: Simd, const N: usize>(simd: S, values: [f32; N]) -> [S::f32s; N] {
    let values = std::hint::black_box(values);
    from_fn(
        simd,
        #[inline(always)]
        |i| simd.splat_f32s(values[i]),
    )
}

/// e^x or e^-x, within a few units in the last place. Where the result is no normal float, about the smallest or largest one, for |x|
/// below a million. x = n ln 2 + r with |r| <= ln 2 / 2, and e^r by the polynomial of least relative error (7.5e-8).
#[derive(Debug, Clone, Copy)]
pub struct Exp<S: Simd> {
    simd: S,
    reduction: [S::f32s; 4],
    limits: [S::i32s; 2],
    polynomial: [S::f32s; 6],
}

impl<S: Simd> Exp<S> {
    /// e^x.
    #[inline(always)]
    pub fn new(simd: S) -> Self {
        Self::signed(simd, 1.0)
    }

    /// e^-x.
    #[inline(always)]
    pub fn of_negative(simd: S) -> Self {
        Self::signed(simd, -1.0)
    }

    /// e^(sign · x). The sign goes into r, and with it into the coefficients of the odd powers.
    #[inline(always)]
    fn signed(simd: S, sign: f32) -> Self {
        const SHIFTER: f32 = 12_582_912.0; // 1.5 · 2^23: adding it leaves the nearest integer in the low bits
        const LN2_HIGH: f32 = 0.693_359_4; // few bits, so that n times it is exact
        const LN2_LOW: f32 = -2.121_944_4e-4;
        // n is clamped as an integer: integer minimum and maximum are one instruction each.
        let zero = SHIFTER.to_bits();
        let limits = constants(simd, [zero - 126, zero + 127].map(f32::from_bits));
        let odd = [0.008_297_617 * sign, 0.166_675_76 * sign, 0.999_999_7 * sign];
        Self {
            simd,
            reduction: constants(simd, [sign * std::f32::consts::LOG2_E, SHIFTER, -sign * LN2_HIGH, -sign * LN2_LOW]),
            limits: [simd.transmute_i32s_f32s(limits[0]), simd.transmute_i32s_f32s(limits[1])],
            polynomial: constants(simd, [odd[0], 0.041_915_63, odd[1], 0.499_988_9, odd[2], 1.000_000_1]),
        }
    }

    /// Of each lane.
    #[inline(always)]
    pub fn of(&self, x: S::f32s) -> S::f32s {
        let Self { simd, reduction: [log2_e, shifter, ln2_high, ln2_low], limits: [least, greatest], polynomial } =
            *self;
        let shifted = simd.mul_add_e_f32s(x, log2_e, shifter);
        let n = simd.sub_f32s(shifted, shifter);
        let r = simd.mul_add_e_f32s(n, ln2_high, x);
        let r = simd.mul_add_e_f32s(n, ln2_low, r);
        let [mut power, factors @ ..] = polynomial;
        for factor in factors {
            power = simd.mul_add_e_f32s(power, r, factor);
        }
        let n = simd.min_i32s(simd.max_i32s(simd.transmute_i32s_f32s(shifted), least), greatest);
        // Times 2^n: n is shifted to the exponent (the bits of the shifter fall out) and added to that of e^r.
        let exponent = simd.mul_i32s(n, simd.splat_i32s(1 << 23));
        simd.transmute_f32s_i32s(simd.add_i32s(simd.transmute_i32s_f32s(power), exponent))
    }
}

/// SiLU, x / (1 + e^-x).
#[derive(Debug, Clone, Copy)]
pub struct Silu<S: Simd> {
    exp: Exp<S>,
    one: [S::f32s; 1],
}

impl<S: Simd> Silu<S> {
    /// Makes the constants, before a loop.
    #[inline(always)]
    pub fn new(simd: S) -> Self {
        Self { exp: Exp::of_negative(simd), one: constants(simd, [1.0]) }
    }

    /// Of each lane.
    #[inline(always)]
    pub fn of(&self, x: S::f32s) -> S::f32s {
        let simd = self.exp.simd;
        simd.div_f32s(x, simd.add_f32s(self.one[0], self.exp.of(x)))
    }

    /// The derivative, s + x s (1 - s) with the logistic function s.
    #[inline(always)]
    pub fn derivative(&self, x: S::f32s) -> S::f32s {
        let (simd, [one]) = (self.exp.simd, self.one);
        let s = simd.div_f32s(one, simd.add_f32s(one, self.exp.of(x)));
        simd.mul_add_e_f32s(simd.mul_f32s(x, s), simd.sub_f32s(one, s), s)
    }
}

/// GELU, x (1 + erf(x / sqrt 2)) / 2 = (x + |x|) / 2 - |x| t. The tail t of the normal distribution beyond |x| is the eighth power of
/// 1 / polynomial, fitted for the least error of |x| t (4.2e-8).
#[derive(Debug, Clone, Copy)]
pub struct Gelu<S: Simd> {
    simd: S,
    half: [S::f32s; 1],
    polynomial: [S::f32s; 9],
}

/// The density of the normal distribution at 0.
const DENSITY: f32 = 0.398_942_3;

impl<S: Simd> Gelu<S> {
    /// Makes the constants, before a loop.
    #[inline(always)]
    pub fn new(simd: S) -> Self {
        let polynomial = [
            3.354_576_6e-6,
            -2.038_222_7e-5,
            1.180_948e-4,
            8.748_571e-5,
            1.125_619_9e-3,
            9.315_811e-3,
            4.887_039_2e-2,
            1.087_520_05e-1,
            1.090_508_3,
        ];
        Self { simd, half: constants(simd, [0.5]), polynomial: constants(simd, polynomial) }
    }

    /// Of each lane.
    #[inline(always)]
    pub fn of(&self, x: S::f32s) -> S::f32s {
        let Self { simd, half: [half], .. } = *self;
        let size = simd.abs_f32s(x);
        let lost = simd.div_f32s(size, self.inverse_tail(size));
        simd.sub_f32s(simd.mul_f32s(half, simd.add_f32s(x, size)), lost)
    }

    /// 1 / t.
    #[inline(always)]
    fn inverse_tail(&self, size: S::f32s) -> S::f32s {
        let Self { simd, polynomial: [mut root, factors @ ..], .. } = *self;
        for factor in factors {
            root = simd.mul_add_e_f32s(root, size, factor);
        }
        let square = simd.mul_f32s(root, root);
        let fourth = simd.mul_f32s(square, square);
        simd.mul_f32s(fourth, fourth)
    }

    /// Of each lane, and the derivative: the normal distribution function plus x times its density. `power` computes e^-x.
    #[inline(always)]
    pub fn with_derivative(&self, x: S::f32s, power: &Exp<S>) -> (S::f32s, S::f32s) {
        let Self { simd, half: [half], .. } = *self;
        let [zero, one, density, limit] = from_fn(
            simd,
            #[inline(always)]
            |i| simd.splat_f32s([0.0, 1.0, DENSITY, 80.0][i]),
        );
        let tail = simd.div_f32s(one, self.inverse_tail(simd.abs_f32s(x)));
        let below = simd.select_f32s(simd.greater_than_f32s(x, zero), simd.sub_f32s(one, tail), tail);
        // Clamped: beyond 80 the density is negligible, and the exponent could leave the range of `Exp`.
        let exponent = simd.mul_f32s(half, simd.mul_f32s(x, x));
        let exponent = simd.select_f32s(simd.greater_than_f32s(limit, exponent), exponent, limit);
        let slope = simd.mul_add_e_f32s(simd.mul_f32s(x, density), power.of(exponent), below);
        (simd.mul_f32s(x, below), slope)
    }
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;
    use crate::simd::vectorized;

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
                    Which::Exp => Exp::new(simd).of(v),
                    Which::Silu => Silu::new(simd).of(v),
                    Which::Gelu => Gelu::new(simd).of(v),
                };
                let expected = (self.1)(f64::from(x));
                let got = f64::from(simd.reduce_max_f32s(y));
                worst = worst.max((got - expected).abs() / expected.abs().max(1.0));
            }
            worst
        }
    }

    #[test]
    fn functions_are_exact_to_a_few_ulps() {
        let points: Vec<f32> = (-8000..=8000).map(|i| i as f32 / 1000.0).chain([-80.0, -30.0, 30.0, 80.0]).collect();
        let of = |f, which| vectorized(Apply(&points, f, which));
        let worst = of(f64::exp, Which::Exp);
        assert!(worst < 4e-7, "{worst}");
        let worst = of(|x| x / (1.0 + (-x).exp()), Which::Silu);
        assert!(worst < 3e-7, "{worst}");
        let worst = of(|x| 0.5 * x * (1.0 + libm::erf(x / 2f64.sqrt())), Which::Gelu);
        assert!(worst < 5e-7, "{worst}");
    }
}
