//! (IA)³, learnt factors of a layer's inputs or outputs (arXiv 2205.05638, section 3.3).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::sides;

/// `diag(l) W` and `l ∘ bias`, or `W diag(l)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ia3 {
    /// l, `[out]` or `[in]`: what the layer's outputs or inputs are multiplied with.
    pub factors: HostTensor,
    /// Whether they are those of the inputs.
    pub on_inputs: bool,
    /// Whether factors of outputs are the bias', too, as in PEFT, and not in LyCORIS.
    pub with_bias: bool,
}

impl Ia3 {
    /// Multiplies weight and bias.
    pub(super) fn apply(&self, weight: &mut HostTensor, bias: Option<&mut HostTensor>) {
        let (_, columns) = sides(weight);
        let l = &self.factors.values;
        // Of a convolution all entries of a kernel belong to one input.
        let kernel = columns / l.len().max(1);
        for (row, values) in weight.values.chunks_exact_mut(columns).enumerate() {
            for (column, value) in values.iter_mut().enumerate() {
                *value *= if self.on_inputs { l[column / kernel] } else { l[row] };
            }
        }
        if let Some(bias) = bias.filter(|_| self.with_bias && !self.on_inputs) {
            bias.values.iter_mut().zip(l).for_each(|(bias, l)| *bias *= l);
        }
    }

    /// The gradient of l, from those of weight and bias, which began as `weight` and `bias`.
    pub(super) fn gradient(&self, weight: &HostTensor, bias: Option<&HostTensor>, grads: [&[f32]; 2]) -> Vec<f32> {
        let (_, columns) = sides(weight);
        let mut out = vec![0.0; self.factors.values.len()];
        let kernel = columns / out.len().max(1);
        for (i, (grad, value)) in grads[0].iter().zip(&weight.values).enumerate() {
            out[if self.on_inputs { i % columns / kernel } else { i / columns }] += grad * value;
        }
        if let Some(bias) = bias.filter(|_| self.with_bias && !self.on_inputs) {
            out.iter_mut().zip(grads[1].iter().zip(&bias.values)).for_each(|(out, (grad, bias))| *out += grad * bias);
        }
        out
    }
}
