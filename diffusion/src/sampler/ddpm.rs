//! Ancestral sampling (arXiv 2006.11239), with the posterior of the timesteps actually visited.
//!
//! Tests: `tests/it/samplers.rs`.

use crate::prediction::{clip, predict};
use crate::schedule::NoiseSchedule;

use super::interface::Sampler;
use super::timesteps::{as_f32, leading_timesteps};

#[derive(Debug)]
pub(super) struct Ddpm {
    schedule: NoiseSchedule,
    visited: Vec<usize>,
    timesteps: Vec<f32>,
}

impl Ddpm {
    pub(super) fn new(schedule: &NoiseSchedule, steps: usize) -> Self {
        let visited = leading_timesteps(schedule, steps);
        Self { schedule: schedule.clone(), timesteps: as_f32(&visited), visited }
    }
}

impl Sampler for Ddpm {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn signal_and_noise(&self, index: usize) -> (f32, f32) {
        self.schedule.signal_and_noise(self.visited[index])
    }

    fn needs_noise(&self, index: usize) -> bool {
        self.visited[index] > 0
    }

    fn step(&mut self, index: usize, model_output: &[f32], sample: &mut [f32], noise: &[f32]) -> Vec<f32> {
        let config = self.schedule.config();
        let abar = |t: usize| self.schedule.alphas_cumprod()[t];
        let abar_t = abar(self.visited[index]);
        let abar_prev = self.visited.get(index + 1).map_or(1.0, |&t| abar(t));
        let (beta_bar, beta_bar_prev) = (1.0 - abar_t, 1.0 - abar_prev);
        let alpha = abar_t / abar_prev;
        let beta = 1.0 - alpha;

        let mut original =
            predict(config.prediction_type, model_output, sample, abar_t.sqrt(), beta_bar.sqrt()).original;
        if config.clip_sample {
            clip(&mut original);
        }
        // Mean of q(x_{t-1} | x_t, x_0), eq. 7.
        let of_original = abar_prev.sqrt() * beta / beta_bar;
        let of_sample = alpha.sqrt() * beta_bar_prev / beta_bar;
        for (x, x0) in sample.iter_mut().zip(&original) {
            *x = of_original * x0 + of_sample * *x;
        }
        if !noise.is_empty() {
            let deviation = (beta_bar_prev / beta_bar * beta).max(1e-20).sqrt();
            for (x, z) in sample.iter_mut().zip(noise) {
                *x += deviation * z;
            }
        }
        original
    }
}
