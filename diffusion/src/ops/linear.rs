//! Linear layers and 1 x 1 convolutions: which implementation computes them.
//!
//! Tests: `tests/it/operations.rs` on the CPU, `diffusion/src/ops/webgpu/tests.rs` on a GPU.

use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::module::linear as linear_by_burn;

use super::implementation::{Ops, is_flex};
#[cfg(feature = "burn-wgpu")]
use super::webgpu;
use super::{composed, cpu, flex};

/// A linear layer over the last dimension, `x · weight + bias + residual`. burn keeps a Linear's weight as `[in, out]`.
///
/// # Shapes
/// `x [.., in]` -> `[.., out]`, the shape of `residual` too.
///
/// # Panics
/// If the shapes do not fit.
pub fn linear<const D: usize>(layer: &Linear, x: Tensor<D>, residual: Option<Tensor<D>>, ops: Ops) -> Tensor<D> {
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    rows_by_weight(x, layer.weight.val(), bias, residual, false, ops)
}

/// A 1 x 1 convolution, whose weight is `[out, in, 1, 1]`; `residual` is added.
///
/// # Shapes
/// `x [b, height, width, in]` -> `[b, height, width, out]`, the shape of `residual` too.
///
/// # Panics
/// If the shapes do not fit.
pub fn conv1x1(layer: &Conv2d, x: Tensor<4>, residual: Option<Tensor<4>>, ops: Ops) -> Tensor<4> {
    let weight = layer.weight.val();
    let [to, from, _, _] = weight.dims();
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    rows_by_weight(x, weight.reshape([to, from]), bias, residual, true, ops)
}

/// `weight`: `[k, n]`, or `[n, k]` if `transposed`.
fn rows_by_weight<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    residual: Option<Tensor<D>>,
    transposed: bool,
    ops: Ops,
) -> Tensor<D> {
    let [first, second] = weight.dims();
    let (k, n) = if transposed { (second, first) } else { (first, second) };
    let mut shape = x.dims();
    assert_eq!(shape[D - 1], k, "a Linear's input");
    shape[D - 1] = n;
    if let Some(residual) = &residual {
        assert_eq!(residual.dims(), shape, "a Linear's residual");
    }
    #[cfg(feature = "burn-wgpu")]
    if ops.on_webgpu(&x.device()) && webgpu::vec4s_fit(&weight.dims()) {
        let operation = webgpu::LinearOp { k, n, transposed };
        let [x, weight] = [x.into(), weight.into()];
        return match (bias, residual) {
            (None, None) => webgpu::call(operation, [x, weight], shape),
            (None, Some(residual)) => webgpu::call(operation, [x, weight], shape) + residual,
            (Some(bias), None) => webgpu::call(operation, [x, weight, bias.into()], shape),
            (Some(bias), Some(residual)) => webgpu::call(operation, [x, weight, bias.into(), residual.into()], shape),
        };
    }
    if !ops.on_cpu(&x.device()) {
        let weight = if transposed { weight.transpose() } else { weight };
        let out =
            if is_flex(&x.device()) { linear_by_burn(x, weight, bias) } else { composed::linear(x, weight, bias) };
        return match residual {
            Some(residual) => out + residual,
            None => out,
        };
    }
    let operation = cpu::LinearOp { k, n, transposed };
    let [x, weight] = [x.into(), weight.into()];
    match (bias, residual) {
        (None, residual) => {
            let out = flex::call(operation, [x, weight], shape);
            residual.into_iter().fold(out, |out, residual| out + residual)
        }
        (Some(bias), None) => flex::call(operation, [x, weight, bias.into()], shape),
        (Some(bias), Some(residual)) => flex::call(operation, [x, weight, bias.into(), residual.into()], shape),
    }
}
