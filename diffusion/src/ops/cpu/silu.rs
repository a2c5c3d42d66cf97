//! SiLU with its gradient.
//!
//! Tests: `tests/it/gradients.rs`, and `cpu-kernels/src/gradients/activation.rs`.

use cpu_kernels::activation;
use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::activation::silu_gradient;

use super::slices::{SliceOperation, target};

/// SiLU. Input: any values.
#[derive(Debug, Clone)]
pub struct SiluOp;

impl SliceOperation for SiluOp {
    fn result_len(&self, inputs: &[&[f32]]) -> usize {
        inputs[0].len()
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32], _: &mut Buffers) {
        out.copy_from_slice(inputs[0]);
        activation::silu(out);
    }

    fn reads(&self, _: usize, _: &[bool]) -> bool {
        true
    }

    fn backward(&self, inputs: &[&[f32]], grad: &[f32], targets: &mut [Option<&mut [f32]>], _: &mut Buffers) {
        if let Some(out) = target(targets, 0) {
            silu_gradient(inputs[0], grad, out);
        }
    }
}
