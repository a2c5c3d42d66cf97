//! Denoising diffusion implicit models (arXiv 2010.02502, eq. 12).
//!
//! Tests: `tests/it/samplers.rs`.

use crate::prediction::{Predicted, clip, predict};
use crate::schedule::NoiseSchedule;

use super::interface::Sampler;
use super::timesteps::{as_f32, leading_timesteps};

#[derive(Debug)]
pub(super) struct Ddim {
    schedule: NoiseSchedule,
    visited: Vec<usize>,
    timesteps: Vec<f32>,
    eta: f32,
}

impl Ddim {
    pub(super) fn new(schedule: &NoiseSchedule, steps: usize, eta: f32) -> Self {
        let visited = leading_timesteps(schedule, steps);
        Self { schedule: schedule.clone(), timesteps: as_f32(&visited), visited, eta }
    }
}

impl Sampler for Ddim {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn signal_and_noise(&self, index: usize) -> (f32, f32) {
        self.schedule.signal_and_noise(self.visited[index])
    }

    fn needs_noise(&self, index: usize) -> bool {
        self.eta > 0.0 && self.visited[index] > 0
    }

    fn step(&mut self, index: usize, model_output: &[f32], sample: &mut [f32], noise: &[f32]) -> Vec<f32> {
        let config = self.schedule.config();
        let abar = self.schedule.alphas_cumprod();
        let abar_t = abar[self.visited[index]];
        let abar_prev = self.visited.get(index + 1).map_or(1.0, |&t| abar[t]);

        let Predicted { mut original, epsilon } =
            predict(config.prediction_type, model_output, sample, abar_t.sqrt(), (1.0 - abar_t).sqrt());
        if config.clip_sample {
            clip(&mut original);
        }
        let variance = (1.0 - abar_prev) / (1.0 - abar_t) * (1.0 - abar_t / abar_prev);
        let deviation = self.eta * variance.sqrt();
        let direction = (1.0 - abar_prev - deviation * deviation).max(0.0).sqrt();
        for ((x, x0), e) in sample.iter_mut().zip(&original).zip(&epsilon) {
            *x = abar_prev.sqrt() * x0 + direction * e;
        }
        for (x, z) in sample.iter_mut().zip(noise) {
            *x += deviation * z;
        }
        original
    }
}
