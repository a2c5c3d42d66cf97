//! A 3 x 3 convolution behind an enlargement to double size that repeats each pixel. The four results of a pixel see 3 x 3 pixels of the map
//! only; they are computed by nine products, where a kernel for each of the four would take sixteen.
//!
//! Along a row, with the kernel's taps a, b, c and the pixels x, y, z: the results of y are a x + (b + c) y and (a + b) y + c z. These
//! are p + a (x - y) and p + c (z - y) with p = (a + b + c) y: three products, of two of which each result takes its own. In
//! two dimensions it is three times three.
//!
//! Tests: here.

use pulp::{Simd, WithSimd};

use crate::buffers::Buffers;
use crate::matmul::MatMul;
use crate::packed_matrix::PackedMatrix;
use crate::simd::{from_fn, load, store, vectorized};
use crate::view::{MatrixView, MatrixViewMut};

/// Products of a pixel.
const PRODUCTS: usize = 9;
/// About how many pixels a pass has, so that what its products read and write stays in the L2 cache.
const PIXELS_TOGETHER: usize = 64;

/// A 3 x 3 convolution with padding 1 behind an enlargement to double size, its kernels transformed.
#[derive(Debug)]
pub struct EnlargedConv3x3 {
    /// `[in, out]` each; row by row, first for what lies before the pixel, then for the pixel, then for what lies behind.
    kernels: [PackedMatrix; PRODUCTS],
    /// Added to each channel of the result.
    pub bias: Vec<f32>,
}

impl EnlargedConv3x3 {
    /// From `weight [out, in, 3, 3]` and `bias [out]`.
    pub fn new(weight: &[f32], bias: Vec<f32>) -> Self {
        let depth = weight.len() / (9 * bias.len());
        let kernels = std::array::from_fn(|product| {
            let taps = |place: usize| if place == 1 { 0..3 } else { place..place + 1 };
            PackedMatrix::new(depth, bias.len(), &|k, n| {
                let kernel = &weight[(n * depth + k) * 9..][..9];
                taps(product / 3).flat_map(|y| taps(product % 3).map(move |x| kernel[y * 3 + x])).sum()
            })
        });
        Self { kernels, bias }
    }

    /// `out = convolution(enlarged(map)) + bias`.
    ///
    /// # Shapes
    /// `map [batch, height, width, in]` -> `out [batch, 2 height, 2 width, out]`.
    pub fn run(&self, map: &[f32], size: [usize; 2], out: &mut [f32], buffers: &mut Buffers) {
        let [height, width] = size;
        let (depth, channels) = (self.kernels[0].k(), self.bias.len());
        let rows = (PIXELS_TOGETHER / width).clamp(1, height);
        let mut differences = buffers.take(PRODUCTS * rows * width * depth);
        let mut products = buffers.take(PRODUCTS * rows * width * channels);
        let pictures =
            map.chunks_exact(height * width * depth).zip(out.chunks_exact_mut(4 * height * width * channels));
        for (map, out) in pictures {
            for (first, out) in (0..height).step_by(rows).zip(out.chunks_mut(4 * rows * width * channels)) {
                let pixels = rows.min(height - first) * width;
                let differences = &mut differences[..PRODUCTS * pixels * depth];
                let products = &mut products[..PRODUCTS * pixels * channels];
                vectorized(ToDifferences { map, size, depth, first, differences });
                let planes = differences.chunks_exact(pixels * depth).zip(products.chunks_exact_mut(pixels * channels));
                for ((differences, products), kernel) in planes.zip(&self.kernels) {
                    let target = MatrixViewMut::whole(products, channels);
                    MatMul::plain(MatrixView::whole(differences, depth), pixels, kernel, &[], target).run();
                }
                vectorized(FromProducts { products, width, bias: &self.bias, out });
            }
        }
        buffers.give(differences);
        buffers.give(products);
    }
}

/// Of some rows of a map, every pixel and its differences to those around it.
struct ToDifferences<'a> {
    /// `[height, width, depth]`, of one picture
    map: &'a [f32],
    size: [usize; 2],
    depth: usize,
    /// The first of the rows.
    first: usize,
    /// `[product, row, width, depth]`
    differences: &'a mut [f32],
}

