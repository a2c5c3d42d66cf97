//! AdamW (arXiv 1711.05101, algorithm 2) on all trained parameters as one vector, and the exponential moving average (EMA) of
//! the weights after each step, which is what is saved, sampled and shipped.
//!
//! Tests: here for the decay; `trainer/src/train/optimizer.rs` compares steps with burn's.

use cpu_kernels::optimizer::{AdamW, Parameters};

/// Decay of AdamW's moments.
pub const BETAS: [f32; 2] = [0.9, 0.999];
/// Added to the root of the second moment.
pub const EPSILON: f32 = 1e-8;

/// The weights with the optimizer's state, all `[len]` in the layout of a [`Layout`](super::Layout).
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// The weights.
    pub weights: Vec<f32>,
    /// Their exponential moving average.
    pub ema: Vec<f32>,
    /// AdamW's first moment: the moving average of the gradients.
    pub moment_1: Vec<f32>,
    /// AdamW's second moment: the moving average of their squares.
    pub moment_2: Vec<f32>,
}

impl Vectors {
    /// Those that training begins with.
    pub fn new(weights: Vec<f32>) -> Self {
        let zeros = vec![0.0; weights.len()];
        Self { ema: weights.clone(), weights, moment_1: zeros.clone(), moment_2: zeros }
    }

    /// All of them, to be stepped together.
    pub fn parameters(&mut self) -> Parameters<'_> {
        let Self { weights, ema, moment_1, moment_2 } = self;
        Parameters { weights, moment_1, moment_2, ema }
    }
}

/// The factors of the step after `steps_done` steps.
pub fn factors(lr: f64, weight_decay: f32, steps_done: usize) -> AdamW {
    AdamW {
        beta_1: BETAS[0],
        beta_2: BETAS[1],
        epsilon: EPSILON,
        bias_corrections: BETAS.map(|beta| 1.0 - beta.powi(steps_done as i32 + 1)),
        lr: lr as f32,
        weight_factor: (1.0 - lr * f64::from(weight_decay)) as f32,
    }
}

/// The decay of the EMA in a step, after `steps_done` steps.
///
/// It grows from 0.1 to `limit` (`ema_decay`): an average that began at random weights would remember them for long. The
/// same warm-up as TensorFlow's `ExponentialMovingAverage` with `num_updates`.
pub fn ema_decay(limit: f64, steps_done: usize) -> f64 {
    let done = steps_done as f64;
    limit.min((1.0 + done) / (10.0 + done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decay_grows_to_its_limit_and_0_keeps_the_weights() {
        assert_eq!([0, 1, 2].map(|step| ema_decay(0.9, step)), [0.1, 2.0 / 11.0, 3.0 / 12.0]);
        assert_eq!(ema_decay(0.9, 1_000_000), 0.9);
        assert_eq!(ema_decay(0.0, 5), 0.0);
    }
}
