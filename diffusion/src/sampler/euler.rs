//! Euler's method in the variance-exploding form (arXiv 2206.00364, algorithm 1 without churn).
//!
//! Tests: `tests/it/samplers.rs`, `tests/it/scheduler_settings.rs`.

use crate::error::Result;
use crate::schedule::{InterpolationType, NoiseSchedule, PredictionType, TimestepSpacing, TimestepType, linspace};

use super::interface::Sampler;
use super::sigmas::{Sigmas, must_be_usable};
use super::timesteps::{as_f32, descending_linspace, leading, trailing};

#[derive(Debug)]
pub(super) struct Euler {
    prediction: PredictionType,
    timesteps: Vec<f32>,
    /// One per step, and where the last step lands.
    sigmas: Vec<f32>,
    init_noise_sigma: f32,
}

impl Euler {
    pub(super) fn new(schedule: &NoiseSchedule, steps: usize) -> Result<Self> {
        let (config, total) = (schedule.config(), schedule.num_train_timesteps());
        let all = Sigmas::of(schedule);
        let spacing = config.timestep_spacing.unwrap_or(TimestepSpacing::Linspace);
        let mut timesteps: Vec<f32> = match spacing {
            TimestepSpacing::Linspace => descending_linspace(total - 1, steps).iter().map(|&t| t as f32).collect(),
            TimestepSpacing::Leading => as_f32(&leading(0..steps, total / steps, config.steps_offset)),
            TimestepSpacing::Trailing => as_f32(&trailing(total, total, steps)),
        };
        let mut exact: Vec<f64> = match config.interpolation_type {
            InterpolationType::Linear => timesteps.iter().map(|&t| all.at(t)).collect(),
            // One more than there are steps, as in diffusers: the last step lands on the sigma of the first timestep.
            InterpolationType::LogLinear => linspace(all.logarithms()[total - 1], all.logarithms()[0], steps + 1)
                .into_iter()
                .map(|logarithm| f64::from(libm::expf(logarithm)))
                .collect(),
        };
        if let Some(respaced) = Sigmas::respaced(config, exact[0], exact[exact.len() - 1], timesteps.len())? {
            timesteps = respaced.iter().map(|&sigma| all.timestep(sigma) as f32).collect();
            exact = respaced;
        }
        let mut sigmas: Vec<f32> = exact.into_iter().map(|sigma| sigma as f32).collect();
        sigmas.push(all.last(config));
        must_be_usable(&sigmas, &timesteps, schedule)?;
        let prediction = config.prediction_type;
        if config.timestep_type == TimestepType::Continuous && prediction == PredictionType::VPrediction {
            timesteps = sigmas[..timesteps.len()].iter().map(|&sigma| 0.25 * libm::logf(sigma)).collect();
        }
        let largest = sigmas.iter().copied().fold(0.0, f32::max);
        let init_noise_sigma =
            if spacing == TimestepSpacing::Leading { (largest * largest + 1.0).sqrt() } else { largest };
        Ok(Self { prediction, timesteps, sigmas, init_noise_sigma })
    }
}

impl Sampler for Euler {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn init_noise_sigma(&self) -> f32 {
        self.init_noise_sigma
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
