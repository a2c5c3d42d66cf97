//! SiLU and GEGLU: which implementation computes them.
//!
//! Tests: `tests/it/operations.rs` on the CPU, `diffusion/src/ops/webgpu/tests.rs` on a GPU.

use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, silu as silu_by_burn};

use super::implementation::Ops;
#[cfg(feature = "burn-wgpu")]
use super::webgpu;
use super::{cpu, flex};

/// SiLU, `x / (1 + e^-x)` (arXiv 1702.03118).
pub fn silu<const D: usize>(x: Tensor<D>, ops: Ops) -> Tensor<D> {
    if ops.on_cpu(&x.device()) {
        let shape = x.dims();
        return flex::call(cpu::SiluOp, [x.into()], shape);
    }
    silu_by_burn(x)
}

/// GEGLU, `values · gelu(gates)` (arXiv 2002.05202).
///
/// # Shapes
/// `x [b, n, 2 · width]`, in each row the values, then the gates -> `[b, n, width]`.
pub fn geglu(x: Tensor<3>, ops: Ops) -> Tensor<3> {
    let [b, n, both] = x.dims();
    let width = both / 2;
    #[cfg(feature = "burn-wgpu")]
    if ops.on_webgpu(&x.device()) && webgpu::vec4s_fit(&[width]) {
        return webgpu::call(webgpu::GegluOp { width }, [x.into()], [b, n, width]);
    }
    if ops.on_cpu(&x.device()) {
        return flex::call(cpu::GegluOp { width }, [x.into()], [b, n, width]);
    }
    let values = x.clone().narrow(2, 0, width);
    values * gelu(x.narrow(2, width, width))
}
