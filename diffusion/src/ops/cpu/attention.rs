//! Attention with its gradient.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::attention::MultiHeadAttention;
use cpu_kernels::buffers::Buffers;

use super::slices::{Gradient, SliceOperation};

/// Scaled dot-product attention. Inputs: queries, keys, values. Weights are computed again in the backward pass.
#[derive(Debug, Clone)]
pub struct AttentionOp(pub MultiHeadAttention);

impl SliceOperation<3> for AttentionOp {
    fn forward(&self, inputs: [&[f32]; 3], buffers: &mut Buffers) -> Vec<f32> {
        let mut out = vec![0f32; inputs[0].len()];
        self.0.run(inputs, &mut out, buffers);
        out
    }

    fn backward(&self, inputs: [&[f32]; 3], grad: &[f32], wanted: [bool; 3], buffers: &mut Buffers) -> [Gradient; 3] {
        self.0.gradients(inputs, grad, wanted, buffers).map(Gradient::Values)
    }
}
