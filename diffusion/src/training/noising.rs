//! What the network gets and should give at a timestep, and how much the timestep weighs (min-SNR).
//!
//! Tests: here.

use crate::schedule::{NoiseSchedule, PredictionType};

use super::recipe::Recipe;

/// Noises pictures by a schedule.
#[derive(Debug, Clone, Copy)]
pub struct Noising<'a> {
    schedule: &'a NoiseSchedule,
    snr_gamma: f32,
    snr_offset: f32,
}

/// What the network gets and should give for a batch of `b` pictures.
#[derive(Debug, Clone)]
pub struct Noisy {
    /// Noisy latents, `[b, c, h, w]`.
    pub noisy: Vec<f32>,
    /// What the network should predict, `[b, c, h, w]`.
    pub target: Vec<f32>,
    /// Weight of each picture's loss, `[b]`.
    pub weights: Vec<f32>,
}

impl<'a> Noising<'a> {
    /// With the weights that a recipe asks for.
    pub fn new(recipe: &Recipe, schedule: &'a NoiseSchedule) -> Self {
        Self { schedule, snr_gamma: recipe.snr_gamma, snr_offset: recipe.snr_offset }
    }

    /// Adds the noise of each picture's timestep.
    ///
    /// # Shapes
    /// `latents` and `noise` `[b, c, h, w]`, `timesteps` `[b]`.
    pub fn add_noise(&self, latents: &[f32], noise: &[f32], timesteps: &[usize]) -> Noisy {
        let width = (latents.len() / timesteps.len().max(1)).max(1);
        let (mut noisy, mut target) = (Vec::with_capacity(latents.len()), Vec::with_capacity(latents.len()));
        for ((x0, eps), &t) in latents.chunks_exact(width).zip(noise.chunks_exact(width)).zip(timesteps) {
            noisy.extend(self.schedule.add_noise(x0, eps, t));
            match self.schedule.config().prediction_type {
                PredictionType::Epsilon => target.extend_from_slice(eps),
                PredictionType::VPrediction => target.extend(self.schedule.velocity(x0, eps, t)),
                PredictionType::Sample => target.extend_from_slice(x0),
            }
        }
        Noisy { noisy, target, weights: timesteps.iter().map(|&t| self.weight(t)).collect() }
    }

    /// min-SNR weighting (arXiv 2303.09556, section 3.4): min(snr, gamma) relative to the weight that the prediction type
    /// has by itself. That leaves next to nothing for timesteps that are nearly all noise; but those decide a picture's
    /// class and broad shape, and their errors stay to the end. So `snr_offset` is added: it is 1 / sigma_data² of EDM
    /// (arXiv 2206.00364, table 1), smaller.
    fn weight(&self, timestep: usize) -> f32 {
        if self.snr_gamma == 0.0 {
            return 1.0;
        }
        let snr = self.schedule.snr(timestep);
        let clamped = snr.min(self.snr_gamma);
        match self.schedule.config().prediction_type {
            // min(snr, gamma) / snr, also where the last timesteps of a long schedule have an SNR of 0.
            PredictionType::Epsilon => (self.snr_gamma / snr).min(1.0),
            PredictionType::VPrediction => (clamped + self.snr_offset) / (snr + 1.0),
            PredictionType::Sample => clamped + self.snr_offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{BetaSchedule, ScheduleConfig};

    #[test]
    fn timesteps_weigh_what_the_formula_says() {
        let weights = |prediction_type, snr_gamma, snr_offset| {
            let beta_schedule = BetaSchedule::SquaredcosCapV2;
            let schedule =
                NoiseSchedule::new(ScheduleConfig { prediction_type, beta_schedule, ..ScheduleConfig::default() });
            let noising = Noising::new(&Recipe { snr_gamma, snr_offset, ..Recipe::default() }, &schedule);
            // Little noise, about half, nothing but noise.
            [100, 500, 999].map(|t| (noising.weight(t), schedule.snr(t)))
        };
        for (weight, snr) in weights(PredictionType::VPrediction, 5.0, 0.25) {
            assert_eq!(weight, (snr.min(5.0) + 0.25) / (snr + 1.0));
        }
        for (weight, snr) in weights(PredictionType::Epsilon, 5.0, 0.25) {
            assert!((weight - snr.min(5.0) / snr).abs() < 1e-5, "{weight}, snr {snr}");
        }
        // Without a limit an offset of 1 is the plain loss in v, and so is a gamma of 0.
        for (weight, snr) in weights(PredictionType::VPrediction, 1e9, 1.0) {
            assert!((weight - 1.0).abs() < 1e-5, "{weight}, snr {snr}");
        }
        assert!(weights(PredictionType::VPrediction, 0.0, 0.25).iter().all(|&(weight, _)| weight == 1.0));
    }
}
