//! 3 x 3 convolutions.

use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::module::{conv2d, interpolate};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions};
use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::add_rows;
use cpu_kernels::gradients::outer::OuterProduct;
use cpu_kernels::matmul::{MatMul, OUTSIDE};
use cpu_kernels::packed_matrix::PackedMatrix;
use cpu_kernels::view::{MatrixView, MatrixViewMut};
use cpu_kernels::winograd::{self, Conv3x3};

use super::{Gradient, MapShape, OnSlices, Ops, call, composed, on_flex};
#[cfg(feature = "burn-wgpu")]
use super::{Implementation, gpu};

/// What else a convolution does to the size of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// Nothing.
    Same,
    /// Every second pixel is left out.
    Half,
    /// Every pixel is doubled, before.
    Double,
}

/// `x [b, h, w, in] -> [b, h, w, out]`. `shift`, for each picture `[b, out]`, is added to all pixels besides the bias; the residual is
/// like the result.
///
/// # Panics
/// If the layer is not a 3 x 3 convolution of all channels with the stride that `resize` has, or a shape is another.
pub fn conv3x3(
    layer: &Conv2d,
    x: Tensor<4>,
    resize: Resize,
    shift: Option<Tensor<2>>,
    residual: Option<Tensor<4>>,
    operations: Ops,
) -> Tensor<4> {
    let weight = layer.weight.val();
    let ([b, h, w, depth], channels) = (x.dims(), weight.dims()[0]);
    let stride = if resize == Resize::Half { 2 } else { 1 };
    assert_eq!(weight.dims(), [channels, depth, 3, 3], "a convolution's weight");
    assert_eq!(layer.stride, [stride; 2], "a convolution's stride");
    let [height, width] = match resize {
        Resize::Same => [h, w],
        Resize::Half => [h.div_ceil(2), w.div_ceil(2)],
        Resize::Double => [2 * h, 2 * w],
    };
    let shape = [b, height, width, channels];
    if let Some(residual) = &residual {
        assert_eq!(residual.dims(), shape, "a convolution's residual");
    }
    let bias = match layer.bias.as_ref() {
        Some(bias) => bias.val(),
        None => Tensor::zeros([channels], &x.device()),
    };
    #[cfg(feature = "burn-wgpu")]
    if operations.implementation(&x.device()) == Implementation::WebGpu && gpu::in_fours(&[depth, channels]) {
        let bias = match shift {
            Some(shift) => (shift + bias.unsqueeze()).into(),
            None => bias.into(),
        };
        let operation = gpu::Convolution { map: [b, h, w, depth], result: shape, stride };
        let [x, weight] = [x.into(), weight.into()];
        return match residual {
            None => gpu::call(operation, [x, weight, bias], shape),
            Some(residual) => gpu::call(operation, [x, weight, bias, residual.into()], shape),
        };
    }
    if operations.on_cpu(&x.device()) {
        let bias = match shift {
            Some(shift) => (shift + bias.unsqueeze()).into(),
            None => bias.into(),
        };
        let [x, weight] = [x.into(), weight.into()];
        let (map, result) = ([b, h, w, depth], shape);
        return match (resize, residual) {
            (Resize::Half, residual) => {
                let out = call(Halving { map, result }, [x, weight, bias], shape);
                residual.into_iter().fold(out, |out, residual| out + residual)
            }
            (_, None) => call(Sliding { map, result }, [x, weight, bias], shape),
            (_, Some(residual)) => call(Sliding { map, result }, [x, weight, bias, residual.into()], shape),
        };
    }
    let out = if resize != Resize::Half && !on_flex(&x.device()) {
        let x = if resize == Resize::Double { composed::doubled(x) } else { x };
        composed::conv3x3(x, weight, bias)
    } else {
        let x = x.permute([0, 3, 1, 2]);
        let x = match resize {
            Resize::Double => {
                let nearest = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([2 * h, 2 * w]);
                interpolate(x, nearest)
            }
            _ => x,
        };
        let options = ConvOptions::new([stride; 2], [1, 1], [1, 1], 1);
        conv2d(x, weight, Some(bias), options).permute([0, 2, 3, 1])
    };
    let out = match shift {
        Some(shift) => out + shift.reshape([b, 1, 1, channels]),
        None => out,
    };
    residual.into_iter().fold(out, |out, residual| out + residual)
}

/// The gradient of one bias for all pictures, or of one for each: `bias` values.
fn bias_gradient(grad: &[f32], bias: usize, channels: usize) -> Vec<f32> {
    let mut out = vec![0f32; bias];
    let part = grad.len() / (bias / channels);
    out.chunks_exact_mut(channels).zip(grad.chunks_exact(part)).for_each(|(out, grad)| add_rows(grad, out));
    out
}

/// With stride 1, on the map or on the doubled map. Inputs: map, `[out, in, 3, 3]`, bias, perhaps a residual.
#[derive(Debug, Clone)]
struct Sliding {
    map: MapShape,
    result: MapShape,
}

impl Sliding {
    fn doubles(&self) -> bool {
        self.map[1] != self.result[1]
    }

    fn size(&self) -> [usize; 2] {
        [self.result[1], self.result[2]]
    }

