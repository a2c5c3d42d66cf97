//! GEGLU with its gradient.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::activation;
use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::activation::geglu_gradient;

use super::slices::{Gradient, SliceOperation};

/// GEGLU. Input: rows `[values, gates]`, each `width` long.
#[derive(Debug, Clone)]
pub struct GegluOp {
    pub width: usize,
}

impl SliceOperation<1> for GegluOp {
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
