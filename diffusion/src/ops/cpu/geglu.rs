//! GEGLU with its gradient.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::activation;
use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::activation::geglu_gradient;

use super::slices::{SliceOperation, target};

/// GEGLU. Input: rows `[values, gates]`, each `width` long.
#[derive(Debug, Clone)]
pub struct GegluOp {
    pub width: usize,
}

impl SliceOperation for GegluOp {
    fn result_len(&self, inputs: &[&[f32]]) -> usize {
        inputs[0].len() / 2
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32], _: &mut Buffers) {
        activation::geglu(inputs[0], self.width, out);
    }

    fn reads(&self, _: usize, _: &[bool]) -> bool {
        true
    }

    fn backward(&self, inputs: &[&[f32]], grad: &[f32], targets: &mut [Option<&mut [f32]>], _: &mut Buffers) {
        if let Some(out) = target(targets, 0) {
            geglu_gradient(inputs[0], self.width, grad, out);
        }
    }
}
