//! GroupNorm and LayerNorm with their gradients.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::norm::Affine;
use cpu_kernels::norm::{GroupNorm, LayerNorm};

use super::slices::{Gradient, SliceOperation};
use crate::ops::settings::{GroupNormSettings, MapShape};

/// GroupNorm, with SiLU after it if wanted. Inputs: map, weight and bias `[channels]`.
#[derive(Debug, Clone)]
pub struct GroupNormOp {
    pub shape: MapShape,
    pub settings: GroupNormSettings,
}

impl GroupNormOp {
    fn norm(&self, [_, weight, bias]: [&[f32]; 3]) -> GroupNorm {
        let GroupNormSettings { groups, eps, .. } = self.settings;
        GroupNorm { weight: weight.to_vec(), bias: bias.to_vec(), groups, eps: eps as f32 }
    }

    fn pixels(&self) -> usize {
        self.shape[1] * self.shape[2]
    }
}

impl SliceOperation<3> for GroupNormOp {
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

/// LayerNorm. Inputs: rows, weight and bias `[channels]`.
#[derive(Debug, Clone)]
pub struct LayerNormOp;

impl LayerNormOp {
    fn norm(&self, [_, weight, bias]: [&[f32]; 3]) -> LayerNorm {
        LayerNorm { weight: weight.to_vec(), bias: bias.to_vec() }
    }
}

impl SliceOperation<3> for LayerNormOp {
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
