//! Attention, and the gate of the feed-forward.

use burn::tensor::Tensor;
use burn::tensor::activation::gelu;
use burn::tensor::module::attention as decomposed;
use burn::tensor::ops::AttentionModuleOptions;
use cpu_kernels::activation;
use cpu_kernels::attention::MultiHeadAttention;
use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::activation::geglu_gradient;

use super::{Gradient, Input, OnSlices, Ops, call};
#[cfg(feature = "burn-wgpu")]
use super::{Implementation, gpu};

/// Scaled dot-product attention: `query [b, n, heads · d]`, `key` and `value [b, m, heads · d] -> [b, n, heads · d]`.
///
/// # Panics
/// If the shapes do not fit.
pub fn attention(query: Tensor<3>, key: Tensor<3>, value: Tensor<3>, heads: usize, operations: Ops) -> Tensor<3> {
    let [b, n, dim] = query.dims();
    let [pictures, keys, width] = key.dims();
    assert_eq!([pictures, width, dim % heads], [b, dim, 0], "an attention's keys");
    assert_eq!(value.dims(), key.dims(), "an attention's values");
    #[cfg(feature = "burn-wgpu")]
    if operations.implementation(&query.device()) == Implementation::WebGpu && gpu::in_fours(&[dim / heads]) {
        let operation = gpu::Heads(MultiHeadAttention { dim, heads, queries: n, keys });
        return gpu::call(operation, [query, key, value].map(Input::from), [b, n, dim]);
    }
    if operations.on_cpu(&query.device()) {
        let shape = MultiHeadAttention { dim, heads, queries: n, keys };
        return call(Heads(shape), [query, key, value].map(Input::from), [b, n, dim]);
    }
    let split = |x: Tensor<3>| {
        let [b, n, _] = x.dims();
        x.reshape([b, n, heads, dim / heads]).swap_dims(1, 2)
    };
    let options = AttentionModuleOptions { scale: None, softcap: None, is_causal: false };
    let out = decomposed(split(query), split(key), split(value), None, None, options);
    out.swap_dims(1, 2).reshape([b, n, dim])
}

#[derive(Debug, Clone)]
struct Heads(MultiHeadAttention);

impl OnSlices<3> for Heads {
    fn forward(&self, inputs: [&[f32]; 3], buffers: &mut Buffers) -> Vec<f32> {
        let mut out = vec![0f32; inputs[0].len()];
        self.0.run(inputs, &mut out, buffers);
        out
    }

    fn backward(&self, inputs: [&[f32]; 3], grad: &[f32], wanted: [bool; 3], buffers: &mut Buffers) -> [Gradient; 3] {
        self.0.gradients(inputs, grad, wanted, buffers).map(Gradient::Values)
    }
}

/// `[b, n, 2 · width]`, values and gates, to `values · gelu(gates)` (GEGLU, arXiv 2002.05202).
pub fn geglu(x: Tensor<3>, operations: Ops) -> Tensor<3> {
    let [b, n, both] = x.dims();
    #[cfg(feature = "burn-wgpu")]
    if operations.implementation(&x.device()) == Implementation::WebGpu && gpu::in_fours(&[both / 2]) {
        return gpu::call(gpu::Geglu { width: both / 2 }, [x.into()], [b, n, both / 2]);
    }
    if operations.on_cpu(&x.device()) {
        return call(Geglu { width: both / 2 }, [x.into()], [b, n, both / 2]);
    }
    let values = x.clone().narrow(2, 0, both / 2);
    values * gelu(x.narrow(2, both / 2, both / 2))
}

#[derive(Debug, Clone)]
struct Geglu {
    width: usize,
}

impl OnSlices<1> for Geglu {
    fn forward(&self, [x]: [&[f32]; 1], _: &mut Buffers) -> Vec<f32> {
        let mut out = vec![0f32; x.len() / 2];
        activation::geglu(x, self.width, &mut out);
        out
    }

    fn backward(&self, [x]: [&[f32]; 1], grad: &[f32], _: [bool; 1], _: &mut Buffers) -> [Gradient; 1] {
        let mut out = vec![0f32; x.len()];
        geglu_gradient(x, self.width, grad, &mut out);
        [Gradient::Values(out)]
    }
}
