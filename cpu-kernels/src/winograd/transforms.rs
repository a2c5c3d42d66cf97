//! The transforms of F(4, 3): a tile of four neighbouring results in a row is computed from six pixels, which become six "points" (values of
//! a polynomial), by one product for each point.
//!
//! A strip is a column of tiles: four pixels wide, as high as the map. The strips of all pictures are counted on, those of the first
//! from left to right, then those of the next. Tests: those of [`super`].

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};
use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::simd::{from_fn, load, store};

/// Results of a tile, neighbours in a row.
pub const TILE: usize = 4;
/// Points of a tile, and the pixels that they are computed from.
pub const POINTS: usize = TILE + 2;

/// The strips of these pictures, a few at a time: as many as have about `rows` rows. Few, so that what their products read and write stays
/// in the cache; not too few, for each reads all kernels.
pub fn groups(pictures: usize, [height, width]: [usize; 2], rows: usize) -> impl Iterator<Item = Range<usize>> {
    let (all, together) = (pictures * width.div_ceil(TILE), (rows / height).max(1));
    (0..all).step_by(together).map(move |first| first..all.min(first + together))
}

/// The transform of the three taps in a row of a kernel: the values, at 0, ±1/√2, ±√2 and infinity, of the polynomial with these
/// coefficients, divided by the factors of the interpolation. (With 0, ±1, ±2, the usual points, rounding errors are twice as large.)
pub const KERNEL: [[f32; 3]; POINTS] = [
    [1.0, 0.0, 0.0],
    [-2.0 / 3.0, -SQRT_2 / 3.0, -1.0 / 3.0],
    [-2.0 / 3.0, SQRT_2 / 3.0, -1.0 / 3.0],
    [1.0 / 6.0, SQRT_2 / 6.0, 1.0 / 3.0],
    [1.0 / 6.0, -SQRT_2 / 6.0, 1.0 / 3.0],
    [0.0, 0.0, 1.0],
];

/// Factors of the transform from products to results.
const BACK: [f32; 4] = [0.5, 2.0, SQRT_2, FRAC_1_SQRT_2];

/// Six pixels in a row to six points, for the tiles of some strips. `map [picture, height, width, depth]` -> `points [point, strip,
/// height + 2, depth]`, with a row of zeros above and below each strip.
pub struct ToPoints<'a> {
    pub map: &'a [f32],
    pub size: [usize; 2],
    pub depth: usize,
    pub strips: Range<usize>,
    pub points: &'a mut [f32],
}

impl WithSimd for ToPoints<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { map, size: [height, width], depth, strips, points } = self;
        const FACTORS: [f32; 5] = [-0.5, -2.0, -2.5, SQRT_2, FRAC_1_SQRT_2];
        let factors = from_fn(
            simd,
            #[inline(always)]
            |i| simd.splat_f32s(FACTORS[i]),
        );
        let outside = vec![0f32; depth];
        let across = width.div_ceil(TILE);
        let plane = points.len() / POINTS;
        let mut planes = points.chunks_exact_mut(plane);
        let mut planes: [&mut [f32]; POINTS] = std::array::from_fn(|_| planes.next().unwrap_or_default());
        for (strip, start) in strips.zip((0..plane).step_by((height + 2) * depth)) {
            for plane in &mut planes {
                plane[start..][..depth].fill(0.0);
                plane[start + (height + 1) * depth..][..depth].fill(0.0);
            }
            let left = strip % across * TILE;
            for y in 0..height {
                let row = (strip / across * height + y) * width;
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
                    let values = to_points(
                        simd,
                        factors,
                        from_fn(
                            simd,
                            #[inline(always)]
                            |i| whole[i][v],
                        ),
                    );
                    for (out, value) in out.iter_mut().zip(values) {
                        out[v] = value;
                    }
                }
                let rest = vectors * S::F32_LANES;
                if rest < depth {
                    let values = to_points(
                        simd,
                        factors,
                        from_fn(
                            simd,
                            #[inline(always)]
                            |i| load(simd, &pixels[i][rest..]),
                        ),
                    );
                    for (out, value) in results.iter_mut().zip(values) {
                        store(simd, &mut out[rest..], value);
                    }
                }
            }
        }
    }
}

/// Six products to four results, for the tiles of some strips; `out [picture, height, width, channels]`, with `bias`, `[channels]` or
/// `[picture, channels]`, and `residual` added.
pub struct FromPoints<'a> {
    /// `[point, strip, height, channels]`
    pub products: &'a [f32],
    pub size: [usize; 2],
    pub strips: Range<usize>,
    pub bias: &'a [f32],
    pub residual: Option<&'a [f32]>,
    pub channels: usize,
    pub out: &'a mut [f32],
}

