//! A step of AdamW, with the exponential moving average (EMA) of the weights.
//!
//! Tests: `trainer/src/train/optimizer.rs` compares it with burn's AdamW.

use pulp::{Simd, WithSimd};

use crate::simd::vectorized;

/// The factors of one AdamW step (arXiv 1711.05101, algorithm 2).
#[derive(Debug, Clone, Copy)]
pub struct AdamW {
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// The moments are divided by these, 1 - β^t.
    pub bias_corrections: [f32; 2],
    /// The learning rate.
    pub lr: f32,
    /// Weights are multiplied by it: 1 - lr · weight decay.
    pub weight_factor: f32,
}

/// A part of the parameters, with the state of each. All slices have the same length.
#[derive(Debug)]
pub struct Parameters<'a> {
    /// The weights.
    pub weights: &'a mut [f32],
    /// First moment: the moving average of the gradients.
    pub moment_1: &'a mut [f32],
    /// Second moment: the moving average of their squares.
    pub moment_2: &'a mut [f32],
    /// EMA of the weights.
    pub ema: &'a mut [f32],
}

impl AdamW {
    /// Steps by `scale` times the gradients; then `ema = ema_decay · ema + (1 - ema_decay) · weights`.
    pub fn step(self, gradients: &[f32], scale: f32, ema_decay: f32, parameters: Parameters<'_>) {
        vectorized(Step { factors: self, gradients, scale, ema_decay, parameters });
    }
}

struct Step<'a> {
    factors: AdamW,
    gradients: &'a [f32],
    scale: f32,
    ema_decay: f32,
    parameters: Parameters<'a>,
}

impl WithSimd for Step<'_> {
    type Output = ();

    // The compiler vectorizes this loop.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { factors, gradients, scale, ema_decay, parameters } = self;
        let AdamW { beta_1, beta_2, epsilon, bias_corrections, lr, weight_factor } = factors;
        let Parameters { weights, moment_1, moment_2, ema } = parameters;
        let weights = weights.iter_mut().zip(ema);
        let moments = moment_1.iter_mut().zip(moment_2);
        for ((gradient, (weight, ema)), (first, second)) in gradients.iter().zip(weights).zip(moments) {
            let gradient = gradient * scale;
            *first = *first * beta_1 + gradient * (1.0 - beta_1);
            *second = *second * beta_2 + gradient * gradient * (1.0 - beta_2);
            let delta = (*first / bias_corrections[0]) / ((*second / bias_corrections[1]).sqrt() + epsilon);
            *weight = *weight * weight_factor - delta * lr;
            *ema = *ema * ema_decay + *weight * (1.0 - ema_decay);
        }
    }
}
