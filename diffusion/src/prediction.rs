//! From what the network predicts to x_0 and the noise, in one place, so that samplers never branch on it.
//!
//! Tests: `tests/it/samplers.rs`.

use crate::schedule::PredictionType;

/// x_0 and eps of one step.
#[derive(Debug)]
pub struct Predicted {
    /// The predicted clean picture.
    pub original: Vec<f32>,
    /// The predicted noise.
    pub epsilon: Vec<f32>,
}

/// Solves `x_t = signal x_0 + sigma eps` for what the network did not predict
/// (signal = sqrt(abar), sigma = sqrt(1 - abar); v = signal eps - sigma x_0).
pub fn predict(kind: PredictionType, output: &[f32], sample: &[f32], signal: f32, sigma: f32) -> Predicted {
    let both = |original: fn(f32, f32, f32, f32) -> f32, epsilon: fn(f32, f32, f32, f32) -> f32| Predicted {
        original: output.iter().zip(sample).map(|(&o, &x)| original(o, x, signal, sigma)).collect(),
        epsilon: output.iter().zip(sample).map(|(&o, &x)| epsilon(o, x, signal, sigma)).collect(),
    };
    match kind {
        PredictionType::Epsilon => both(|o, x, signal, sigma| (x - sigma * o) / signal, |o, _, _, _| o),
        PredictionType::Sample => both(|o, _, _, _| o, |o, x, signal, sigma| (x - signal * o) / sigma),
        PredictionType::VPrediction => {
            both(|o, x, signal, sigma| signal * x - sigma * o, |o, x, signal, sigma| signal * o + sigma * x)
        }
    }
}

/// Keeps values within ±1.
pub fn clip(values: &mut [f32]) {
    for value in values {
        *value = value.clamp(-1.0, 1.0);
    }
}
