//! An optimizer's step.

use pulp::{Simd, WithSimd};

use crate::simd::vectorized;

/// AdamW's factors in one step (arXiv 1711.05101, algorithm 2).
#[derive(Debug, Clone, Copy)]
pub struct AdamW {
    /// Decay of the gradients' average.
    pub beta_1: f32,
    /// Decay of their squares' average.
    pub beta_2: f32,
    /// Added to the root of the squares' average.
    pub epsilon: f32,
    /// What the averages are divided by, 1 - β^t.
    pub corrections: [f32; 2],
    /// The learning rate.
    pub lr: f32,
    /// What weights are multiplied by, 1 - lr · weight decay.
    pub kept: f32,
}

/// A part of the parameters, with what is kept of each.
#[derive(Debug)]
pub struct Parameters<'a> {
    /// The weights.
    pub weights: &'a mut [f32],
    /// The gradients' average.
    pub moment_1: &'a mut [f32],
    /// Their squares' average.
    pub moment_2: &'a mut [f32],
    /// The weights' exponential moving average.
    pub average: &'a mut [f32],
}

impl AdamW {
    /// Takes `scale` times the gradients; then `average = decay · average + (1 - decay) · weights`.
    pub fn step(self, gradients: &[f32], scale: f32, decay: f32, parameters: Parameters<'_>) {
        vectorized(Step { factors: self, gradients, scale, decay, parameters });
    }
}

struct Step<'a> {
    factors: AdamW,
    gradients: &'a [f32],
    scale: f32,
    decay: f32,
    parameters: Parameters<'a>,
}

impl WithSimd for Step<'_> {
    type Output = ();

    // The compiler makes vectors of this by itself.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { factors, gradients, scale, decay, parameters } = self;
        let AdamW { beta_1, beta_2, epsilon, corrections, lr, kept } = factors;
        let Parameters { weights, moment_1, moment_2, average } = parameters;
        let weights = weights.iter_mut().zip(average);
        let moments = moment_1.iter_mut().zip(moment_2);
        for ((gradient, (weight, average)), (first, second)) in gradients.iter().zip(weights).zip(moments) {
            let gradient = gradient * scale;
            *first = *first * beta_1 + gradient * (1.0 - beta_1);
            *second = *second * beta_2 + gradient * gradient * (1.0 - beta_2);
            let delta = (*first / corrections[0]) / ((*second / corrections[1]).sqrt() + epsilon);
            *weight = *weight * kept - delta * lr;
            *average = *average * decay + *weight * (1.0 - decay);
        }
    }
}
