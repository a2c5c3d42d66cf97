//! 3 x 3 convolutions by Winograd's F(4, 3) along the rows of a picture (arXiv 1509.09308): four neighbours' results from six
//! products in place of twelve. Down the columns the three taps stay what they are, parts of one long product; in two dimensions
//! the transforms and the short products cost more, at these sizes, than the further multiplications save.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use pulp::{Arch, Simd, WithSimd};

use crate::buffers::Buffers;
use crate::matmul::{Product, Rows, Target};
use crate::packed::Packed;
use crate::simd::{load, store};

/// Results of a tile.
const TILE: usize = 4;
/// Products of a tile, and the pixels that it is made of.
const POINTS: usize = TILE + 2;
/// Rows of the products that are computed together, about: what they read and write stays in the second cache.
const ROWS_TOGETHER: usize = 56;

/// What a kernel's three taps in a row become: the values of the polynomial with these coefficients at 0, ±1/√2, ±√2 and infinity,
/// each over the factor that the interpolation wants. (Of 0, ±1, ±2, the usual points, the rounding errors are twice as large.)
const KERNEL: [[f32; 3]; POINTS] = [
    [1.0, 0.0, 0.0],
    [-2.0 / 3.0, -SQRT_2 / 3.0, -1.0 / 3.0],
    [-2.0 / 3.0, SQRT_2 / 3.0, -1.0 / 3.0],
    [1.0 / 6.0, SQRT_2 / 6.0, 1.0 / 3.0],
    [1.0 / 6.0, -SQRT_2 / 6.0, 1.0 / 3.0],
    [0.0, 0.0, 1.0],
];

/// A 3 x 3 convolution of stride 1.
#[derive(Debug)]
pub struct Convolution {
    /// For each point, the three rows of taps one below the other.
    kernels: [Packed; POINTS],
    /// Added to each channel that goes out.
    pub bias: Vec<f32>,
}

impl Convolution {
    /// `weight [out, in, 3, 3]`, `bias [out]`.
    pub fn new(weight: &[f32], bias: Vec<f32>) -> Self {
        let depth = weight.len() / (9 * bias.len());
        let kernels = KERNEL.map(|factors| {
            let mut packed = Packed::default();
            packed.fill(3 * depth, bias.len(), |k, n| {
                let taps = &weight[(n * depth + k % depth) * 9 + k / depth * 3..][..3];
                taps.iter().zip(factors).map(|(tap, factor)| tap * factor).sum()
            });
            packed
        });
        Self { kernels, bias }
    }

    /// `map [batch · height · width, channels]` to `out`, the same with as many channels as go out, which takes `bias` (one row for
    /// all, or one for each picture) and `residual` (like `out`) too.
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
        let strips = width.div_ceil(TILE);
        let together = (ROWS_TOGETHER / (strips * height)).max(1);
        let (plane_in, plane_out) = (strips * (height + 2) * depth, strips * height * channels);
        let mut points = buffers.take(together * POINTS * plane_in);
        let mut products = buffers.take(together * POINTS * plane_out);
        let (picture_in, picture_out) = (height * width * depth, height * width * channels);
        let one_bias = bias.len() == channels;
        for (i, (map, out)) in map.chunks(together * picture_in).zip(out.chunks_mut(together * picture_out)).enumerate()
        {
            let (first, pictures) = (i * together, map.len() / picture_in);
            let points = &mut points[..pictures * POINTS * plane_in];
            let products = &mut products[..pictures * POINTS * plane_out];
            Arch::new().dispatch(ToPoints { map, size, depth, points });
            let planes = points.chunks_exact(pictures * plane_in).zip(products.chunks_exact_mut(pictures * plane_out));
            for ((points, products), kernel) in planes.zip(&self.kernels) {
                // A strip's pixels lie one below the other, so that three of them are a row of the left matrix as they are.
                let target = Target::whole(products, channels);
                let product = Product::plain(Rows::whole(points, depth), height, kernel, &[], target);
                Product { rows_in: height + 2, batch: pictures * strips, ..product }.run();
            }
            Arch::new().dispatch(FromPoints {
                products,
                size,
                bias: if one_bias { bias } else { &bias[first * channels..][..pictures * channels] },
                residual: residual.map(|residual| &residual[first * picture_out..][..out.len()]),
                channels,
                out,
            });
        }
        buffers.give(points);
        buffers.give(products);
    }
}

/// Six neighbours in a row to their six points, for every tile: `[point, picture, strip, height + 2, depth]` with zeros above and below.
struct ToPoints<'a> {
    map: &'a [f32],
    size: [usize; 2],
    depth: usize,
    points: &'a mut [f32],
}

