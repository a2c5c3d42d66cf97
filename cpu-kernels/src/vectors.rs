//! Sums and products of vectors, for what is too small or too seldom to be packed: the same bits on every processor. None is inlined into
//! code that is compiled to be small, and the two that adapters' gradients are made of are written in SIMD, for the link of such a build
//! makes none of loops.

use pulp::{Simd, WithSimd};

use crate::simd::vectorized;
use crate::tile::store_row;

/// Sums of a [`dot`] that are added up at its end.
const SUMS: usize = 16;

/// The sum of the products of what stands at the same place.
#[inline(never)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    vectorized(Dot { a, b })
}

struct Dot<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl WithSimd for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        match S::F32_LANES {
            4 => self.by_vectors::<S, 4>(simd),
            8 => self.by_vectors::<S, 2>(simd),
            16 => self.by_vectors::<S, 1>(simd),
            // No vectors, but one number at a time.
            _ => self.by_vectors::<S, SUMS>(simd),
        }
    }
}

impl Dot<'_> {
    /// With so many vectors that their lanes are [`SUMS`].
    #[inline(always)]
    fn by_vectors<S: Simd, const N: usize>(self, simd: S) -> f32 {
        let whole = self.a.len().min(self.b.len()) / SUMS * SUMS;
        let ((a, a_rest), (b, b_rest)) = (self.a.split_at(whole), self.b.split_at(whole));
        let mut sums = [simd.splat_f32s(0.0); N];
        for (a, b) in S::as_simd_f32s(a).0.as_chunks::<N>().0.iter().zip(S::as_simd_f32s(b).0.as_chunks::<N>().0) {
            for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sum = simd.add_f32s(*sum, simd.mul_f32s(*a, *b));
            }
        }
        let mut lanes = [0.0; SUMS];
        store_row(simd, &mut lanes, sums);
        lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
    }
}

/// `to += factor · from`.
#[inline(never)]
pub fn add_scaled(to: &mut [f32], factor: f32, from: &[f32]) {
    vectorized(AddScaled { to, factor, from })
}

struct AddScaled<'a> {
    to: &'a mut [f32],
    factor: f32,
    from: &'a [f32],
}

impl WithSimd for AddScaled<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let len = self.to.len().min(self.from.len());
        let (to, to_rest) = S::as_mut_simd_f32s(&mut self.to[..len]);
        let (from, from_rest) = S::as_simd_f32s(&self.from[..len]);
        let factor = simd.splat_f32s(self.factor);
        for (to, from) in to.iter_mut().zip(from) {
            *to = simd.add_f32s(*to, simd.mul_f32s(factor, *from));
        }
        for (to, from) in to_rest.iter_mut().zip(from_rest) {
            *to += self.factor * from;
        }
    }
}

/// `to = to · factor`.
#[inline(never)]
pub fn scale(to: &mut [f32], factor: f32) {
    to.iter_mut().for_each(|to| *to *= factor);
}

/// `to = (to - from) · factor + from`.
#[inline(never)]
pub fn scale_from(to: &mut [f32], factor: f32, from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = (*to - from) * factor + from;
    }
}

/// The same with a factor for each place.
#[inline(never)]
pub fn scale_each_from(to: &mut [f32], factors: &[f32], from: &[f32]) {
    for ((to, factor), from) in to.iter_mut().zip(factors).zip(from) {
        *to = (*to - from) * factor + from;
    }
}

/// `to = to · factor`, with a factor for each place.
#[inline(never)]
pub fn scale_each(to: &mut [f32], factors: &[f32]) {
    for (to, factor) in to.iter_mut().zip(factors) {
        *to *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_say_what_they_are_called() {
        let a: Vec<f32> = (0..37).map(|i| i as f32).collect();
        assert_eq!(dot(&a, &a), (0..37).map(|i| i * i).sum::<i32>() as f32);
        assert_eq!(dot(&a, &a[..36]), (0..36).map(|i| i * i).sum::<i32>() as f32);
        let mut scaled = a.clone();
        add_scaled(&mut scaled, 2.0, &a);
        assert!(scaled.iter().zip(&a).all(|(scaled, a)| *scaled == 3.0 * a));
        let mut sum = vec![1.0; 3];
        add_scaled(&mut sum, 2.0, &[1.0, 2.0, 3.0]);
        assert_eq!(sum, [3.0, 5.0, 7.0]);
        scale_from(&mut sum, 0.5, &[1.0, 1.0, 1.0]);
        assert_eq!(sum, [2.0, 3.0, 4.0]);
        scale(&mut sum, 2.0);
        scale_each(&mut sum, &[1.0, 0.0, 0.5]);
        assert_eq!(sum, [4.0, 0.0, 4.0]);
        scale_each_from(&mut sum, &[0.0, 2.0, 1.0], &[1.0, 1.0, 1.0]);
        assert_eq!(sum, [1.0, -1.0, 4.0]);
    }
}
