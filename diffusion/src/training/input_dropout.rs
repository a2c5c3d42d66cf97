//! Dropout of the inputs of an adapter (`lora_dropout`).
//!
//! Tests: in `tests/it/training.rs`, `tests/it/adapter_run.rs`.

use std::collections::BTreeMap;

use cpu_kernels::vectors::{scale, scale_each, scale_each_from, scale_from};

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
            let kernel = kernel(weight);
            let row = (mask.len() * kernel).max(1);
            for (weight, pristine) in weight.values.chunks_exact_mut(row).zip(pristine.values.chunks_exact(row)) {
                match kernel {
                    1 => scale_each_from(weight, mask, pristine),
                    kernel => {
                        let inputs = weight.chunks_exact_mut(kernel).zip(pristine.chunks_exact(kernel));
                        inputs.zip(mask).for_each(|((weight, pristine), factor)| scale_from(weight, *factor, pristine));
                    }
                }
            }
        }
    }
    dropped
}

/// The gradients of the changed weights, from those of the weights that a job saw.
pub fn mask_gradients(gradients: &mut StateDict, masks: &Masks) {
    for (name, gradient) in gradients {
        if let Some(mask) = masks.get(name) {
            let kernel = kernel(gradient);
            for row in gradient.values.chunks_exact_mut((mask.len() * kernel).max(1)) {
                match kernel {
                    1 => scale_each(row, mask),
                    kernel => {
                        row.chunks_exact_mut(kernel).zip(mask).for_each(|(values, factor)| scale(values, *factor))
                    }
                }
            }
        }
    }
}

/// Values of a weight for each of a row's inputs.
fn kernel(weight: &HostTensor) -> usize {
    weight.shape.iter().skip(2).product::<usize>().max(1)
}
