//! Gradients of GroupNorm and LayerNorm. With x̂ the normed value and g its gradient, both are `(g - mean(g) - x̂ mean(g x̂)) / σ`.

use pulp::{Simd, WithSimd};

use crate::math::Silu;
use crate::norm::{GroupNorm, LAYER_NORM_EPS, LayerNorm, column_sums};
use crate::simd::{from_fn, load, store, vectorized};

/// The gradients of a norm's parameters. They are added to what is there.
#[derive(Debug)]
pub struct Affine<'a> {
    /// `[channels]`, of the weight.
    pub weight: &'a mut [f32],
    /// `[channels]`, of the bias.
    pub bias: &'a mut [f32],
}

impl GroupNorm {
    /// From `grad`, the gradient of [`run`](Self::run)'s result, the gradient of the map, in `out`; and those of the parameters, in `affine`.
    ///
    /// # Shapes
    /// `map`, `grad` and `out [batch · pixels, channels]`.
    pub fn gradients(
        &self,
        map: &[f32],
        pixels: usize,
        silu: bool,
        grad: &[f32],
        out: &mut [f32],
        affine: &mut Affine<'_>,
    ) {
        vectorized(GroupNormGradients { norm: self, map, pixels, silu, grad, out, affine })
    }
}

struct GroupNormGradients<'a, 'b> {
    norm: &'a GroupNorm,
    map: &'a [f32],
    pixels: usize,
    silu: bool,
    grad: &'a [f32],
    out: &'a mut [f32],
    affine: &'a mut Affine<'b>,
}

impl WithSimd for GroupNormGradients<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { norm, map, pixels, silu: with_silu, grad, out, affine } = self;
        let channels = norm.weight.len();
        let per_group = channels / norm.groups;
        let count = (pixels * per_group) as f32;
        let activation = Silu::new(simd);
        let zero = simd.splat_f32s(0.0);
        let blocks = || (0..channels).step_by(S::F32_LANES).map(|c| c..channels.min(c + S::F32_LANES));
        let (mut mean, mut inverse) = (vec![0f32; channels], vec![0f32; channels]);
        let (mut sums, mut products) = (vec![0f32; channels], vec![0f32; channels]);
        let pictures = map.chunks_exact(pixels * channels).zip(grad.chunks_exact(pixels * channels));
        for ((map, grad), out) in pictures.zip(out.chunks_exact_mut(pixels * channels)) {
            column_sums(map, channels, None, &mut sums);
            for (mean, sums) in mean.chunks_exact_mut(per_group).zip(sums.chunks_exact(per_group)) {
                mean.fill(sums.iter().sum::<f32>() / count);
            }
            column_sums(map, channels, Some(&mean), &mut sums);
            for (inverse, sums) in inverse.chunks_exact_mut(per_group).zip(sums.chunks_exact(per_group)) {
                inverse.fill(1.0 / (sums.iter().sum::<f32>() / count + norm.eps).sqrt());
            }
            // The gradient before the activation (in `out`); its sum, and the sum of its products with the normed values.
            for block in blocks() {
                let values = [&mean, &inverse, &norm.weight, &norm.bias];
                let [mean, inverse, weight, bias] = from_fn(
                    simd,
                    #[inline(always)]
                    |i| load(simd, &values[i][block.clone()]),
                );
                let (mut sum, mut product) = (zero, zero);
                let rows = map.chunks_exact(channels).zip(grad.chunks_exact(channels));
                for ((row, grad), out) in rows.zip(out.chunks_exact_mut(channels)) {
                    let normed = simd.mul_f32s(simd.sub_f32s(load(simd, &row[block.clone()]), mean), inverse);
                    let mut grad = load(simd, &grad[block.clone()]);
                    if with_silu {
                        grad = simd.mul_f32s(grad, activation.derivative(simd.mul_add_e_f32s(normed, weight, bias)));
                    }
                    sum = simd.add_f32s(sum, grad);
                    product = simd.mul_add_e_f32s(grad, normed, product);
                    store(simd, &mut out[block.clone()], grad);
                }
                store(simd, &mut sums[block.clone()], sum);
                store(simd, &mut products[block], product);
            }
            for (total, sum) in [(&mut *affine.weight, &products), (&mut *affine.bias, &sums)] {
                total.iter_mut().zip(sum).for_each(|(total, sum)| *total += sum);
            }
            // out = scale · gradient + slope · x + shift
            let (slope, shift) = (&mut products, &mut sums);
            for group in 0..norm.groups {
                let group = group * per_group..(group + 1) * per_group;
                let of_group = |values: &[f32]| {
                    let weighted = values[group.clone()].iter().zip(&norm.weight[group.clone()]);
                    weighted.map(|(value, weight)| value * weight).sum::<f32>() / count
                };
                let (sum, product) = (of_group(shift), of_group(slope));
                let (mean, inverse) = (mean[group.start], inverse[group.start]);
                slope[group.clone()].fill(-inverse * inverse * product);
                shift[group].fill(inverse * (inverse * mean * product - sum));
            }
            for block in blocks() {
                let values = [&inverse, &norm.weight, &*slope, &*shift];
                let [inverse, weight, slope, shift] = from_fn(
                    simd,
                    #[inline(always)]
                    |i| load(simd, &values[i][block.clone()]),
                );
                let scale = simd.mul_f32s(inverse, weight);
                for (row, out) in map.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
                    let value = simd.mul_add_e_f32s(load(simd, &row[block.clone()]), slope, shift);
                    let value = simd.mul_add_e_f32s(load(simd, &out[block.clone()]), scale, value);
                    store(simd, &mut out[block.clone()], value);
                }
            }
        }
    }
}