impl WithSimd for ToPoints<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { map, size: [height, width], depth, points } = self;
        let [minus_half, minus_two, minus_five_halves] = [-0.5, -2.0, -2.5].map(|x| simd.splat_f32s(x));
        let [root, half_root] = [SQRT_2, FRAC_1_SQRT_2].map(|x| simd.splat_f32s(x));
        let transform = |[d0, d1, d2, d3, d4, d5]: [S::f32s; POINTS]| {
            let odd = simd.mul_f32s(half_root, simd.mul_add_e_f32s(minus_two, d1, d3));
            let even = simd.mul_add_e_f32s(minus_two, d2, d4);
            let odd_two = simd.mul_f32s(root, simd.mul_add_e_f32s(minus_half, d1, d3));
            let even_two = simd.mul_add_e_f32s(minus_half, d2, d4);
            [
                simd.mul_add_e_f32s(minus_five_halves, d2, simd.add_f32s(d0, d4)),
                simd.add_f32s(even, odd),
                simd.sub_f32s(even, odd),
                simd.add_f32s(even_two, odd_two),
                simd.sub_f32s(even_two, odd_two),
                simd.mul_add_e_f32s(minus_five_halves, d3, simd.add_f32s(d1, d5)),
            ]
        };
        let outside = vec![0f32; depth];
        let strips = width.div_ceil(TILE);
        let plane = points.len() / POINTS;
        let mut planes = points.chunks_exact_mut(plane);
        let mut planes: [&mut [f32]; POINTS] = std::array::from_fn(|_| planes.next().unwrap_or_default());
        for (strip, start) in (0..plane).step_by((height + 2) * depth).enumerate() {
            for plane in &mut planes {
                plane[start..][..depth].fill(0.0);
                plane[start + (height + 1) * depth..][..depth].fill(0.0);
            }
            let left = strip % strips * TILE;
            for y in 0..height {
                let row = (strip / strips * height + y) * width;
                let pixels: [&[f32]; POINTS] = std::array::from_fn(|i| match left + i {
                    x if (1..=width).contains(&x) => &map[(row + x - 1) * depth..][..depth],
                    _ => &outside[..],
                });
                let start = start + (y + 1) * depth;
                let mut results = planes.each_mut().map(|plane| &mut plane[start..][..depth]);
                let vectors = depth / S::F32_LANES;
                let whole = pixels.map(|pixel| &S::as_simd_f32s(pixel).0[..vectors]);
                let mut out = results.each_mut().map(|result| &mut S::as_mut_simd_f32s(result).0[..vectors]);
                for v in 0..vectors {
                    let values = transform(std::array::from_fn(|i| whole[i][v]));
                    for (out, value) in out.iter_mut().zip(values) {
                        out[v] = value;
                    }
                }
                let rest = vectors * S::F32_LANES;
                if rest < depth {
                    let values = transform(pixels.map(|pixel| load(simd, &pixel[rest..])));
                    results.iter_mut().zip(values).for_each(|(out, value)| store(simd, &mut out[rest..], value));
                }
            }
        }
    }
}

/// The six products of every tile to its four results.
struct FromPoints<'a> {
    /// `[point, picture, strip, height, channels]`
    products: &'a [f32],
    size: [usize; 2],
    bias: &'a [f32],
    residual: Option<&'a [f32]>,
    channels: usize,
    out: &'a mut [f32],
}

impl WithSimd for FromPoints<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { products, size: [height, width], bias, residual, channels, out } = self;
        let [half, two] = [0.5, 2.0].map(|x| simd.splat_f32s(x));
        let [root, half_root] = [SQRT_2, FRAC_1_SQRT_2].map(|x| simd.splat_f32s(x));
        let transform = |[m0, m1, m2, m3, m4, m5]: [S::f32s; POINTS], bias: S::f32s| {
            let (even, odd) = (simd.add_f32s(m1, m2), simd.mul_f32s(half_root, simd.sub_f32s(m1, m2)));
            let (even_two, odd_two) = (simd.add_f32s(m3, m4), simd.mul_f32s(root, simd.sub_f32s(m3, m4)));
            let last = simd.add_f32s(m5, bias);
            [
                simd.add_f32s(simd.add_f32s(m0, bias), simd.add_f32s(even, even_two)),
                simd.add_f32s(simd.add_f32s(odd, bias), odd_two),
                simd.mul_add_e_f32s(two, even_two, simd.mul_add_e_f32s(half, even, bias)),
                simd.mul_add_e_f32s(two, odd_two, simd.mul_add_e_f32s(half, odd, last)),
            ]
        };
        let strips = width.div_ceil(TILE);
        let plane = products.len() / POINTS;
        for (i, start) in (0..plane).step_by(channels).enumerate() {
            let (y, strip) = (i % height, i / height);
            let (picture, left) = (strip / strips, strip % strips * TILE);
            let bias = &bias[picture * channels % bias.len()..][..channels];
            let products: [&[f32]; POINTS] =
                std::array::from_fn(|point| &products[point * plane + start..][..channels]);
            let first = ((picture * height + y) * width + left) * channels;
            let pixels = TILE.min(width - left);
            for c in (0..channels).step_by(S::F32_LANES) {
                let end = channels.min(c + S::F32_LANES);
                let values = transform(products.map(|product| load(simd, &product[c..end])), load(simd, &bias[c..end]));
                for (pixel, value) in values.into_iter().take(pixels).enumerate() {
                    let place = first + pixel * channels;
                    let value = match residual {
                        Some(residual) => simd.add_f32s(value, load(simd, &residual[place + c..place + end])),
                        None => value,
                    };
                    store(simd, &mut out[place + c..place + end], value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::noise;

    #[test]
    fn convolutions_of_every_size() {
        for (batch, [height, width], depth, channels) in
            [(1, [1, 1], 1, 1), (2, [3, 5], 3, 7), (3, [7, 7], 32, 40), (1, [14, 14], 20, 16), (5, [2, 8], 16, 33)]
        {
            let (map, kernel) = (noise(batch * height * width * depth, 1), noise(9 * depth * channels, 2));
            let (bias, residual) = (noise(batch * channels, 3), noise(batch * height * width * channels, 4));
            let weight = |y: usize, x: usize, k: usize, n: usize| kernel[(n * depth + k) * 9 + 3 * y + x];
            let convolution = Convolution::new(&kernel, vec![0.0; channels]);
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
                // The terms of a sum of 9 · depth are about 1: f32 has seven digits, the transforms take one of them.
                let tolerance = 1e-5 * (9.0 * depth as f64).sqrt();
                assert!((f64::from(*out) - expected).abs() < tolerance, "{out} {expected} at {y} {x} {n}");
            }
        }
    }
}
