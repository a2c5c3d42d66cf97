//! 3 x 3 convolutions of stride 2 with their gradients, as products with a gathered left matrix.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::outer_product::OuterProduct;
use cpu_kernels::matmul::{MatMul, OUTSIDE};
use cpu_kernels::packed_matrix::PackedMatrix;
use cpu_kernels::view::{MatrixView, MatrixViewMut};

use super::bias::bias_gradient;
use super::slices::{SliceOperation, target};
use crate::ops::settings::MapShape;

/// A convolution of stride 2. Inputs: map, weight `[out, in, 3, 3]`, bias `[out]` or `[pictures, out]`.
#[derive(Debug, Clone)]
pub struct StridedConv3x3Op {
    pub map: MapShape,
    pub result: MapShape,
    /// Rows and columns of zeros before the map: 0 or 1.
    pub padding: usize,
}

impl StridedConv3x3Op {
    /// Number of pixels of the map and of the result.
    fn pixels(&self) -> [usize; 2] {
        [self.map, self.result].map(|[_, height, width, _]| height * width)
    }

    /// For each tap, for each pixel of the result: the pixel of the map that it reads, or [`OUTSIDE`].
    fn taps(&self) -> Vec<u32> {
        let ([_, height, width, _], [_, rows, columns, _]) = (self.map, self.result);
        let mut taps = Vec::with_capacity(9 * rows * columns);
        for tap in 0..9 {
            for pixel in 0..rows * columns {
                let y = (2 * (pixel / columns) + tap / 3).wrapping_sub(self.padding);
                let x = (2 * (pixel % columns) + tap % 3).wrapping_sub(self.padding);
                taps.push(if y < height && x < width { (y * width + x) as u32 } else { OUTSIDE });
            }
        }
        taps
    }
}

impl SliceOperation for StridedConv3x3Op {
    fn result_len(&self, _: &[&[f32]]) -> usize {
        self.result.iter().product()
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32], _: &mut Buffers) {
        let (x, weight, bias) = (inputs[0], inputs[1], inputs[2]);
        let ([rows_in, rows], depth, [batch, .., channels]) = (self.pixels(), self.map[3], self.result);
        let packed = PackedMatrix::new(9 * depth, channels, &|k, n| weight[(n * depth + k % depth) * 9 + k / depth]);
        let taps = self.taps();
        let product =
            MatMul::plain(MatrixView::whole(x, depth), rows, &packed, bias, MatrixViewMut::whole(out, channels));
        MatMul { rows_in, batch, taps: Some(&taps), ..product }.run();
    }

    fn reads(&self, input: usize, wanted: &[bool]) -> bool {
        match input {
            0 => wanted[1],
            1 => wanted[0],
            _ => false,
        }
    }

    fn backward(&self, inputs: &[&[f32]], grad: &[f32], targets: &mut [Option<&mut [f32]>], buffers: &mut Buffers) {
        let (x, weight) = (inputs[0], inputs[1]);
        let ([rows_in, rows], depth, [batch, .., channels]) = (self.pixels(), self.map[3], self.result);
        let taps = self.taps();
        // Each pixel of the result with the pixel of the map that a tap reads for it.
        let pairs = |tap: usize| {
            let pixels = taps[tap * rows..(tap + 1) * rows].iter().enumerate();
            pixels.filter(|(_, from)| **from != OUTSIDE).map(|(to, from)| (to, *from as usize))
        };
        if let Some(out) = target(targets, 0) {
            // The contributions of each pixel of the result to the nine pixels of the map that it reads, then their sums.
            let packed =
                PackedMatrix::new(channels, 9 * depth, &|n, k| weight[(n * depth + k % depth) * 9 + k / depth]);
            let mut contributions = buffers.take(batch * rows * 9 * depth);
            let left = MatrixView::whole(grad, channels);
            MatMul::plain(left, batch * rows, &packed, &[], MatrixViewMut::whole(&mut contributions, 9 * depth)).run();
            out.fill(0.0);
            for (contributions, out) in
                contributions.chunks_exact(rows * 9 * depth).zip(out.chunks_exact_mut(rows_in * depth))
            {
                for tap in 0..9 {
                    for (to, from) in pairs(tap) {
                        let values = &contributions[(to * 9 + tap) * depth..][..depth];
                        out[from * depth..][..depth].iter_mut().zip(values).for_each(|(out, value)| *out += value);
                    }
                }
            }
            buffers.give(contributions);
        }
        if let Some(out) = target(targets, 1) {
            let mut windows = buffers.take(batch * rows * 9 * depth);
            windows.fill(0.0);
            for (windows, x) in windows.chunks_exact_mut(rows * 9 * depth).zip(x.chunks_exact(rows_in * depth)) {
                for tap in 0..9 {
                    for (to, from) in pairs(tap) {
                        windows[(to * 9 + tap) * depth..][..depth].copy_from_slice(&x[from * depth..][..depth]);
                    }
                }
            }
            let mut sums = buffers.take(9 * depth * channels);
            sums.fill(0.0);
            OuterProduct {
                left: MatrixView::whole(&windows, 9 * depth),
                rows_in: rows,
                right: MatrixView::whole(grad, channels),
                rows,
                batch,
                k: 9 * depth,
                n: channels,
                target: MatrixViewMut::whole(&mut sums, channels),
            }
            .run();
            for (i, out) in out.iter_mut().enumerate() {
                let (n, k, tap) = (i / 9 / depth, i / 9 % depth, i % 9);
                *out = sums[(tap * depth + k) * channels + n];
            }
            buffers.give(windows);
            buffers.give(sums);
        }
        if let Some(out) = target(targets, 2) {
            bias_gradient(grad, channels, out);
        }
    }
}
