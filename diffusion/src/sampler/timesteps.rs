//! Which timesteps a sampler visits, as diffusers' schedulers space them.
//!
//! Tests: `tests/it/samplers.rs`, `tests/it/scheduler_settings.rs`.

use crate::error::{ConfigError, Result};
use crate::schedule::{NoiseSchedule, PredictionType, TimestepSpacing, refuse};

/// The timesteps of DDPM and DDIM, each of which must exist.
pub(super) fn whole_timesteps(schedule: &NoiseSchedule, steps: usize) -> Result<Vec<usize>> {
    let (config, total) = (schedule.config(), schedule.num_train_timesteps());
    let visited: Vec<usize> = match config.timestep_spacing.unwrap_or(TimestepSpacing::Leading) {
        TimestepSpacing::Linspace => rounded(&descending_linspace(total - 1, steps)),
        TimestepSpacing::Leading => leading(0..steps, total / steps, config.steps_offset),
        TimestepSpacing::Trailing => trailing(total, total, steps),
    };
    if let Some(past) = visited.first().filter(|first| **first >= total) {
        let reason = format!(
            "with steps_offset {} and {steps} steps the first timestep would be {past}, past the last, {}; choose another \
             number of steps",
            config.steps_offset,
            total - 1
        );
        return refuse(ConfigError::Invalid { reason });
    }
    for (index, &t) in visited.iter().enumerate() {
        let abar = schedule.alphas_cumprod()[t];
        let blind = abar == 0.0 && (index > 0 || config.prediction_type == PredictionType::Epsilon);
        if blind || abar >= 1.0 {
            let what = if blind { "picture" } else { "noise" };
            return refuse(nothing_left(what, t, config.prediction_type));
        }
    }
    Ok(visited)
}

/// The betas leave nothing to compute with.
pub(super) fn nothing_left(what: &str, timestep: usize, prediction: PredictionType) -> ConfigError {
    let prediction = prediction.name();
    let reason = format!(
        "with these betas there is no {what} at timestep {timestep}, so \"{prediction}\" cannot be solved for it; choose \
         another sampler, timestep_spacing or betas"
    );
    ConfigError::Invalid { reason }
}

pub(super) fn rounded(timesteps: &[f64]) -> Vec<usize> {
    timesteps.iter().map(|t| t.round_ties_even() as usize).collect()
}

/// Multiples of a ratio, largest first.
pub(super) fn leading(multiples: std::ops::Range<usize>, ratio: usize, offset: usize) -> Vec<usize> {
    multiples.rev().map(|i| (i * ratio).saturating_add(offset)).collect()
}

/// Multiples of total/steps counted down from `start`, less one, as numpy.arange steps. Where rounding gives it one value
/// too many, diffusers goes on to timestep -1; here that one is left out.
pub(super) fn trailing(start: usize, total: usize, steps: usize) -> Vec<usize> {
    let (start, ratio) = (start as f64, total as f64 / steps as f64);
    let step = (start - ratio) - start;
    let count = (start / ratio).ceil() as usize;
    let counted = (0..count).map(|i| (start + i as f64 * step).round_ties_even());
    counted.filter(|t| *t >= 1.0).map(|t| t as usize - 1).collect()
}

/// `n` values from 0 to `last`, largest first, in f64 as numpy computes them.
pub(super) fn descending_linspace(last: usize, n: usize) -> Vec<f64> {
    let last = last as f64;
    if n == 1 {
        return vec![0.0];
    }
    let step = last / (n - 1) as f64;
    (0..n).rev().map(|i| if i == n - 1 { last } else { i as f64 * step }).collect()
}

pub(super) fn as_f32(timesteps: &[usize]) -> Vec<f32> {
    timesteps.iter().map(|&t| t as f32).collect()
}