impl LayerNorm {
    /// From `grad`, the gradient of [`run`](Self::run)'s result, the gradient of the rows, in `out`; and those of the parameters, in `affine`.
    ///
    /// # Shapes
    /// `rows`, `grad` and `out [.., channels]`.
    pub fn gradients(&self, rows: &[f32], grad: &[f32], out: &mut [f32], affine: &mut Affine<'_>) {
        vectorized(LayerNormGradients { norm: self, rows, grad, out, affine })
    }
}

struct LayerNormGradients<'a, 'b> {
    norm: &'a LayerNorm,
    rows: &'a [f32],
    grad: &'a [f32],
    out: &'a mut [f32],
    affine: &'a mut Affine<'b>,
}

impl WithSimd for LayerNormGradients<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { norm, rows, grad, out, affine } = self;
        let width = norm.weight.len();
        let (lanes, rest) = (S::F32_LANES, width % S::F32_LANES);
        let zero = simd.splat_f32s(0.0);
        for ((row, grad), out) in
            rows.chunks_exact(width).zip(grad.chunks_exact(width)).zip(out.chunks_exact_mut(width))
        {
            let mut sum = zero;
            for block in row.chunks(lanes) {
                sum = simd.add_f32s(sum, load(simd, block));
            }
            let mean = mean_of(simd, sum, width);
            let mut squares = zero;
            for block in row[..width - rest].chunks_exact(lanes) {
                let centred = simd.sub_f32s(load(simd, block), mean);
                squares = simd.mul_add_e_f32s(centred, centred, squares);
            }
            let first = simd.reduce_sum_f32s(sum) / width as f32;
            let squares = simd.reduce_sum_f32s(squares)
                + row[width - rest..].iter().map(|x| (x - first) * (x - first)).sum::<f32>();
            let inverse = simd.splat_f32s(1.0 / (squares / width as f32 + LAYER_NORM_EPS).sqrt());
            let (mut sum, mut product) = (zero, zero);
            let affines = affine.weight.chunks_mut(lanes).zip(affine.bias.chunks_mut(lanes));
            let blocks = row.chunks(lanes).zip(grad.chunks(lanes)).zip(norm.weight.chunks(lanes));
            for (((row, grad), weight), (to_weight, to_bias)) in blocks.zip(affines) {
                let normed = simd.mul_f32s(simd.sub_f32s(load(simd, row), mean), inverse);
                let grad = load(simd, grad);
                store(simd, to_weight, simd.mul_add_e_f32s(grad, normed, load(simd, to_weight)));
                store(simd, to_bias, simd.add_f32s(grad, load(simd, to_bias)));
                // Lanes beyond the end have gradient zero.
                let grad = simd.mul_f32s(grad, load(simd, weight));
                sum = simd.add_f32s(sum, grad);
                product = simd.mul_add_e_f32s(grad, normed, product);
            }
            let (sum, product) = (mean_of(simd, sum, width), mean_of(simd, product, width));
            let blocks = row.chunks(lanes).zip(grad.chunks(lanes)).zip(norm.weight.chunks(lanes));
            for (((row, grad), weight), out) in blocks.zip(out.chunks_mut(lanes)) {
                let normed = simd.mul_f32s(simd.sub_f32s(load(simd, row), mean), inverse);
                let grad = simd.mul_f32s(load(simd, grad), load(simd, weight));
                let value = simd.sub_f32s(simd.sub_f32s(grad, sum), simd.mul_f32s(normed, product));
                store(simd, out, simd.mul_f32s(value, inverse));
            }
        }
    }
}