    /// The map that the kernels slide over.
    fn with_map<T>(&self, x: &[f32], buffers: &mut Buffers, f: impl FnOnce(&[f32], &mut Buffers) -> T) -> T {
        if !self.doubles() {
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

    /// The gradient of the map from that of the map that the kernels slide over.
    fn halve(&self, large: &[f32], out: &mut [f32]) {
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

impl<const N: usize> OnSlices<N> for Sliding {
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
                    match self.doubles() {
                        false => convolution.run(grad, self.size(), &convolution.bias, None, &mut out, buffers),
                        true => {
                            let mut large = buffers.take(4 * x.len());
                            convolution.run(grad, self.size(), &convolution.bias, None, &mut large, buffers);
                            self.halve(&large, &mut out);
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

/// With stride 2. Inputs: map, `[out, in, 3, 3]`, bias.
#[derive(Debug, Clone)]
struct Halving {
    map: MapShape,
    result: MapShape,
}

impl Halving {
    /// Pixels of the map and of the result.
    fn pixels(&self) -> [usize; 2] {
        [self.map, self.result].map(|[_, height, width, _]| height * width)
    }

    /// For each tap, for each pixel of the result, the pixel of the map.
    fn taps(&self) -> Vec<u32> {
        let ([_, height, width, _], [_, rows, columns, _]) = (self.map, self.result);
        let mut taps = Vec::with_capacity(9 * rows * columns);
        for tap in 0..9 {
            for pixel in 0..rows * columns {
                let y = (2 * (pixel / columns) + tap / 3).wrapping_sub(1);
                let x = (2 * (pixel % columns) + tap % 3).wrapping_sub(1);
                taps.push(if y < height && x < width { (y * width + x) as u32 } else { OUTSIDE });
            }
        }
        taps
    }
}

impl OnSlices<3> for Halving {
    fn forward(&self, [x, weight, bias]: [&[f32]; 3], _: &mut Buffers) -> Vec<f32> {
        let ([rows_in, rows], depth, [batch, .., channels]) = (self.pixels(), self.map[3], self.result);
        let mut out = vec![0f32; batch * rows * channels];
        let packed = PackedMatrix::new(9 * depth, channels, &|k, n| weight[(n * depth + k % depth) * 9 + k / depth]);
        let taps = self.taps();
        let product =
            MatMul::plain(MatrixView::whole(x, depth), rows, &packed, bias, MatrixViewMut::whole(&mut out, channels));
        MatMul { rows_in, batch, taps: Some(&taps), ..product }.run();
        out
    }

    fn backward(
        &self,
        [x, weight, bias]: [&[f32]; 3],
        grad: &[f32],
        wanted: [bool; 3],
        buffers: &mut Buffers,
    ) -> [Gradient; 3] {
        let ([rows_in, rows], depth, [batch, .., channels]) = (self.pixels(), self.map[3], self.result);
        let taps = self.taps();
        let pairs = |tap: usize| {
            let pixels = taps[tap * rows..(tap + 1) * rows].iter().enumerate();
            pixels.filter(|(_, from)| **from != OUTSIDE).map(|(to, from)| (to, *from as usize))
        };
        let to_map = Gradient::when(wanted[0], || {
            // What each pixel of the result gives to its nine pixels of the map, then all that a pixel is given.
            let packed =
                PackedMatrix::new(channels, 9 * depth, &|n, k| weight[(n * depth + k % depth) * 9 + k / depth]);
            let mut given = buffers.take(batch * rows * 9 * depth);
            let left = MatrixView::whole(grad, channels);
            MatMul::plain(left, batch * rows, &packed, &[], MatrixViewMut::whole(&mut given, 9 * depth)).run();
            let mut out = vec![0f32; x.len()];
            for (given, out) in given.chunks_exact(rows * 9 * depth).zip(out.chunks_exact_mut(rows_in * depth)) {
                for tap in 0..9 {
                    for (to, from) in pairs(tap) {
                        let given = &given[(to * 9 + tap) * depth..][..depth];
                        out[from * depth..][..depth].iter_mut().zip(given).for_each(|(out, given)| *out += given);
                    }
                }
            }
            buffers.give(given);
            out
        });
        let to_kernel = Gradient::when(wanted[1], || {
            let mut taken = buffers.take(batch * rows * 9 * depth);
            taken.fill(0.0);
            for (taken, x) in taken.chunks_exact_mut(rows * 9 * depth).zip(x.chunks_exact(rows_in * depth)) {
                for tap in 0..9 {
                    for (to, from) in pairs(tap) {
                        taken[(to * 9 + tap) * depth..][..depth].copy_from_slice(&x[from * depth..][..depth]);
                    }
                }
            }
            let mut sums = buffers.take(9 * depth * channels);
            sums.fill(0.0);
            OuterProduct {
                left: MatrixView::whole(&taken, 9 * depth),
                rows_in: rows,
                right: MatrixView::whole(grad, channels),
                rows,
                batch,
                k: 9 * depth,
                n: channels,
                target: MatrixViewMut::whole(&mut sums, channels),
            }
            .run();
            let mut out = vec![0f32; 9 * depth * channels];
            for (i, out) in out.iter_mut().enumerate() {
                let (n, k, tap) = (i / 9 / depth, i / 9 % depth, i % 9);
                *out = sums[(tap * depth + k) * channels + n];
            }
            buffers.give(taken);
            buffers.give(sums);
            out
        });
        let to_bias = Gradient::when(wanted[2], || bias_gradient(grad, bias.len(), channels));
        [to_map, to_kernel, to_bias]
    }
}
