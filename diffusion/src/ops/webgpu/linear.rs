//! Linear layers and 1 x 1 convolutions with their gradients.
//!
//! Tests: `diffusion/src/ops/webgpu/tests.rs`.

use burn::tensor::Shape;
use burn_cubecl::Cube;
use burn_cubecl::tensor::CubeTensor;

use super::launch::count;
use super::matmul::{LeftRows, MatMul, WeightGradient};
use super::shader::ShaderPart;
use crate::ops::operation::Operation;

/// `x · weight + bias + residual`. Inputs: rows of `k`, weight, perhaps a bias `[n]`, perhaps a residual like the result.
#[derive(Debug, Clone)]
pub struct LinearOp {
    /// Channels of a row.
    pub k: usize,
    /// Channels of a row of the result.
    pub n: usize,
    /// Whether the weight is `[n, k]`, not `[k, n]`.
    pub transposed: bool,
}

impl<const N: usize> Operation<Cube, N> for LinearOp {
    /// Map and weight: neither bias nor residual.
    fn kept(&self, _: [bool; N]) -> [bool; N] {
        std::array::from_fn(|input| input < 2)
    }

    fn forward(&self, inputs: [&CubeTensor; N], shape: Shape) -> CubeTensor {
        let Self { k, n, transposed } = *self;
        MatMul {
            rows: LeftRows::plain(),
            left: inputs[0],
            layout: if transposed { ShaderPart::WeightsNk } else { ShaderPart::WeightsKn },
            weights: inputs[1],
            m: count(inputs[0]) / k,
            k,
            n,
            bias: inputs.get(2).copied(),
            residual: inputs.get(3).copied(),
            pixels: 1,
        }
        .run(shape)
    }

    fn backward(
        &self,
        inputs: [Option<&CubeTensor>; N],
        shapes: [Shape; N],
        grad: CubeTensor,
        wanted: [bool; N],
    ) -> [Option<CubeTensor>; N] {
        let Self { k, n, transposed } = *self;
        let m = count(&grad) / n;
        let mut gradients = [const { None }; N];
        let (Some(Some(left)), Some(Some(weights))) = (inputs.first(), inputs.get(1)) else { return gradients };
        if wanted[0] {
            let layout = if transposed { ShaderPart::WeightsKn } else { ShaderPart::WeightsNk };
            let rows = LeftRows::plain();
            let (bias, residual) = (None, None);
            let product = MatMul { rows, left: &grad, layout, weights, m, k: n, n: k, bias, residual, pixels: 1 };
            gradients[0] = Some(product.run(shapes[0].clone()));
        }
        if wanted[1] || wanted.get(2) == Some(&true) {
            let layout = if transposed { ShaderPart::IndexNk } else { ShaderPart::IndexKn };
            let weights = WeightGradient { rows: LeftRows::plain(), left, grad: &grad, layout, m, k, n };
            let bias = shapes.get(2).cloned().unwrap_or([n].into());
            let [weight, bias] = weights.run(shapes[1].clone(), bias);
            gradients[1] = Some(weight);
            if let Some(slot) = gradients.get_mut(2) {
                *slot = Some(bias);
            }
        }
        if let Some(slot) = gradients.get_mut(3) {
            *slot = Some(grad);
        }
        gradients
    }
}
