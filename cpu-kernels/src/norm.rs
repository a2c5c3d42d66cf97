//! GroupNorm (with SiLU after it) and LayerNorm.
//!
//! Gradients and tests: [`crate::gradients::norm`].

use pulp::{Simd, WithSimd};

use crate::math::Silu;
use crate::simd::{load, store, vectorized};

/// Feature maps `[batch · pixels, channels]` with their channels, taken as one map with the channels of all.
pub type Maps<'a> = &'a [(&'a [f32], usize)];

/// GroupNorm (arXiv 1803.08494).
#[derive(Debug, Clone)]
pub struct GroupNorm {
    /// `[channels]`.
    pub weight: Vec<f32>,
    /// `[channels]`.
    pub bias: Vec<f32>,
    /// Number of groups of channels.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f32,
}

impl GroupNorm {
    /// The norm of the maps, with SiLU after it if `silu`. `pixels`: of a picture.
    ///
    /// # Shapes
    /// Maps of together `channels` channels -> `out [batch · pixels, channels]`.
    pub fn run(&self, maps: Maps<'_>, pixels: usize, silu: bool, out: &mut [f32]) {
        vectorized(GroupNormRun { norm: self, maps, pixels, silu, out })
    }
}

struct GroupNormRun<'a> {
    norm: &'a GroupNorm,
    maps: Maps<'a>,
    pixels: usize,
    silu: bool,
    out: &'a mut [f32],
}

impl WithSimd for GroupNormRun<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { norm, maps, pixels, silu: with_silu, out } = self;
        let channels = norm.weight.len();
        let per_group = channels / norm.groups;
        let count = (pixels * per_group) as f32;
        let activation = Silu::new(simd);
        let (mut sums, mut shift) = (vec![0f32; channels], vec![0f32; channels]);
        for (picture, out) in out.chunks_exact_mut(pixels * channels).enumerate() {
            // Blocks of channels, a vector each: the map and its width, the channels in the map and in the concatenation.
            let blocks = || {
                let mut first = 0;
                maps.iter().flat_map(move |&(values, width)| {
                    let map = &values[picture * pixels * width..(picture + 1) * pixels * width];
                    let start = first;
                    first += width;
                    (0..width).step_by(S::F32_LANES).map(move |c| {
                        let end = (c + S::F32_LANES).min(width);
                        (map, width, c..end, start + c..start + end)
                    })
                })
            };
            for (map, width, own, all) in blocks() {
                let mut sum = simd.splat_f32s(0.0);
                for row in map.chunks_exact(width) {
                    sum = simd.add_f32s(sum, load(simd, &row[own.clone()]));
                }
                store(simd, &mut sums[all], sum);
            }
            // `shift` holds the means at first.
            for (shift, sums) in shift.chunks_exact_mut(per_group).zip(sums.chunks_exact(per_group)) {
                shift.fill(sums.iter().sum::<f32>() / count);
            }
            for (map, width, own, all) in blocks() {
                let (mean, mut sum) = (load(simd, &shift[all.clone()]), simd.splat_f32s(0.0));
                for row in map.chunks_exact(width) {
                    let centred = simd.sub_f32s(load(simd, &row[own.clone()]), mean);
                    sum = simd.mul_add_e_f32s(centred, centred, sum);
                }
                store(simd, &mut sums[all], sum);
            }
            for (group, sums) in sums.chunks_exact_mut(per_group).enumerate() {
                let inverse = 1.0 / (sums.iter().sum::<f32>() / count + norm.eps).sqrt();
                for (i, scale) in sums.iter_mut().enumerate() {
                    let channel = group * per_group + i;
                    *scale = inverse * norm.weight[channel];
                    shift[channel] = norm.bias[channel] - shift[channel] * *scale;
                }
            }
            for (map, width, own, all) in blocks() {
                let (scale, shift) = (load(simd, &sums[all.clone()]), load(simd, &shift[all.clone()]));
                for (row, out) in map.chunks_exact(width).zip(out.chunks_exact_mut(channels)) {
                    let value = simd.mul_add_e_f32s(load(simd, &row[own.clone()]), scale, shift);
                    let value = if with_silu { activation.of(value) } else { value };
                    store(simd, &mut out[all.clone()], value);
                }
            }
        }
    }
}

/// The epsilon of every LayerNorm, as in diffusers.
pub const LAYER_NORM_EPS: f32 = 1e-5;

/// LayerNorm over the channels of each row (arXiv 1607.06450).
#[derive(Debug, Clone)]
pub struct LayerNorm {
    /// `[channels]`.
    pub weight: Vec<f32>,
    /// `[channels]`.
    pub bias: Vec<f32>,
}

impl LayerNorm {
    /// The norm of each row.
    ///
    /// # Shapes
    /// `rows [.., channels]` -> `out`, the same.
    pub fn run(&self, rows: &[f32], out: &mut [f32]) {
        vectorized(LayerNormRun { norm: self, rows, out })
    }
}

struct LayerNormRun<'a> {
    norm: &'a LayerNorm,
    rows: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for LayerNormRun<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { norm, rows, out } = self;
        let width = norm.weight.len();
        let (whole, rest) = (width - width % S::F32_LANES, width % S::F32_LANES);
        for (row, out) in rows.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let mut sum = simd.splat_f32s(0.0);
            for block in row.chunks(S::F32_LANES) {
                sum = simd.add_f32s(sum, load(simd, block));
            }
            let mean = simd.reduce_sum_f32s(sum) / width as f32;
            let means = simd.splat_f32s(mean);
            let mut sum = simd.splat_f32s(0.0);
            for block in row[..whole].chunks_exact(S::F32_LANES) {
                let centred = simd.sub_f32s(load(simd, block), means);
                sum = simd.mul_add_e_f32s(centred, centred, sum);
            }
            let mut squares = simd.reduce_sum_f32s(sum);
            squares += row[width - rest..].iter().map(|x| (x - mean) * (x - mean)).sum::<f32>();
            let inverse = simd.splat_f32s(1.0 / (squares / width as f32 + LAYER_NORM_EPS).sqrt());
            let affine = norm.weight.chunks(S::F32_LANES).zip(norm.bias.chunks(S::F32_LANES));
            for ((block, (weight, bias)), out) in row.chunks(S::F32_LANES).zip(affine).zip(out.chunks_mut(S::F32_LANES))
            {
                let normed = simd.mul_f32s(simd.sub_f32s(load(simd, block), means), inverse);
                store(simd, out, simd.mul_add_e_f32s(normed, load(simd, weight), load(simd, bias)));
            }
        }
    }
}
