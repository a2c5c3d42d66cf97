//! Denoising diffusion implicit models (arXiv 2010.02502, eq. 12).
//!
//! Tests: `tests/it/samplers.rs`, `tests/it/scheduler_settings.rs`.

use crate::error::Result;
use crate::prediction::{Limit, Predicted, predict};
use crate::schedule::NoiseSchedule;

use super::interface::Sampler;
use super::timesteps::{as_f32, whole_timesteps};

#[derive(Debug)]
pub(super) struct Ddim {
    schedule: NoiseSchedule,
    visited: Vec<usize>,
    timesteps: Vec<f32>,
    /// Timesteps from one step to the next: T/N whichever are visited, as in diffusers.
    stride: usize,
    limit: Limit,
    eta: f32,
}

impl Ddim {
    pub(super) fn new(schedule: &NoiseSchedule, steps: usize, len: usize, eta: f32) -> Result<Self> {
        let visited = whole_timesteps(schedule, steps)?;
        Ok(Self {
            timesteps: as_f32(&visited),
            visited,
            stride: schedule.num_train_timesteps() / steps,
            limit: Limit::of(schedule.config(), true, len),
            schedule: schedule.clone(),
            eta,
        })
    }

    /// abar of the timestep before, or what comes after the last step.
    fn previous(&self, timestep: usize) -> f32 {
        let abar = self.schedule.alphas_cumprod();
        match timestep.checked_sub(self.stride) {
            Some(previous) => abar[previous],
            None if self.schedule.config().set_alpha_to_one => 1.0,
            None => abar[0],
        }
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
        let abar_t = self.schedule.alphas_cumprod()[self.visited[index]];
        let abar_prev = self.previous(self.visited[index]);

        let Predicted { mut original, epsilon } =
            predict(config.prediction_type, model_output, sample, abar_t.sqrt(), (1.0 - abar_t).sqrt());
        self.limit.apply(&mut original);
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
