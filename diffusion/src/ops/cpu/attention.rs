//! Attention with its gradient.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::attention::MultiHeadAttention;
use cpu_kernels::buffers::Buffers;

use super::slices::SliceOperation;

/// Scaled dot-product attention. Inputs: queries, keys, values. Weights are computed again in the backward pass.
#[derive(Debug, Clone)]
pub struct AttentionOp(pub MultiHeadAttention);

impl SliceOperation for AttentionOp {
    fn result_len(&self, inputs: &[&[f32]]) -> usize {
        inputs[0].len()
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32], buffers: &mut Buffers) {
        self.0.run([inputs[0], inputs[1], inputs[2]], out, buffers);
    }

    fn reads(&self, _: usize, _: &[bool]) -> bool {
        true
    }

    fn backward(&self, inputs: &[&[f32]], grad: &[f32], targets: &mut [Option<&mut [f32]>], buffers: &mut Buffers) {
        if let [queries, keys, values] = targets {
            let targets = [queries, keys, values].map(|target| target.as_deref_mut());
            self.0.gradients([inputs[0], inputs[1], inputs[2]], grad, targets, buffers);
        }
    }
}