impl WithSimd for FromPoints<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { products, size: [height, width], strips, bias, residual, channels, out } = self;
        let factors = from_fn(
            simd,
            #[inline(always)]
            |i| simd.splat_f32s(BACK[i]),
        );
        let across = width.div_ceil(TILE);
        let plane = products.len() / POINTS;
        for (i, start) in (0..plane).step_by(channels).enumerate() {
            let (y, strip) = (i % height, strips.start + i / height);
            let (picture, left) = (strip / across, strip % across * TILE);
            let bias = &bias[picture * channels % bias.len()..][..channels];
            let products: [&[f32]; POINTS] =
                std::array::from_fn(|point| &products[point * plane + start..][..channels]);
            let first = ((picture * height + y) * width + left) * channels;
            let pixels = TILE.min(width - left);
            for c in (0..channels).step_by(S::F32_LANES) {
                let end = channels.min(c + S::F32_LANES);
                let vectors = from_fn(
                    simd,
                    #[inline(always)]
                    |i| load(simd, &products[i][c..end]),
                );
                let values = from_points(simd, factors, vectors, load(simd, &bias[c..end]));
                for (pixel, value) in values.into_iter().take(pixels).enumerate() {
                    let start = first + pixel * channels;
                    let value = match residual {
                        Some(residual) => simd.add_f32s(value, load(simd, &residual[start + c..start + end])),
                        None => value,
                    };
                    store(simd, &mut out[start + c..start + end], value);
                }
            }
        }
    }
}

/// The gradients of four results to those of six products, for the tiles of some strips: [`FromPoints`] transposed. Results beyond the edge
/// have gradient zero.
pub struct ToProducts<'a> {
    /// `[picture, height, width, channels]`
    pub grad: &'a [f32],
    pub size: [usize; 2],
    pub channels: usize,
    pub strips: Range<usize>,
    /// `[point, strip, height, channels]`
    pub products: &'a mut [f32],
}

impl WithSimd for ToProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { grad, size: [height, width], channels, strips, products } = self;
        let factors = from_fn(
            simd,
            #[inline(always)]
            |i| simd.splat_f32s(BACK[i]),
        );
        let outside = vec![0f32; channels];
        let across = width.div_ceil(TILE);
        let plane = products.len() / POINTS;
        let mut planes = products.chunks_exact_mut(plane);
        let mut planes: [&mut [f32]; POINTS] = std::array::from_fn(|_| planes.next().unwrap_or_default());
        for (i, start) in (0..plane).step_by(channels).enumerate() {
            let (y, strip) = (i % height, strips.start + i / height);
            let left = strip % across * TILE;
            let first = ((strip / across * height + y) * width + left) * channels;
            let pixels: [&[f32]; TILE] = std::array::from_fn(|pixel| match left + pixel < width {
                true => &grad[first + pixel * channels..][..channels],
                false => &outside[..],
            });
            for c in (0..channels).step_by(S::F32_LANES) {
                let end = channels.min(c + S::F32_LANES);
                let values = to_products(
                    simd,
                    factors,
                    from_fn(
                        simd,
                        #[inline(always)]
                        |i| load(simd, &pixels[i][c..end]),
                    ),
                );
                for (plane, value) in planes.iter_mut().zip(values) {
                    store(simd, &mut plane[start..][c..end], value);
                }
            }
        }
    }
}

/// Six pixels to six points.
#[inline(always)]
fn to_points<S: Simd>(
    simd: S,
    [minus_half, minus_two, minus_five_halves, root, half_root]: [S::f32s; 5],
    [d0, d1, d2, d3, d4, d5]: [S::f32s; POINTS],
) -> [S::f32s; POINTS] {
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
}

/// Six products to four results.
#[inline(always)]
fn from_points<S: Simd>(
    simd: S,
    [half, two, root, half_root]: [S::f32s; 4],
    [m0, m1, m2, m3, m4, m5]: [S::f32s; POINTS],
    bias: S::f32s,
) -> [S::f32s; TILE] {
    let (even, odd) = (simd.add_f32s(m1, m2), simd.mul_f32s(half_root, simd.sub_f32s(m1, m2)));
    let (even_two, odd_two) = (simd.add_f32s(m3, m4), simd.mul_f32s(root, simd.sub_f32s(m3, m4)));
    let last = simd.add_f32s(m5, bias);
    [
        simd.add_f32s(simd.add_f32s(m0, bias), simd.add_f32s(even, even_two)),
        simd.add_f32s(simd.add_f32s(odd, bias), odd_two),
        simd.mul_add_e_f32s(two, even_two, simd.mul_add_e_f32s(half, even, bias)),
        simd.mul_add_e_f32s(two, odd_two, simd.mul_add_e_f32s(half, odd, last)),
    ]
}

/// The gradients of four results to those of six products.
#[inline(always)]
fn to_products<S: Simd>(
    simd: S,
    [half, two, root, half_root]: [S::f32s; 4],
    [d0, d1, d2, d3]: [S::f32s; TILE],
) -> [S::f32s; POINTS] {
    let (even, odd) = (simd.mul_add_e_f32s(half, d2, d0), simd.mul_f32s(half_root, simd.mul_add_e_f32s(half, d3, d1)));
    let (even_two, odd_two) = (simd.mul_add_e_f32s(two, d2, d0), simd.mul_f32s(root, simd.mul_add_e_f32s(two, d3, d1)));
    [
        d0,
        simd.add_f32s(even, odd),
        simd.sub_f32s(even, odd),
        simd.add_f32s(even_two, odd_two),
        simd.sub_f32s(even_two, odd_two),
        d3,
    ]
}
