//! Softmax. Its gradient: [`crate::gradients::softmax`].

use pulp::{Simd, WithSimd};

use crate::math::Exp;
use crate::simd::{lanes, load, max, reduce_heads, store, vectorized};

/// Number of heads whose softmaxes are computed together, their values alternating: the largest common divisor of heads and lanes.
pub fn heads_together(heads: usize) -> usize {
    (1..=lanes()).rev().find(|n| lanes().is_multiple_of(*n) && heads.is_multiple_of(*n)).unwrap_or(1)
}

/// Softmax over `width` values, in place, of `heads` ([`heads_together`]) heads whose values alternate.
///
/// # Shapes
/// `values [.., width, heads]`.
pub fn softmax(values: &mut [f32], width: usize, heads: usize) {
    vectorized(Softmax { values, width, heads })
}

struct Softmax<'a> {
    values: &'a mut [f32],
    width: usize,
    heads: usize,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { values, width, heads } = self;
        let exp = Exp::new(simd);
        let mut short = vec![f32::MIN; S::F32_LANES];
        for row in values.chunks_exact_mut(width * heads) {
            // The last vector of the row first; it overlaps the one before.
            let mut largest = match row.len() < S::F32_LANES {
                // Filled up with the least float: zero could be the maximum.
                true => {
                    short[..row.len()].copy_from_slice(row);
                    load(simd, &short)
                }
                false => load(simd, &row[row.len() - S::F32_LANES..]),
            };
            for vector in S::as_simd_f32s(row).0 {
                largest = max(simd, largest, *vector);
            }
            let largest = reduce_heads(simd, largest, heads, max);
            let mut sum = simd.splat_f32s(0.0);
            for block in row.chunks_mut(S::F32_LANES) {
                store(simd, block, exp.of(simd.sub_f32s(load(simd, block), largest)));
                sum = simd.add_f32s(sum, load(simd, block));
            }
            let inverse = simd.div_f32s(simd.splat_f32s(1.0), reduce_heads(simd, sum, heads, S::add_f32s));
            for block in row.chunks_mut(S::F32_LANES) {
                store(simd, block, simd.mul_f32s(load(simd, block), inverse));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_of_alternating_heads() {
        for (width, heads) in [(1, 1), (3, 1), (49, 1), (8, heads_together(4)), (5, heads_together(2))] {
            // Far below zero, so that a zero where no value is would be noticed.
            let scores: Vec<f32> = (0..3 * width * heads).map(|i| (i * 37 % 101) as f32 / 4.0 - 212.0).collect();
            let mut weights = scores.clone();
            softmax(&mut weights, width, heads);
            for (row, scores) in weights.chunks_exact(width * heads).zip(scores.chunks_exact(width * heads)) {
                for head in 0..heads {
                    let powers = || scores.iter().skip(head).step_by(heads).map(|x| f64::from(*x).exp());
                    let sum = powers().sum::<f64>();
                    for (weight, power) in row.iter().skip(head).step_by(heads).zip(powers()) {
                        assert!((f64::from(*weight) - power / sum).abs() < 1e-6, "{width} x {heads}");
                    }
                }
            }
        }
    }
}
