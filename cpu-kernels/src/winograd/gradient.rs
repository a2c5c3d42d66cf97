//! The gradient of the kernels, with equally few multiplications: in the transformed domain it is a sum of products, too.
//!
//! Tests: `gradients_are_those_of_the_sum_of_products` in [`super`].

use super::transforms::{KERNEL, POINTS, ToPoints, ToProducts, groups};
use crate::buffers::Buffers;
use crate::gradients::outer_product::OuterProduct;
use crate::simd::vectorized;
use crate::view::{MatrixView, MatrixViewMut};

/// About how many rows a product of a pass has.
const ROWS_TOGETHER: usize = 128;

/// The gradient of a convolution's weight.
///
/// # Shapes
/// `map [batch, height, width, depth]`, `grad [batch, height, width, channels]` of the result -> `out [channels, depth, 3, 3]`.
pub fn kernel_gradient(
    map: &[f32],
    size: [usize; 2],
    depth: usize,
    grad: &[f32],
    channels: usize,
    out: &mut [f32],
    buffers: &mut Buffers,
) {
    let [height, width] = size;
    let pictures = map.len() / (height * width * depth);
    let (strip_in, strip_out) = ((height + 2) * depth, height * channels);
    let most = groups(pictures, size, ROWS_TOGETHER).next().unwrap_or_default().len();
    let mut points = buffers.take(POINTS * most * strip_in);
    let mut products = buffers.take(POINTS * most * strip_out);
    let mut sums = buffers.take(POINTS * 3 * depth * channels);
    sums.fill(0.0);
    for strips in groups(pictures, size, ROWS_TOGETHER) {
        let count = strips.len();
        let points = &mut points[..POINTS * count * strip_in];
        let products = &mut products[..POINTS * count * strip_out];
        vectorized(ToPoints { map, size, depth, strips: strips.clone(), points });
        vectorized(ToProducts { grad, size, channels, strips, products });
        let planes = points.chunks_exact(count * strip_in).zip(products.chunks_exact(count * strip_out));
        for ((points, products), sums) in planes.zip(sums.chunks_exact_mut(3 * depth * channels)) {
            OuterProduct {
                left: MatrixView::whole(points, depth),
                rows_in: height + 2,
                right: MatrixView::whole(products, channels),
                rows: height,
                batch: count,
                k: 3 * depth,
                n: channels,
                target: MatrixViewMut::whole(sums, channels),
            }
            .run();
        }
    }
    out.fill(0.0);
    for y in 0..3 {
        for k in 0..depth {
            let row = (y * depth + k) * channels;
            for n in 0..channels {
                let taps = &mut out[(n * depth + k) * 9 + y * 3..][..3];
                for (point, factors) in KERNEL.iter().enumerate() {
                    let sum = sums[point * 3 * depth * channels + row + n];
                    taps.iter_mut().zip(factors).for_each(|(tap, factor)| *tap += factor * sum);
                }
            }
        }
    }
    [points, products, sums].into_iter().for_each(|buffer| buffers.give(buffer));
}