/// The mean of `count` values, in all lanes.
#[inline(always)]
fn mean_of<S: Simd>(simd: S, sum: S::f32s, count: usize) -> S::f32s {
    simd.splat_f32s(simd.reduce_sum_f32s(sum) / count as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    /// Numerical gradient: the derivative of `f · grad` at `x` by each of its values.
    fn slopes(x: &[f32], grad: &[f32], f: impl Fn(&[f32]) -> Vec<f32>) -> Vec<f64> {
        const STEP: f32 = 1e-2;
        let at = |i: usize, step: f32| {
            let mut x = x.to_vec();
            x[i] += step;
            f(&x).iter().zip(grad).map(|(y, grad)| f64::from(*y) * f64::from(*grad)).sum::<f64>()
        };
        (0..x.len()).map(|i| (at(i, STEP) - at(i, -STEP)) / f64::from(2.0 * STEP)).collect()
    }

    fn close(values: &[f32], expected: &[f64]) {
        assert_eq!(values.len(), expected.len());
        for (value, expected) in values.iter().zip(expected) {
            assert!((f64::from(*value) - expected).abs() < 2e-3 * (1.0 + expected.abs()), "{value} {expected}");
        }
    }

    #[test]
    fn group_norm_is_the_slope() {
        for silu in [false, true] {
            let (pixels, channels) = (6, 20);
            let norm = GroupNorm { weight: noise(channels, 1), bias: noise(channels, 2), groups: 5, eps: 1e-5 };
            let (map, grad) = (noise(2 * pixels * channels, 3), noise(2 * pixels * channels, 4));
            let run = |norm: &GroupNorm, map: &[f32]| {
                let mut out = vec![0.0; map.len()];
                norm.run(&[(map, channels)], pixels, silu, &mut out);
                out
            };
            let (mut out, mut weight, mut bias) = (vec![0.0; map.len()], vec![0.0; channels], vec![0.0; channels]);
            let mut affine = Affine { weight: &mut weight, bias: &mut bias };
            norm.gradients(&map, pixels, silu, &grad, &mut out, &mut affine);
            close(&out, &slopes(&map, &grad, |map| run(&norm, map)));
            let with = |weight: &[f32]| run(&GroupNorm { weight: weight.to_vec(), ..norm.clone() }, &map);
            close(&weight, &slopes(&norm.weight, &grad, with));
            let with = |bias: &[f32]| run(&GroupNorm { bias: bias.to_vec(), ..norm.clone() }, &map);
            close(&bias, &slopes(&norm.bias, &grad, with));
        }
    }

    #[test]
    fn layer_norm_is_the_slope() {
        for width in [20, 32] {
            let norm = LayerNorm { weight: noise(width, 1), bias: noise(width, 2) };
            let (rows, grad) = (noise(5 * width, 3), noise(5 * width, 4));
            let run = |norm: &LayerNorm, rows: &[f32]| {
                let mut out = vec![0.0; rows.len()];
                norm.run(rows, &mut out);
                out
            };
            let (mut out, mut weight, mut bias) = (vec![0.0; rows.len()], vec![0.0; width], vec![0.0; width]);
            norm.gradients(&rows, &grad, &mut out, &mut Affine { weight: &mut weight, bias: &mut bias });
            close(&out, &slopes(&rows, &grad, |rows| run(&norm, rows)));
            let with = |weight: &[f32]| run(&LayerNorm { weight: weight.to_vec(), ..norm.clone() }, &rows);
            close(&weight, &slopes(&norm.weight, &grad, with));
            let with = |bias: &[f32]| run(&LayerNorm { bias: bias.to_vec(), ..norm.clone() }, &rows);
            close(&bias, &slopes(&norm.bias, &grad, with));
        }
    }
}
