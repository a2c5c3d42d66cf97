//! Ancestral sampling (arXiv 2006.11239), with the posterior of the timesteps actually visited.
//!
//! Tests: `tests/it/samplers.rs`, `tests/it/scheduler_settings.rs`.

use crate::error::{ConfigError, Result};
use crate::prediction::{Limit, predict};
use crate::schedule::{NoiseSchedule, refuse};

use super::interface::Sampler;
use super::timesteps::{as_f32, whole_timesteps};

#[derive(Debug)]
pub(super) struct Ddpm {
    schedule: NoiseSchedule,
    visited: Vec<usize>,
    timesteps: Vec<f32>,
    /// Whether the noise is that of the forward process, beta, not that of the posterior.
    large: bool,
    limit: Limit,
}

impl Ddpm {
    pub(super) fn new(schedule: &NoiseSchedule, steps: usize, len: usize) -> Result<Self> {
        let config = schedule.config();
        let large = match config.variance_type.as_str() {
            "fixed_small" | "fixed_small_log" => false,
            "fixed_large" => true,
            // "learned" ones need a network with twice the channels; "fixed_large_log" is the root of a logarithm below 0.
            other => {
                return refuse(ConfigError::Sampler {
                    sampler: "ddpm",
                    key: "variance_type",
                    found: format!("\"{other}\""),
                    accepted: "\"fixed_small\", \"fixed_small_log\", \"fixed_large\"",
                });
            }
        };
        let visited = whole_timesteps(schedule, steps)?;
        let limit = Limit::of(config, true, len);
        Ok(Self { schedule: schedule.clone(), timesteps: as_f32(&visited), visited, large, limit })
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
        self.limit.apply(&mut original);
        // Mean of q(x_{t-1} | x_t, x_0), eq. 7.
        let of_original = abar_prev.sqrt() * beta / beta_bar;
        let of_sample = alpha.sqrt() * beta_bar_prev / beta_bar;
        for (x, x0) in sample.iter_mut().zip(&original) {
            *x = of_original * x0 + of_sample * *x;
        }
        if !noise.is_empty() {
            let variance = if self.large { beta } else { (beta_bar_prev / beta_bar * beta).max(1e-20) };
            let deviation = variance.sqrt();
            for (x, z) in sample.iter_mut().zip(noise) {
                *x += deviation * z;
            }
        }
        original
    }
}
