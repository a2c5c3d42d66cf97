//! Attention: which implementation computes it.
//!
//! Tests: `tests/it/operations.rs` on the CPU, `diffusion/src/ops/webgpu/tests.rs` on a GPU.

use burn::tensor::Tensor;
use burn::tensor::module::attention as attention_by_burn;
use burn::tensor::ops::AttentionModuleOptions;
use cpu_kernels::attention::MultiHeadAttention;

use super::implementation::Ops;
#[cfg(feature = "burn-wgpu")]
use super::webgpu;
use super::{cpu, flex};

/// Scaled dot-product attention with several heads (arXiv 1706.03762, 3.2).
///
/// # Shapes
/// `query [b, n, heads · d]`, `key` and `value [b, m, heads · d]` -> `[b, n, heads · d]`.
///
/// # Panics
/// If the shapes do not fit.
pub fn attention(query: Tensor<3>, key: Tensor<3>, value: Tensor<3>, heads: usize, ops: Ops) -> Tensor<3> {
    let [b, n, dim] = query.dims();
    let [pictures, keys, width] = key.dims();
    assert_eq!([pictures, width, dim % heads], [b, dim, 0], "an attention's keys");
    assert_eq!(value.dims(), key.dims(), "an attention's values");
    let shape = MultiHeadAttention { dim, heads, queries: n, keys };
    #[cfg(feature = "burn-wgpu")]
    if ops.on_webgpu(&query.device()) && webgpu::vec4s_fit(&[dim / heads]) {
        return webgpu::call(webgpu::AttentionOp(shape), [query.into(), key.into(), value.into()], [b, n, dim]);
    }
    if ops.on_cpu(&query.device()) {
        return flex::call(cpu::AttentionOp(shape), [query.into(), key.into(), value.into()], [b, n, dim]);
    }
    let split_heads = |x: Tensor<3>| {
        let [b, n, _] = x.dims();
        x.reshape([b, n, heads, dim / heads]).swap_dims(1, 2)
    };
    let options = AttentionModuleOptions { scale: None, softcap: None, is_causal: false };
    let [query, key, value] = [query, key, value].map(split_heads);
    let out = attention_by_burn(query, key, value, None, None, options);
    out.swap_dims(1, 2).reshape([b, n, dim])
}
