//! DPM-Solver++ (2M): second-order multistep in data prediction, midpoint form (arXiv 2211.01095, algorithm 2).
//!
//! Tests: `tests/it/samplers.rs`.

use crate::prediction::predict;
use crate::schedule::{NoiseSchedule, PredictionType};

use super::interface::Sampler;
use super::timesteps::{as_f32, descending_linspace, sigmas};

#[derive(Debug)]
pub(super) struct DpmPlusPlus2M {
    prediction: PredictionType,
    timesteps: Vec<f32>,
    /// One per step, and 0 at the end.
    sigmas: Vec<f32>,
    previous: Option<Vec<f32>>,
}

/// (alpha, sigma) of the variance-preserving process at a sigma of the exploding one.
fn alpha_sigma(sigma: f32) -> (f32, f32) {
    let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
    (alpha, sigma * alpha)
}

fn lambda(sigma: f32) -> f32 {
    let (alpha, sigma) = alpha_sigma(sigma);
    libm::logf(alpha) - libm::logf(sigma)
}

impl DpmPlusPlus2M {
    pub(super) fn new(schedule: &NoiseSchedule, steps: usize) -> Self {
        let mut visited: Vec<usize> =
            descending_linspace(schedule, steps + 1).into_iter().map(|t| t.round_ties_even() as usize).collect();
        visited.pop();
        let all = sigmas(schedule);
        let mut sigmas: Vec<f32> = visited.iter().map(|&t| all[t]).collect();
        sigmas.push(0.0);
        Self { prediction: schedule.config().prediction_type, timesteps: as_f32(&visited), sigmas, previous: None }
    }
}

impl Sampler for DpmPlusPlus2M {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn signal_and_noise(&self, index: usize) -> (f32, f32) {
        alpha_sigma(self.sigmas[index])
    }

    fn step(&mut self, index: usize, model_output: &[f32], sample: &mut [f32], _noise: &[f32]) -> Vec<f32> {
        let (here, next) = (self.sigmas[index], self.sigmas[index + 1]);
        let (alpha_here, sigma_here) = alpha_sigma(here);
        let (alpha_next, sigma_next) = alpha_sigma(next);
        let original = predict(self.prediction, model_output, sample, alpha_here, sigma_here).original;

        let is_last = index + 1 == self.timesteps.len();
        // At the end lambda is infinite and exp(-h) is 0: the step lands on x_0.
        let h = lambda(next) - lambda(here);
        let factor = alpha_next * (libm::expf(-h) - 1.0);
        let ratio = sigma_next / sigma_here;
        match (&self.previous, is_last) {
            (Some(previous), false) => {
                let r = (lambda(here) - lambda(self.sigmas[index - 1])) / h;
                for ((x, d0), m1) in sample.iter_mut().zip(&original).zip(previous) {
                    let d1 = (1.0 / r) * (d0 - m1);
                    *x = ratio * *x - factor * d0 - 0.5 * factor * d1;
                }
            }
            _ => {
                for (x, d0) in sample.iter_mut().zip(&original) {
                    *x = ratio * *x - factor * d0;
                }
            }
        }
        self.previous = Some(original.clone());
        original
    }
}
