//! 3 x 3 convolutions of stride 1 with their gradients, by Winograd's algorithm.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::buffers::Buffers;
use cpu_kernels::winograd::{self, Conv3x3};

use super::bias::bias_gradient;
use super::slices::{SliceOperation, target};
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

impl SliceOperation for Conv3x3Op {
    fn result_len(&self, _: &[&[f32]]) -> usize {
        self.result.iter().product()
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32], buffers: &mut Buffers) {
        let convolution = Conv3x3::new(inputs[1], vec![0.0; self.result[3]]);
        let residual = inputs.get(3).copied();
        self.with_map(inputs[0], buffers, |map, buffers| {
            convolution.run(map, self.size(), inputs[2], residual, out, buffers);
        });
    }

    /// The residual.
    fn adds(&self, input: usize) -> bool {
        input == 3
    }

    fn reads(&self, input: usize, wanted: &[bool]) -> bool {
        match input {
            0 => wanted[1],
            1 => wanted[0],
            _ => false,
        }
    }

    fn backward(&self, inputs: &[&[f32]], grad: &[f32], targets: &mut [Option<&mut [f32]>], buffers: &mut Buffers) {
        let (channels, depth) = (self.result[3], self.map[3]);
        if let Some(out) = target(targets, 0) {
            let convolution = Conv3x3::transposed(inputs[1], channels);
            match self.upsamples() {
                false => convolution.run(grad, self.size(), &convolution.bias, None, out, buffers),
                true => {
                    let mut large = buffers.take(4 * out.len());
                    convolution.run(grad, self.size(), &convolution.bias, None, &mut large, buffers);
                    self.sum_copies(&large, out);
                    buffers.give(large);
                }
            }
        }
        if let Some(out) = target(targets, 1) {
            self.with_map(inputs[0], buffers, |map, buffers| {
                winograd::kernel_gradient(map, self.size(), depth, grad, channels, out, buffers);
            });
        }
        if let Some(out) = target(targets, 2) {
            bias_gradient(grad, channels, out);
        }
    }
}
