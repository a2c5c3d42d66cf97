//! 3 x 3 convolutions of stride 1 with their gradients, by Winograd's algorithm.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::buffers::Buffers;
use cpu_kernels::winograd::{self, Conv3x3};

use super::bias::bias_gradient;
use super::slices::{Gradient, SliceOperation};
use crate::ops::settings::MapShape;

/// A convolution of a map, or of the map upsampled to double size (nearest neighbour) where `result` is larger than `map`.
/// Inputs: map, weight `[out, in, 3, 3]`, bias `[out]` or `[pictures, out]`, perhaps a residual like the result.
#[derive(Debug, Clone)]
pub struct Conv3x3Op {
    pub map: MapShape,
    pub result: MapShape,
}

impl Conv3x3Op {
    /// Whether the map is upsampled first.
    fn upsamples(&self) -> bool {
        self.map[1] != self.result[1]
    }

    /// Height and width of what is convolved.
    fn size(&self) -> [usize; 2] {
        [self.result[1], self.result[2]]
    }

    /// Calls `f` with the map that is convolved: `x`, or `x` upsampled.
    fn with_map<T>(&self, x: &[f32], buffers: &mut Buffers, f: impl FnOnce(&[f32], &mut Buffers) -> T) -> T {
        if !self.upsamples() {
            return f(x, buffers);
        }
        let [_, _, width, depth] = self.map;
        let mut large = buffers.take(4 * x.len());
        for (row, rows) in x.chunks_exact(width * depth).zip(large.chunks_exact_mut(4 * width * depth)) {
            let (first, second) = rows.split_at_mut(2 * width * depth);
            for (pixel, pixels) in row.chunks_exact(depth).zip(first.chunks_exact_mut(2 * depth)) {
                pixels.chunks_exact_mut(depth).for_each(|copy| copy.copy_from_slice(pixel));
            }
            second.copy_from_slice(first);
        }
        let result = f(&large, buffers);
        buffers.give(large);
        result
    }

    /// The gradient of the map before upsampling, from that after it: the sum over the four copies of a pixel.
    fn sum_copies(&self, large: &[f32], out: &mut [f32]) {
        let [_, _, width, depth] = self.map;
        for (rows, row) in large.chunks_exact(4 * width * depth).zip(out.chunks_exact_mut(width * depth)) {
            let (first, second) = rows.split_at(2 * width * depth);
            let pairs = first.chunks_exact(2 * depth).zip(second.chunks_exact(2 * depth));
            for ((first, second), pixel) in pairs.zip(row.chunks_exact_mut(depth)) {
                for (i, value) in pixel.iter_mut().enumerate() {
                    *value = (first[i] + first[depth + i]) + (second[i] + second[depth + i]);
                }
            }
        }
    }
}

impl<const N: usize> SliceOperation<N> for Conv3x3Op {
    /// All but the residual; of the bias the length is read.
    const KEPT: [bool; N] = {
        let mut kept = [true; N];
        if N > 3 {
            kept[3] = false;
        }
        kept
    };

    fn forward(&self, inputs: [&[f32]; N], buffers: &mut Buffers) -> Vec<f32> {
        let [batch, height, width, channels] = self.result;
        let mut out = vec![0f32; batch * height * width * channels];
        let convolution = Conv3x3::new(inputs[1], vec![0.0; channels]);
        let residual = inputs.get(3).copied();
        self.with_map(inputs[0], buffers, |map, buffers| {
            convolution.run(map, self.size(), inputs[2], residual, &mut out, buffers);
        });
        out
    }

    fn backward(&self, inputs: [&[f32]; N], grad: &[f32], wanted: [bool; N], buffers: &mut Buffers) -> [Gradient; N] {
        let ([x, weight, bias], channels, depth) = ([inputs[0], inputs[1], inputs[2]], self.result[3], self.map[3]);
        std::array::from_fn(|input| {
            Gradient::when(wanted[input], || match input {
                0 => {
                    let mut out = vec![0f32; x.len()];
                    let convolution = Conv3x3::transposed(weight, channels);
                    match self.upsamples() {
                        false => convolution.run(grad, self.size(), &convolution.bias, None, &mut out, buffers),
                        true => {
                            let mut large = buffers.take(4 * x.len());
                            convolution.run(grad, self.size(), &convolution.bias, None, &mut large, buffers);
                            self.sum_copies(&large, &mut out);
                            buffers.give(large);
                        }
                    }
                    out
                }
                1 => self.with_map(x, buffers, |map, buffers| {
                    winograd::kernel_gradient(map, self.size(), depth, grad, channels, buffers)
                }),
                2 => bias_gradient(grad, bias.len(), channels),
                _ => Vec::new(),
            })
            .or_same(input > 2)
        })
    }
}
