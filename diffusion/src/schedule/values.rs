//! The values of a noise schedule, timestep by timestep.
//!
//! Tests: `tests/it/schedules.rs`.

use super::betas::{betas, cumulative_products, rescale_zero_terminal_snr};
use super::config::ScheduleConfig;
use super::names::TimestepSpacing;

/// The values of a schedule, all f32 as in diffusers.
#[derive(Debug, Clone)]
pub struct NoiseSchedule {
    config: ScheduleConfig,
    betas: Vec<f32>,
    alphas_cumprod: Vec<f32>,
}

impl NoiseSchedule {
    /// Computes the betas and their cumulative products.
    pub fn new(config: ScheduleConfig) -> Self {
        let mut betas = betas(&config);
        if config.rescale_betas_zero_snr {
            betas = rescale_zero_terminal_snr(&betas);
        }
        let alphas_cumprod = cumulative_products(&betas);
        Self { config, betas, alphas_cumprod }
    }

    /// The same schedule whose samplers visit other timesteps.
    pub fn spaced(&self, spacing: TimestepSpacing) -> Self {
        let config = ScheduleConfig { timestep_spacing: Some(spacing), ..self.config.clone() };
        Self { config, ..self.clone() }
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &ScheduleConfig {
        &self.config
    }

    /// T.
    pub fn num_train_timesteps(&self) -> usize {
        self.betas.len()
    }

    /// beta_t, for t in `0..T`.
    pub fn betas(&self) -> &[f32] {
        &self.betas
    }

    /// abar_t = product of (1 - beta_s) for s <= t.
    pub fn alphas_cumprod(&self) -> &[f32] {
        &self.alphas_cumprod
    }

    /// (sqrt(abar_t), sqrt(1 - abar_t)): what is left of the picture, and how much noise.
    pub fn signal_and_noise(&self, timestep: usize) -> (f32, f32) {
        let abar = self.alphas_cumprod[timestep];
        (abar.sqrt(), (1.0 - abar).sqrt())
    }

    /// Signal-to-noise ratio abar / (1 - abar).
    pub fn snr(&self, timestep: usize) -> f32 {
        let abar = self.alphas_cumprod[timestep];
        abar / (1.0 - abar)
    }

    /// `x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps` (DDPM eq. 4) of one picture.
    pub fn add_noise(&self, original: &[f32], noise: &[f32], timestep: usize) -> Vec<f32> {
        let (signal, sigma) = self.signal_and_noise(timestep);
        original.iter().zip(noise).map(|(x, e)| signal * x + sigma * e).collect()
    }

    /// `v_t = sqrt(abar_t) eps - sqrt(1 - abar_t) x_0` of one picture.
    pub fn velocity(&self, original: &[f32], noise: &[f32], timestep: usize) -> Vec<f32> {
        let (signal, sigma) = self.signal_and_noise(timestep);
        original.iter().zip(noise).map(|(x, e)| signal * e - sigma * x).collect()
    }
}
