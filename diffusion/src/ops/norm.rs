//! GroupNorm and LayerNorm: which implementation computes them.
//!
//! Tests: `tests/it/operations.rs` on the CPU, `diffusion/src/ops/webgpu/tests.rs` on a GPU.

use burn::nn::LayerNorm;
use burn::tensor::Tensor;
use burn::tensor::activation::silu;
use cpu_kernels::norm::LAYER_NORM_EPS;

use super::implementation::{Ops, is_flex};
use super::settings::GroupNormSettings;
#[cfg(feature = "burn-wgpu")]
use super::webgpu;
use super::{composed, cpu, flex};

/// GroupNorm (arXiv 1803.08494), with SiLU after it if `settings` say so.
///
/// # Shapes
/// `x [b, height, width, channels]`, `weight` and `bias [channels]` -> like `x`.
pub fn group_norm(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    settings: GroupNormSettings,
    ops: Ops,
) -> Tensor<4> {
    let [b, h, w, c] = x.dims();
    if ops.on_cpu(&x.device()) {
        let inputs = [x.into(), weight.into(), bias.into()];
        return flex::call(cpu::GroupNormOp { shape: [b, h, w, c], settings }, inputs, [b, h, w, c]);
    }
    #[cfg(feature = "burn-wgpu")]
    if ops.on_webgpu(&x.device()) && c <= webgpu::MAX_GROUP_NORM_CHANNELS {
        let inputs = [x.into(), weight.into(), bias.into()];
        return webgpu::call(webgpu::GroupNormOp { shape: [b, h, w, c], settings }, inputs, [b, h, w, c]);
    }
    let per_group = c / settings.groups;
    let [weight, bias] = match is_flex(&x.device()) {
        true => [weight, bias].map(Tensor::unsqueeze),
        false => [weight, bias].map(|values| composed::repeat(values, b)),
    };
    let pictures = weight.dims()[0];
    let grouped = x.reshape([b, h * w, settings.groups, per_group]);
    let mean = grouped.clone().mean_dim(3).mean_dim(1);
    let centred = grouped - mean;
    let variance = centred.clone().square().mean_dim(3).mean_dim(1);
    // One factor per (picture, channel), so that the large tensor is scaled once, not twice.
    let inverse = (variance + settings.eps).sqrt().recip();
    let scale = inverse * weight.reshape([pictures, 1, settings.groups, per_group]);
    let normed = (centred * scale).reshape([b, h, w, c]) + bias.reshape([pictures, 1, 1, c]);
    if settings.silu { silu(normed) } else { normed }
}

/// LayerNorm over the last dimension (arXiv 1607.06450). The layer's epsilon must be 1e-5, which diffusers uses everywhere.
///
/// # Shapes
/// `x [.., channels]` -> like `x`.
pub fn layer_norm<const D: usize>(layer: &LayerNorm, x: Tensor<D>, ops: Ops) -> Tensor<D> {
    #[cfg(feature = "burn-wgpu")]
    if let Some(beta) = &layer.beta
        && ops.on_webgpu(&x.device())
        && webgpu::vec4s_fit(&[x.dims()[D - 1]])
    {
        let shape = x.dims();
        let operation = webgpu::LayerNormOp { channels: shape[D - 1], eps: LAYER_NORM_EPS };
        return webgpu::call(operation, [x.into(), layer.gamma.val().into(), beta.val().into()], shape);
    }
    match &layer.beta {
        Some(beta) if ops.on_cpu(&x.device()) => {
            let shape = x.dims();
            let inputs = [x.into(), layer.gamma.val().into(), beta.val().into()];
            flex::call(cpu::LayerNormOp, inputs, shape)
        }
        Some(beta) if !is_flex(&x.device()) => {
            composed::layer_norm(x, layer.gamma.val(), beta.val(), LAYER_NORM_EPS.into())
        }
        _ => layer.forward(x),
    }
}
