//! GroupNorm (with SiLU after it) and LayerNorm.
//!
//! Gradients and tests: [`crate::gradients::norm`].

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::math::Silu;
use crate::simd::{load, store, vectorized};
use crate::tile::{add_row, load_row, store_row};

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
            // The picture's maps with their widths, and their channels in the concatenation.
            let own_maps = || {
                let mut first = 0;
                maps.iter().map(move |&(values, width)| {
                    let map = &values[picture * pixels * width..(picture + 1) * pixels * width];
                    first += width;
                    (map, width, first - width..first)
                })
            };
            for (map, width, all) in own_maps() {
                column_sums(map, width, None, &mut sums[all]);
            }
            // `shift` holds the means at first.
            for (shift, sums) in shift.chunks_exact_mut(per_group).zip(sums.chunks_exact(per_group)) {
                shift.fill(sums.iter().sum::<f32>() / count);
            }
            for (map, width, all) in own_maps() {
                column_sums(map, width, Some(&shift[all.clone()]), &mut sums[all]);
            }
            for (group, sums) in sums.chunks_exact_mut(per_group).enumerate() {
                let inverse = 1.0 / (sums.iter().sum::<f32>() / count + norm.eps).sqrt();
                for (i, scale) in sums.iter_mut().enumerate() {
                    let channel = group * per_group + i;
                    *scale = inverse * norm.weight[channel];
                    shift[channel] = norm.bias[channel] - shift[channel] * *scale;
                }
            }
            for (map, width, all) in own_maps() {
                for c in (0..width).step_by(S::F32_LANES) {
                    let own = c..width.min(c + S::F32_LANES);
                    let all = all.start + own.start..all.start + own.end;
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
}

/// Vectors of columns that are summed at the same time: one sum alone would wait for itself.
const TOGETHER: usize = 4;

/// Of each column of `map [.., width]` the sum, or with `means` that of the squared distances from them. One function for all who need it:
/// the browser's module is to be small.
#[inline(never)]
pub(crate) fn column_sums(map: &[f32], width: usize, means: Option<&[f32]>, sums: &mut [f32]) {
    vectorized(ColumnSums { map, width, means, sums })
}

struct ColumnSums<'a> {
    map: &'a [f32],
    width: usize,
    means: Option<&'a [f32]>,
    sums: &'a mut [f32],
}

impl WithSimd for ColumnSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { map, width, means, sums } = self;
        let together = TOGETHER * S::F32_LANES;
        let whole = width - width % together;
        for first in (0..whole).step_by(together) {
            sum_columns::<S, TOGETHER>(simd, map, width, first..first + together, means, sums);
        }
        for first in (whole..width).step_by(S::F32_LANES) {
            sum_columns::<S, 1>(simd, map, width, first..width.min(first + S::F32_LANES), means, sums);
        }
    }
}

/// The same for as many columns as N vectors have, or fewer.
#[inline(always)]
fn sum_columns<S: Simd, const N: usize>(
    simd: S,
    map: &[f32],
    width: usize,
    columns: Range<usize>,
    means: Option<&[f32]>,
    sums: &mut [f32],
) {
    let mut totals = [simd.splat_f32s(0.0); N];
    match means {
        None => {
            for row in map.chunks_exact(width) {
                add_row(simd, &mut totals, &row[columns.clone()]);
            }
        }
        Some(means) => {
            let means: [S::f32s; N] = load_row(simd, &means[columns.clone()]);
            for row in map.chunks_exact(width) {
                let values: [S::f32s; N] = load_row(simd, &row[columns.clone()]);
                for ((total, value), mean) in totals.iter_mut().zip(values).zip(means) {
                    let centred = simd.sub_f32s(value, mean);
                    *total = simd.mul_add_e_f32s(centred, centred, *total);
                }
            }
        }
    }
    store_row(simd, &mut sums[columns], totals);
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
