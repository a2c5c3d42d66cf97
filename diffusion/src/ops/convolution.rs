//! 3 x 3 convolutions: which implementation computes them.
//!
//! Tests: `tests/it/operations.rs` on the CPU, `diffusion/src/ops/webgpu/tests.rs` on a GPU.

use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::module::{conv2d, interpolate};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions, PadMode};

use super::implementation::{Ops, is_flex};
use super::operation::Input;
use super::settings::Resize;
#[cfg(feature = "burn-wgpu")]
use super::webgpu;
use super::{composed, cpu, flex};

/// A 3 x 3 convolution with padding 1, on a map that may be upsampled first.
///
/// # Shapes
/// `x [b, height, width, in]` -> `[b, height', width', out]`, height and width as `resize` says. `shift [b, out]`, of each picture, is
/// added to all its pixels, like the bias. `residual`, of the result's shape, is added to it.
///
/// # Panics
/// If `layer` is not a 3 x 3 convolution of all channels with the stride that `resize` has, or a shape does not fit.
pub fn conv3x3(
    layer: &Conv2d,
    x: Tensor<4>,
    resize: Resize,
    shift: Option<Tensor<2>>,
    residual: Option<Tensor<4>>,
    ops: Ops,
) -> Tensor<4> {
    let weight = layer.weight.val();
    let ([b, h, w, depth], channels) = (x.dims(), weight.dims()[0]);
    let stride = resize.stride();
    assert_eq!(weight.dims(), [channels, depth, 3, 3], "a convolution's weight");
    assert_eq!(layer.stride, [stride; 2], "a convolution's stride");
    let [height, width] = resize.size([h, w]);
    let (map, result) = ([b, h, w, depth], [b, height, width, channels]);
    if let Some(residual) = &residual {
        assert_eq!(residual.dims(), result, "a convolution's residual");
    }
    let bias = match layer.bias.as_ref() {
        Some(bias) => bias.val(),
        None => Tensor::zeros([channels], &x.device()),
    };
    #[cfg(feature = "burn-wgpu")]
    if ops.on_webgpu(&x.device()) && webgpu::vec4s_fit(&[depth, channels]) && resize != Resize::HalfPaddedBehind {
        let operation = webgpu::Conv3x3Op { map, result, stride };
        let [x, weight, bias] = [x.into(), weight.into(), shifted(bias, shift)];
        return match residual {
            None => webgpu::call(operation, [x, weight, bias], result),
            Some(residual) => webgpu::call(operation, [x, weight, bias, residual.into()], result),
        };
    }
    if ops.on_cpu(&x.device()) {
        let [x, weight, bias] = [x.into(), weight.into(), shifted(bias, shift)];
        return match (stride, residual) {
            (2, residual) => {
                let operation = cpu::StridedConv3x3Op { map, result, padding: resize.padding() };
                let out = flex::call(operation, [x, weight, bias], result);
                residual.into_iter().fold(out, |out, residual| out + residual)
            }
            (_, None) => flex::call(cpu::Conv3x3Op { map, result }, [x, weight, bias], result),
            (_, Some(residual)) => {
                flex::call(cpu::Conv3x3Op { map, result }, [x, weight, bias, residual.into()], result)
            }
        };
    }
    let out = if stride == 1 && !is_flex(&x.device()) {
        let x = if resize == Resize::Double { composed::upsample(x) } else { x };
        composed::conv3x3(x, weight, bias)
    } else {
        let x = x.permute([0, 3, 1, 2]);
        let x = match resize {
            Resize::Double => {
                let nearest = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([2 * h, 2 * w]);
                interpolate(x, nearest)
            }
            // burn's own padding is the same on all sides.
            Resize::HalfPaddedBehind => x.pad([(0, 0), (0, 0), (0, 1), (0, 1)], PadMode::Constant(0.0)),
            Resize::Same | Resize::Half => x,
        };
        let options = ConvOptions::new([stride; 2], [resize.padding(); 2], [1, 1], 1);
        conv2d(x, weight, Some(bias), options).permute([0, 2, 3, 1])
    };
    let out = match shift {
        Some(shift) => out + shift.reshape([b, 1, 1, channels]),
        None => out,
    };
    residual.into_iter().fold(out, |out, residual| out + residual)
}

/// `bias [out]`, or with a shift `bias + shift [b, out]`.
fn shifted(bias: Tensor<1>, shift: Option<Tensor<2>>) -> Input {
    match shift {
        Some(shift) => (shift + bias.unsqueeze()).into(),
        None => bias.into(),
    }
}
