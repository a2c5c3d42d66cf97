//! 3 x 3 convolutions of stride 1 by Winograd's F(4, 3) along the rows of a map (arXiv 1509.09308): six products for four neighbouring
//! results, in place of twelve. The three rows of a kernel are summed in one long product, as usual: in two dimensions transforms and short
//! products would cost more, at these sizes, than the multiplications they save.
//!
//! `transforms` has the transforms of inputs and outputs, `gradient` the gradient of the kernels; `enlarged` is a convolution behind an
//! enlargement, with fewer products of its own kind.

mod enlarged;
mod gradient;
mod transforms;

use crate::buffers::Buffers;
use crate::matmul::MatMul;
use crate::packed_matrix::PackedMatrix;
use crate::simd::vectorized;
use crate::view::{MatrixView, MatrixViewMut};
use transforms::{FromPoints, KERNEL, POINTS, ToPoints, groups};

pub use enlarged::EnlargedConv3x3;
pub use gradient::kernel_gradient;

/// About how many rows a product of a pass has.
const ROWS_TOGETHER: usize = 64;

/// A 3 x 3 convolution of stride 1 with padding 1, its kernels transformed.
#[derive(Debug)]
pub struct Conv3x3 {
    /// For each point `[3 · in, out]`, the three rows of a kernel below one another.
    kernels: [PackedMatrix; POINTS],
    /// Added to each channel of the result.
    pub bias: Vec<f32>,
}

impl Conv3x3 {
    /// From `weight [out, in, 3, 3]` and `bias [out]`.
    pub fn new(weight: &[f32], bias: Vec<f32>) -> Self {
        let depth = weight.len() / (9 * bias.len());
        let row = |y: usize, k: usize, n: usize| {
            let taps = &weight[(n * depth + k) * 9 + y * 3..][..3];
            [taps[0], taps[1], taps[2]]
        };
        Self { kernels: kernels(depth, bias.len(), row), bias }
    }

    /// The transposed convolution of one with `channels` results and this weight, `[out, in, 3, 3]`: from the gradient of its result to
    /// the gradient of its map. It is a convolution with the kernels mirrored.
    pub fn transposed(weight: &[f32], channels: usize) -> Self {
        let depth = weight.len() / (9 * channels);
        let row = |y: usize, k: usize, n: usize| {
            let taps = &weight[(k * depth + n) * 9 + (2 - y) * 3..][..3];
            [taps[2], taps[1], taps[0]]
        };
        Self { kernels: kernels(channels, depth, row), bias: vec![0.0; depth] }
    }

    /// `out = convolution(map) + bias + residual`. `bias` need not be the convolution's own.
    ///
    /// # Shapes
    /// `map [batch, height, width, in]`, `bias [out]` or `[batch, out]`, `residual` like `out` -> `out [batch, height, width, out]`.
    pub fn run(
        &self,
        map: &[f32],
        size: [usize; 2],
        bias: &[f32],
        residual: Option<&[f32]>,
        out: &mut [f32],
        buffers: &mut Buffers,
    ) {
        let [height, width] = size;
        let channels = self.bias.len();
        let depth = self.kernels[0].k / 3;
        let pictures = map.len() / (height * width * depth);
        let (strip_in, strip_out) = ((height + 2) * depth, height * channels);
        let most = groups(pictures, size, ROWS_TOGETHER).next().unwrap_or_default().len();
        let mut points = buffers.take(POINTS * most * strip_in);
        let mut products = buffers.take(POINTS * most * strip_out);
        for strips in groups(pictures, size, ROWS_TOGETHER) {
            let points = &mut points[..POINTS * strips.len() * strip_in];
            let products = &mut products[..POINTS * strips.len() * strip_out];
            vectorized(ToPoints { map, size, depth, strips: strips.clone(), points });
            let planes =
                points.chunks_exact(strips.len() * strip_in).zip(products.chunks_exact_mut(strips.len() * strip_out));
            for ((points, products), kernel) in planes.zip(&self.kernels) {
                // The pixels of a strip follow one another in memory: three of them are a row of the left matrix.
                let target = MatrixViewMut::whole(products, channels);
                let product = MatMul::plain(MatrixView::whole(points, depth), height, kernel, &[], target);
                MatMul { rows_in: height + 2, batch: strips.len(), ..product }.run();
            }
            vectorized(FromPoints { products, size, strips, bias, residual, channels, out });
        }
        buffers.give(points);
        buffers.give(products);
    }
}

