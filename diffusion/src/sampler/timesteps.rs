//! Which timesteps a sampler visits, as diffusers' schedulers space them.
//!
//! Tests: `tests/it/samplers.rs`.

use crate::schedule::NoiseSchedule;

/// diffusers' "leading" spacing: multiples of T/N, largest first.
pub(super) fn leading_timesteps(schedule: &NoiseSchedule, steps: usize) -> Vec<usize> {
    let ratio = schedule.num_train_timesteps() / steps;
    (0..steps).rev().map(|i| i * ratio).collect()
}

/// `n` values from 0 to T - 1, largest first, in f64 as numpy computes them.
pub(super) fn descending_linspace(schedule: &NoiseSchedule, n: usize) -> Vec<f64> {
    let last = (schedule.num_train_timesteps() - 1) as f64;
    if n == 1 {
        return vec![0.0];
    }
    let step = last / (n - 1) as f64;
    (0..n).rev().map(|i| if i == n - 1 { last } else { i as f64 * step }).collect()
}

/// sigma = sqrt((1 - abar) / abar) of every timestep.
pub(super) fn sigmas(schedule: &NoiseSchedule) -> Vec<f32> {
    schedule.alphas_cumprod().iter().map(|abar| ((1.0 - abar) / abar).sqrt()).collect()
}

pub(super) fn as_f32(timesteps: &[usize]) -> Vec<f32> {
    timesteps.iter().map(|&t| t as f32).collect()
}
