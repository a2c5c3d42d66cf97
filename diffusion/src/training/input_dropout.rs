//! Dropout of the inputs of an adapter (`lora_dropout`).
//!
//! Tests: in `tests/it/training.rs`, `tests/it/adapter_run.rs`.

use std::collections::BTreeMap;

use crate::noise::NoiseSource;
use crate::state::{HostTensor, StateDict};

/// Which inputs a job drops: each input feature of each adapted module with `probability` from what the adapter makes of it,
/// and the others are scaled up in return: `x Wᵀ + (x ∘ m) (W' - W)ᵀ`, m from {0, 1 / (1 - probability)}.
///
/// PEFT draws m for every token or pixel of every picture. Here the adapter is part of the weights, so m is drawn once for
/// each adapted module and job, in the order of the modules' paths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Above 0 and below 1.
    pub probability: f32,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Their stream.
    pub stream: u64,
}

/// m of each weight by its name, one factor for each input.
pub type Masks = BTreeMap<String, Vec<f32>>;

impl Dropout {
    /// Draws the masks of these weights, `[out, in]` or `[out, in, h, w]`. Biases and norms have no inputs.
    pub(super) fn masks<'a>(&self, weights: impl IntoIterator<Item = (&'a String, &'a HostTensor)>) -> Masks {
        let mut noise = NoiseSource::with_stream(self.seed, self.stream);
        let kept = 1.0 / (1.0 - self.probability);
        let mut masks = Masks::new();
        for (name, weight) in weights {
            if let [_, inputs] | [_, inputs, _, _] = weight.shape[..] {
                let mask = (0..inputs).map(|_| if noise.uniform() < self.probability { 0.0 } else { kept });
                masks.insert(name.clone(), mask.collect());
            }
        }
        masks
    }
}

/// The changed weights as a job sees them.
pub fn drop_inputs(changed: &StateDict, pristine: &StateDict, masks: &Masks) -> StateDict {
    let mut dropped = changed.clone();
    for (name, weight) in &mut dropped {
        if let (Some(mask), Some(pristine)) = (masks.get(name), pristine.get(name)) {
            multiply(weight, mask, |changed, i, factor| (changed - pristine.values[i]) * factor + pristine.values[i]);
        }
    }
    dropped
}

/// The gradients of the changed weights, from those of the weights that a job saw.
pub fn mask_gradients(gradients: &mut StateDict, masks: &Masks) {
    for (name, gradient) in gradients {
        if let Some(mask) = masks.get(name) {
            multiply(gradient, mask, |gradient, _, factor| gradient * factor);
        }
    }
}

/// Makes every value what `change` makes of it, its index and its input's factor.
fn multiply(tensor: &mut HostTensor, mask: &[f32], change: impl Fn(f32, usize, f32) -> f32) {
    let kernel = tensor.shape.iter().skip(2).product::<usize>().max(1);
    for (i, value) in tensor.values.iter_mut().enumerate() {
        *value = change(*value, i, mask[i / kernel % mask.len()]);
    }
}