/// The transformed kernels. `row(y, k, n)`: the three taps of row `y` of the kernel from channel `k` to channel `n`.
fn kernels(depth: usize, channels: usize, row: impl Fn(usize, usize, usize) -> [f32; 3]) -> [PackedMatrix; POINTS] {
    let mut kernels: [PackedMatrix; POINTS] = Default::default();
    let width = kernels.each_mut().map(|kernel| kernel.resize(3 * depth, channels))[0];
    for n in 0..channels {
        let start = n / width * width * 3 * depth + n % width;
        for (y, k) in (0..3).flat_map(|y| (0..depth).map(move |k| (y, k))) {
            let [a, b, c] = row(y, k, n);
            for (kernel, factors) in kernels.iter_mut().zip(KERNEL) {
                kernel.panels[start + (y * depth + k) * width] = a * factors[0] + b * factors[1] + c * factors[2];
            }
        }
    }
    kernels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    #[test]
    fn convolutions_of_every_size() {
        for (batch, [height, width], depth, channels) in
            [(1, [1, 1], 1, 1), (2, [3, 5], 3, 7), (3, [7, 7], 32, 40), (1, [14, 14], 20, 16), (5, [2, 8], 16, 33)]
        {
            let (map, kernel) = (noise(batch * height * width * depth, 1), noise(9 * depth * channels, 2));
            let (bias, residual) = (noise(batch * channels, 3), noise(batch * height * width * channels, 4));
            let weight = |y: usize, x: usize, k: usize, n: usize| kernel[(n * depth + k) * 9 + 3 * y + x];
            let convolution = Conv3x3::new(&kernel, vec![0.0; channels]);
            let mut out = vec![f32::NAN; residual.len()];
            convolution.run(&map, [height, width], &bias, Some(&residual), &mut out, &mut Buffers::default());
            for (i, (out, residual)) in out.iter().zip(&residual).enumerate() {
                let (n, pixel, picture) =
                    (i % channels, i / channels % (height * width), i / channels / (height * width));
                let (y, x) = (pixel / width, pixel % width);
                let mut expected = f64::from(bias[picture * channels + n] + residual);
                for (dy, dx) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                    let (y, x) = ((y + dy).wrapping_sub(1), (x + dx).wrapping_sub(1));
                    if y < height && x < width {
                        let start = ((picture * height + y) * width + x) * depth;
                        expected += (0..depth)
                            .map(|k| f64::from(map[start + k]) * f64::from(weight(dy, dx, k, n)))
                            .sum::<f64>();
                    }
                }
                // The 9 · depth terms of a sum are about 1. f32 has seven digits, of which the transforms cost one.
                let tolerance = 1e-5 * (9.0 * depth as f64).sqrt();
                assert!((f64::from(*out) - expected).abs() < tolerance, "{out} {expected} at {y} {x} {n}");
            }
        }
    }

    #[test]
    fn gradients_are_those_of_the_sum_of_products() {
        for (batch, [height, width], depth, channels) in
            [(1, [1, 1], 1, 1), (2, [3, 5], 3, 7), (3, [7, 7], 32, 40), (9, [14, 14], 4, 16)]
        {
            let (map, kernel) = (noise(batch * height * width * depth, 1), noise(9 * depth * channels, 2));
            let grad = noise(batch * height * width * channels, 3);
            let (mut to_map, mut to_kernel) = (vec![0f64; map.len()], vec![0f64; kernel.len()]);
            for (i, grad) in grad.iter().enumerate() {
                let (n, pixel, picture) =
                    (i % channels, i / channels % (height * width), i / channels / (height * width));
                for (dy, dx) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                    let (y, x) = ((pixel / width + dy).wrapping_sub(1), (pixel % width + dx).wrapping_sub(1));
                    if y < height && x < width {
                        let start = ((picture * height + y) * width + x) * depth;
                        for k in 0..depth {
                            let tap = (n * depth + k) * 9 + 3 * dy + dx;
                            to_map[start + k] += f64::from(grad * kernel[tap]);
                            to_kernel[tap] += f64::from(grad * map[start + k]);
                        }
                    }
                }
            }
            let close = |values: &[f32], expected: &[f64], terms: usize| {
                assert_eq!(values.len(), expected.len());
                for (value, expected) in values.iter().zip(expected) {
                    let tolerance = 1e-5 * (terms as f64).sqrt();
                    assert!((f64::from(*value) - expected).abs() < tolerance, "{value} {expected}");
                }
            };
            let buffers = &mut Buffers::default();
            let mut out = vec![f32::NAN; map.len()];
            let transposed = Conv3x3::transposed(&kernel, channels);
            transposed.run(&grad, [height, width], &transposed.bias, None, &mut out, buffers);
            close(&out, &to_map, 9 * channels);
            let mut out = vec![f32::NAN; kernel.len()];
            kernel_gradient(&map, [height, width], depth, &grad, channels, &mut out, buffers);
            close(&out, &to_kernel, batch * height * width);
        }
    }
}
