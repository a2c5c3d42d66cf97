//! Euler's method in the variance-exploding form (arXiv 2206.00364, algorithm 1 without churn).
//!
//! Tests: `tests/it/samplers.rs`.

use crate::schedule::{NoiseSchedule, PredictionType};

use super::interface::Sampler;
use super::timesteps::{descending_linspace, sigmas};

#[derive(Debug)]
pub(super) struct Euler {
    prediction: PredictionType,
    timesteps: Vec<f32>,
    /// One per step, and 0 at the end.
    sigmas: Vec<f32>,
}

impl Euler {
    pub(super) fn new(schedule: &NoiseSchedule, steps: usize) -> Self {
        let all = sigmas(schedule);
        let timesteps: Vec<f32> = descending_linspace(schedule, steps).iter().map(|&t| t as f32).collect();
        let mut sigmas: Vec<f32> = timesteps
            .iter()
            .map(|&t| {
                // Linear in between, in f64 as numpy.interp does.
                let below = (t as usize).min(all.len() - 1);
                let above = (below + 1).min(all.len() - 1);
                let (low, high) = (f64::from(all[below]), f64::from(all[above]));
                ((high - low) * (f64::from(t) - below as f64) + low) as f32
            })
            .collect();
        sigmas.push(0.0);
        Self { prediction: schedule.config().prediction_type, timesteps, sigmas }
    }
}

impl Sampler for Euler {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        self.sigmas.iter().copied().fold(0.0, f32::max)
    }

    fn input_scale(&self, index: usize) -> f32 {
        let sigma = self.sigmas[index];
        1.0 / (sigma * sigma + 1.0).sqrt()
    }

    fn signal_and_noise(&self, index: usize) -> (f32, f32) {
        let signal = self.input_scale(index);
        (signal, self.sigmas[index] * signal)
    }

    fn step(&mut self, index: usize, model_output: &[f32], sample: &mut [f32], _noise: &[f32]) -> Vec<f32> {
        let (sigma, next) = (self.sigmas[index], self.sigmas[index + 1]);
        let original: Vec<f32> = match self.prediction {
            PredictionType::Epsilon => sample.iter().zip(model_output).map(|(x, o)| x - sigma * o).collect(),
            PredictionType::Sample => model_output.to_vec(),
            PredictionType::VPrediction => {
                let variance = sigma * sigma + 1.0;
                let of_output = -sigma / variance.sqrt();
                sample.iter().zip(model_output).map(|(x, o)| o * of_output + x / variance).collect()
            }
        };
        for (x, x0) in sample.iter_mut().zip(&original) {
            *x += (*x - x0) / sigma * (next - sigma);
        }
        original
    }
}
