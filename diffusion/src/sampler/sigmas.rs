//! The noise levels of Euler and DPM-Solver, `sigma = sqrt((1 - abar) / abar)`, and other spacings of them.
//!
//! Tests: `tests/it/samplers.rs`, `tests/it/scheduler_settings.rs`.

use crate::error::{ConfigError, Result};
use crate::schedule::{FinalSigmasType, NoiseSchedule, ScheduleConfig, refuse};

use super::beta::beta_quantile;
use super::timesteps::nothing_left;

/// The sigmas of every timestep.
#[derive(Debug)]
pub(super) struct Sigmas {
    all: Vec<f32>,
    logarithms: Vec<f32>,
}

impl Sigmas {
    pub(super) fn of(schedule: &NoiseSchedule) -> Self {
        let mut abar = schedule.alphas_cumprod().to_vec();
        if let Some(last) = abar.last_mut().filter(|last| schedule.config().rescale_betas_zero_snr || **last == 0.0) {
            // As diffusers does: next to nothing of the picture, so that sigma is not infinite.
            *last = 1.0 / 16_777_216.0;
        }
        let all: Vec<f32> = abar.iter().map(|abar| ((1.0 - abar) / abar).sqrt()).collect();
        let logarithms = all.iter().map(|&sigma| libm::log(f64::from(sigma)) as f32).collect();
        Self { all, logarithms }
    }

    pub(super) fn all(&self) -> &[f32] {
        &self.all
    }

    /// log(sigma), ascending with the timestep.
    pub(super) fn logarithms(&self) -> &[f32] {
        &self.logarithms
    }

    /// Linear in between, in f64 as numpy.interp does.
    pub(super) fn at(&self, timestep: f32) -> f64 {
        let last = self.all.len() - 1;
        let below = (timestep as usize).min(last);
        let above = (below + 1).min(last);
        let (low, high) = (f64::from(self.all[below]), f64::from(self.all[above]));
        (high - low) * (f64::from(timestep) - below as f64) + low
    }

    /// The timestep of a sigma, linear between logarithms.
    pub(super) fn timestep(&self, sigma: f64) -> f64 {
        let logarithm = libm::log(sigma.max(1e-10));
        let below = self.logarithms.iter().rposition(|&other| logarithm >= f64::from(other)).unwrap_or(0);
        let below = below.min(self.logarithms.len() - 2);
        let (low, high) = (self.logarithms[below], self.logarithms[below + 1]);
        let share = (f64::from(low) - logarithm) / f64::from(low - high);
        // Where two timesteps have the same sigma it is the first.
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        (1.0 - share) * below as f64 + share * (below + 1) as f64
    }

    /// What comes after the last step.
    pub(super) fn last(&self, config: &ScheduleConfig) -> f32 {
        match config.final_sigmas_type {
            FinalSigmasType::Zero => 0.0,
            FinalSigmasType::SigmaMin => self.all[0],
        }
    }

    /// `n` sigmas of the spacing that the configuration asks for between the largest and the smallest, if it asks for one.
    pub(super) fn respaced(config: &ScheduleConfig, largest: f64, smallest: f64, n: usize) -> Result<Option<Vec<f64>>> {
        let spacings = [
            ("use_karras_sigmas", config.use_karras_sigmas),
            ("use_exponential_sigmas", config.use_exponential_sigmas),
            ("use_beta_sigmas", config.use_beta_sigmas),
        ];
        let mut chosen = spacings.iter().filter(|(_, chosen)| *chosen);
        let Some((first, _)) = chosen.next() else { return Ok(None) };
        if let Some((second, _)) = chosen.next() {
            let reason = format!("{first} and {second} exclude one another: set one of them to false");
            return refuse(ConfigError::Invalid { reason });
        }
        let (low, high) = (config.sigma_min.unwrap_or(smallest), config.sigma_max.unwrap_or(largest));
        let sigma = |share: f64| {
            if config.use_karras_sigmas {
                let root = |sigma: f64| libm::exp(libm::log(sigma) / 7.0);
                let root = root(high) + share * (root(low) - root(high));
                root * root * root * root * root * root * root
            } else if config.use_exponential_sigmas {
                libm::exp(libm::log(high) + share * (libm::log(low) - libm::log(high)))
            } else {
                low + beta_quantile(1.0 - share) * (high - low)
            }
        };
        Ok(Some(shares(n).map(sigma).collect()))
    }

    /// Sigmas evenly spaced in log sigma, from the last timestep to the first.
    pub(super) fn even_logarithms(&self, n: usize) -> Vec<f64> {
        let logarithm = |t: usize| f64::from(self.logarithms[t]);
        let (high, low) = (logarithm(self.all.len() - 1), logarithm(0));
        shares(n).map(|share| libm::exp(high + share * (low - high))).collect()
    }
}

/// `n` values from 0 to 1.
fn shares(n: usize) -> impl Iterator<Item = f64> {
    (0..n).map(move |i| if n == 1 { 0.0 } else { i as f64 / (n - 1) as f64 })
}

/// Refuses sigmas that cannot be divided by.
pub(super) fn must_be_usable(sigmas: &[f32], timesteps: &[f32], schedule: &NoiseSchedule) -> Result<()> {
    match sigmas.iter().zip(timesteps).find(|(sigma, _)| !(sigma.is_finite() && **sigma > 0.0)) {
        None => Ok(()),
        Some((sigma, &t)) => {
            let what = if *sigma == 0.0 { "noise" } else { "picture" };
            refuse(nothing_left(what, t as usize, schedule.config().prediction_type))
        }
    }
}
