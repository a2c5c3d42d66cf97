//! GroupNorm and LayerNorm with their gradients.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::norm::Affine;
use cpu_kernels::norm::{GroupNorm, LayerNorm};

use super::slices::SliceOperation;
use crate::ops::settings::{GroupNormSettings, MapShape};

/// GroupNorm, with SiLU after it if wanted. Inputs: map, weight and bias `[channels]`.
#[derive(Debug, Clone)]
pub struct GroupNormOp {
    pub shape: MapShape,
    pub settings: GroupNormSettings,
}

impl GroupNormOp {
    fn norm(&self, inputs: &[&[f32]]) -> GroupNorm {
        let GroupNormSettings { groups, eps, .. } = self.settings;
        GroupNorm { weight: inputs[1].to_vec(), bias: inputs[2].to_vec(), groups, eps: eps as f32 }
    }

    fn pixels(&self) -> usize {
        self.shape[1] * self.shape[2]
    }
}

impl SliceOperation for GroupNormOp {
    fn result_len(&self, inputs: &[&[f32]]) -> usize {
        inputs[0].len()
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32], _: &mut Buffers) {
        self.norm(inputs).run(&[(inputs[0], self.shape[3])], self.pixels(), self.settings.silu, out);
    }

    fn reads(&self, _: usize, _: &[bool]) -> bool {
        true
    }

    fn backward(&self, inputs: &[&[f32]], grad: &[f32], targets: &mut [Option<&mut [f32]>], buffers: &mut Buffers) {
        with_all_targets(inputs, targets, buffers, |out, affine| {
            self.norm(inputs).gradients(inputs[0], self.pixels(), self.settings.silu, grad, out, affine);
        });
    }
}

/// LayerNorm. Inputs: rows, weight and bias `[channels]`.
#[derive(Debug, Clone)]
pub struct LayerNormOp;

impl LayerNormOp {
    fn norm(&self, inputs: &[&[f32]]) -> LayerNorm {
        LayerNorm { weight: inputs[1].to_vec(), bias: inputs[2].to_vec() }
    }
}

impl SliceOperation for LayerNormOp {
    fn result_len(&self, inputs: &[&[f32]]) -> usize {
        inputs[0].len()
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32], _: &mut Buffers) {
        self.norm(inputs).run(inputs[0], out);
    }

    fn reads(&self, _: usize, _: &[bool]) -> bool {
        true
    }

    fn backward(&self, inputs: &[&[f32]], grad: &[f32], targets: &mut [Option<&mut [f32]>], buffers: &mut Buffers) {
        with_all_targets(inputs, targets, buffers, |out, affine| {
            self.norm(inputs).gradients(inputs[0], grad, out, affine);
        });
    }
}

/// A norm's kernel computes the gradients of the map, the weight and the bias in one pass: those that are not wanted go to memory that is
/// given back.
fn with_all_targets(
    inputs: &[&[f32]],
    targets: &mut [Option<&mut [f32]>],
    buffers: &mut Buffers,
    run: impl FnOnce(&mut [f32], &mut Affine<'_>),
) {
    let [out, weight, bias] = targets else { return };
    let mut spare = [&*out, weight, bias].map(Option::is_some).map(|there| if there { 0 } else { 1 });
    spare.iter_mut().zip(inputs).for_each(|(len, input)| *len *= input.len());
    let mut spare = spare.map(|len| if len == 0 { Vec::new() } else { buffers.take(len) });
    let [spare_out, spare_weight, spare_bias] = &mut spare;
    let (weight, bias) = (weight.as_deref_mut().unwrap_or(spare_weight), bias.as_deref_mut().unwrap_or(spare_bias));
    weight.fill(0.0);
    bias.fill(0.0);
    run(out.as_deref_mut().unwrap_or(spare_out), &mut Affine { weight, bias });
    spare.into_iter().filter(|buffer| !buffer.is_empty()).for_each(|buffer| buffers.give(buffer));
}