impl WithSimd for ToDifferences<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { map, size: [height, width], depth, first, differences } = self;
        let outside = vec![0f32; depth];
        let plane = differences.len() / PRODUCTS;
        let mut planes = differences.chunks_exact_mut(plane);
        let mut planes: [&mut [f32]; PRODUCTS] = std::array::from_fn(|_| planes.next().unwrap_or_default());
        for (i, start) in (0..plane).step_by(depth).enumerate() {
            let (y, x) = (first + i / width, i % width);
            let around: [&[f32]; PRODUCTS] = std::array::from_fn(|place| match [y + place / 3, x + place % 3] {
                [y, x] if (1..=height).contains(&y) && (1..=width).contains(&x) => {
                    &map[((y - 1) * width + x - 1) * depth..][..depth]
                }
                _ => &outside[..],
            });
            for c in (0..depth).step_by(S::F32_LANES) {
                let end = depth.min(c + S::F32_LANES);
                let pixels = from_fn::<S, PRODUCTS>(
                    simd,
                    #[inline(always)]
                    |i| load(simd, &around[i][c..end]),
                );
                // Along the rows, then along the columns.
                let along = from_fn::<S, PRODUCTS>(
                    simd,
                    #[inline(always)]
                    |i| if i % 3 == 1 { pixels[i] } else { simd.sub_f32s(pixels[i], pixels[i / 3 * 3 + 1]) },
                );
                let both = from_fn::<S, PRODUCTS>(
                    simd,
                    #[inline(always)]
                    |i| if i / 3 == 1 { along[i] } else { simd.sub_f32s(along[i], along[3 + i % 3]) },
                );
                for (plane, value) in planes.iter_mut().zip(both) {
                    store(simd, &mut plane[start + c..start + end], value);
                }
            }
        }
    }
}

/// Nine products of each pixel to its four results, for some rows of a map.
struct FromProducts<'a> {
    /// `[product, row, width, channels]`
    products: &'a [f32],
    width: usize,
    bias: &'a [f32],
    /// `[2 rows, 2 width, channels]`
    out: &'a mut [f32],
}

impl WithSimd for FromProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { products, width, bias, out } = self;
        let (plane, channels) = (products.len() / PRODUCTS, bias.len());
        for (i, start) in (0..plane).step_by(channels).enumerate() {
            let corner = (2 * (i / width) * 2 * width + 2 * (i % width)) * channels;
            let products: [&[f32]; PRODUCTS] =
                std::array::from_fn(|product| &products[product * plane + start..][..channels]);
            for c in (0..channels).step_by(S::F32_LANES) {
                let end = channels.min(c + S::F32_LANES);
                let values = from_fn::<S, PRODUCTS>(
                    simd,
                    #[inline(always)]
                    |i| load(simd, &products[i][c..end]),
                );
                let bias = load(simd, &bias[c..end]);
                for [row, column] in [[0, 0], [0, 1], [1, 0], [1, 1]] {
                    let (y, x) = (6 * row, 2 * column);
                    let own = simd.add_f32s(values[y + 1], values[y + x]);
                    let middle = simd.add_f32s(simd.add_f32s(values[4], bias), values[3 + x]);
                    let start = corner + (row * 2 * width + column) * channels;
                    store(simd, &mut out[start + c..start + end], simd.add_f32s(own, middle));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    #[test]
    fn it_is_the_convolution_of_the_enlarged_map() {
        for (batch, [height, width], depth, channels) in
            [(1, [1, 1], 1, 1), (2, [3, 5], 3, 7), (3, [7, 7], 32, 40), (1, [16, 16], 20, 16), (2, [2, 80], 16, 33)]
        {
            let (map, kernel) = (noise(batch * height * width * depth, 1), noise(9 * depth * channels, 2));
            let bias = noise(channels, 3);
            let mut out = vec![f32::NAN; 4 * batch * height * width * channels];
            let convolution = EnlargedConv3x3::new(&kernel, bias.clone());
            convolution.run(&map, [height, width], &mut out, &mut Buffers::default());
            for (i, out) in out.iter().enumerate() {
                let (n, pixel) = (i % channels, i / channels);
                let (picture, y, x) =
                    (pixel / (4 * height * width), pixel / (2 * width) % (2 * height), pixel % (2 * width));
                let mut expected = f64::from(bias[n]);
                for (dy, dx) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                    let (y, x) = ((y + dy).wrapping_sub(1), (x + dx).wrapping_sub(1));
                    if y < 2 * height && x < 2 * width {
                        let start = ((picture * height + y / 2) * width + x / 2) * depth;
                        let taps = (0..depth).map(|k| kernel[(n * depth + k) * 9 + dy * 3 + dx]);
                        expected += taps.zip(&map[start..]).map(|(a, b)| f64::from(a) * f64::from(*b)).sum::<f64>();
                    }
                }
                let tolerance = 1e-5 * (9.0 * depth as f64).sqrt();
                assert!((f64::from(*out) - expected).abs() < tolerance, "{out} {expected} at {y} {x} {n}");
            }
        }
    }
}
