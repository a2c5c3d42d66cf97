//! Norms, with the activation that follows.

use burn::nn::LayerNorm as Layer;
use burn::tensor::Tensor;
use burn::tensor::activation::silu;
use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::norm::Affine;
use cpu_kernels::norm::{GroupNorm, LAYER_NORM_EPS, LayerNorm};

use super::{Gradient, MapShape, OnSlices, Ops, call, composed, on_flex};
#[cfg(feature = "burn-wgpu")]
use super::{Implementation, gpu};

/// What a GroupNorm is beside its parameters.
#[derive(Debug, Clone, Copy)]
pub struct GroupNormSettings {
    /// How many parts the channels are cut into.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Whether SiLU follows.
    pub silu: bool,
}

/// `x [b, h, w, c]`, `weight` and `bias [c]`.
pub fn group_norm(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    settings: GroupNormSettings,
    operations: Ops,
) -> Tensor<4> {
    let [b, h, w, c] = x.dims();
    if operations.on_cpu(&x.device()) {
        let inputs = [x.into(), weight.into(), bias.into()];
        return call(OverGroups { shape: [b, h, w, c], settings }, inputs, [b, h, w, c]);
    }
    #[cfg(feature = "burn-wgpu")]
    if operations.implementation(&x.device()) == Implementation::WebGpu && c <= gpu::MOST_CHANNELS {
        let inputs = [x.into(), weight.into(), bias.into()];
        return gpu::call(gpu::OverGroups { shape: [b, h, w, c], settings }, inputs, [b, h, w, c]);
    }
    let per_group = c / settings.groups;
    let [weight, bias] = match on_flex(&x.device()) {
        true => [weight, bias].map(Tensor::unsqueeze),
        false => [weight, bias].map(|values| composed::for_pictures(values, b)),
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

#[derive(Debug, Clone)]
struct OverGroups {
    shape: MapShape,
    settings: GroupNormSettings,
}

impl OverGroups {
    fn norm(&self, [_, weight, bias]: [&[f32]; 3]) -> GroupNorm {
        let GroupNormSettings { groups, eps, .. } = self.settings;
        GroupNorm { weight: weight.to_vec(), bias: bias.to_vec(), groups, eps: eps as f32 }
    }

    fn pixels(&self) -> usize {
        self.shape[1] * self.shape[2]
    }
}

impl OnSlices<3> for OverGroups {
    fn forward(&self, inputs: [&[f32]; 3], _: &mut Buffers) -> Vec<f32> {
        let mut out = vec![0f32; inputs[0].len()];
        self.norm(inputs).run(&[(inputs[0], self.shape[3])], self.pixels(), self.settings.silu, &mut out);
        out
    }

    fn backward(&self, inputs: [&[f32]; 3], grad: &[f32], _: [bool; 3], _: &mut Buffers) -> [Gradient; 3] {
        let [mut out, mut weight, mut bias] = inputs.map(|input| vec![0f32; input.len()]);
        let affine = &mut Affine { weight: &mut weight, bias: &mut bias };
        self.norm(inputs).gradients(inputs[0], self.pixels(), self.settings.silu, grad, &mut out, affine);
        [out, weight, bias].map(Gradient::Values)
    }
}

/// Over the last dimension; the epsilon of the layer must be diffusers' 1e-5.
pub fn layer_norm<const D: usize>(layer: &Layer, x: Tensor<D>, operations: Ops) -> Tensor<D> {
    #[cfg(feature = "burn-wgpu")]
    if let (Some(beta), Implementation::WebGpu) = (&layer.beta, operations.implementation(&x.device()))
        && gpu::in_fours(&[x.dims()[D - 1]])
    {
        let shape = x.dims();
        let operation = gpu::OverRows { channels: shape[D - 1], eps: LAYER_NORM_EPS };
        return gpu::call(operation, [x.into(), layer.gamma.val().into(), beta.val().into()], shape);
    }
    match &layer.beta {
        Some(beta) if operations.on_cpu(&x.device()) => {
            let shape = x.dims();
            let inputs = [x.into(), layer.gamma.val().into(), beta.val().into()];
            call(OverRows, inputs, shape)
        }
        Some(beta) if !on_flex(&x.device()) => {
            composed::layer_norm(x, layer.gamma.val(), beta.val(), LAYER_NORM_EPS.into())
        }
        _ => layer.forward(x),
    }
}

#[derive(Debug, Clone)]
struct OverRows;

impl OverRows {
    fn norm(&self, [_, weight, bias]: [&[f32]; 3]) -> LayerNorm {
        LayerNorm { weight: weight.to_vec(), bias: bias.to_vec() }
    }
}

impl OnSlices<3> for OverRows {
    fn forward(&self, inputs: [&[f32]; 3], _: &mut Buffers) -> Vec<f32> {
        let mut out = vec![0f32; inputs[0].len()];
        self.norm(inputs).run(inputs[0], &mut out);
        out
    }

    fn backward(&self, inputs: [&[f32]; 3], grad: &[f32], _: [bool; 3], _: &mut Buffers) -> [Gradient; 3] {
        let [mut out, mut weight, mut bias] = inputs.map(|input| vec![0f32; input.len()]);
        let affine = &mut Affine { weight: &mut weight, bias: &mut bias };
        self.norm(inputs).gradients(inputs[0], grad, &mut out, affine);
        [out, weight, bias].map(Gradient::Values)
    }
}
