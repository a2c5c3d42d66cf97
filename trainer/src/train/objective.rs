//! What the network is asked to get right: target, loss and weight of every picture.

use burn::tensor::Tensor;
use diffusion::schedule::{NoiseSchedule, PredictionType};

use super::config::{LossKind, TrainConfig};

/// Loss of a batch under a schedule.
pub struct Objective<'a> {
    schedule: &'a NoiseSchedule,
    loss: LossKind,
    snr_gamma: f32,
    snr_offset: f32,
}

impl<'a> Objective<'a> {
    pub fn new(config: &TrainConfig, schedule: &'a NoiseSchedule) -> Self {
        Self { schedule, loss: config.loss, snr_gamma: config.snr_gamma, snr_offset: config.snr_offset }
    }

    /// Noisy latents, the network's target, and each picture's weight.
    pub fn inputs(&self, latents: &[f32], noise: &[f32], timesteps: &[usize]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let width = latents.len() / timesteps.len().max(1);
        let (mut noisy, mut target) = (Vec::with_capacity(latents.len()), Vec::with_capacity(latents.len()));
        for ((x0, eps), &t) in latents.chunks_exact(width).zip(noise.chunks_exact(width)).zip(timesteps) {
            noisy.extend(self.schedule.add_noise(x0, eps, t));
            match self.schedule.config().prediction_type {
                PredictionType::Epsilon => target.extend_from_slice(eps),
                PredictionType::VPrediction => target.extend(self.schedule.velocity(x0, eps, t)),
                PredictionType::Sample => target.extend_from_slice(x0),
            }
        }
        (noisy, target, timesteps.iter().map(|&t| self.weight(t)).collect())
    }

    /// min-SNR weighting (arXiv 2303.09556, section 3.4): min(snr, gamma) relative to what the prediction
    /// type weighs by itself. That leaves next to nothing where there is next to no signal; but there a picture's class and
    /// broad shape are decided, and their errors stay to the end. The offset is 1 / sigma_data² of EDM (arXiv 2206.00364,
    /// table 1), smaller.
    fn weight(&self, timestep: usize) -> f32 {
        if self.snr_gamma == 0.0 {
            return 1.0;
        }
        let snr = self.schedule.snr(timestep);
        let clamped = snr.min(self.snr_gamma);
        match self.schedule.config().prediction_type {
            // min(snr, gamma) / snr, also where the last timesteps of a long schedule have a snr of 0.
            PredictionType::Epsilon => (self.snr_gamma / snr).min(1.0),
            PredictionType::VPrediction => (clamped + self.snr_offset) / (snr + 1.0),
            PredictionType::Sample => clamped + self.snr_offset,
        }
    }

    /// Sum over pictures of weight times the mean loss of the picture.
    ///
    /// # Shapes
    /// `output`, `target` `[b, c, h, w]`, `weights` `[b, 1]` -> `[1]`.
    pub fn loss(&self, output: Tensor<4>, target: Tensor<4>, weights: Tensor<2>) -> Tensor<1> {
        let [b, c, h, w] = output.dims();
        let error = (output - target).reshape([b, c * h * w]);
        let each = match self.loss {
            LossKind::L1 => error.abs(),
            LossKind::L2 => error.square(),
            // Smooth at 1: square inside, straight outside (Huber with delta 1).
            LossKind::Huber => {
                let size = error.abs();
                let inside = size.clone().clamp_max(1.0);
                inside.clone().square() * 0.5 + (size - inside)
            }
        };
        (each.mean_dim(1) * weights).sum()
    }
}

#[cfg(test)]
mod tests {
    use diffusion::schedule::{BetaSchedule, ScheduleConfig};

    use super::*;

    #[test]
    fn timesteps_weigh_what_the_formula_says() {
        let weights = |prediction_type, snr_gamma, snr_offset| {
            let config =
                ScheduleConfig { prediction_type, beta_schedule: BetaSchedule::SquaredcosCapV2, ..Default::default() };
            let schedule = NoiseSchedule::new(config);
            let train = TrainConfig { snr_gamma, snr_offset, ..TrainConfig::base() };
            let objective = Objective::new(&train, &schedule);
            // Little noise, about half, nothing but noise.
            [100, 500, 999].map(|t| (objective.weight(t), schedule.snr(t)))
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
