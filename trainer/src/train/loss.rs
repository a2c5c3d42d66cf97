//! The training loss: the network's target, the error, and the weight of every timestep (min-SNR).
//!
//! A new loss is one [`LossKind`] and one arm in [`TrainingLoss::loss`]. Tests: here.

use burn::tensor::Tensor;
use diffusion::schedule::{NoiseSchedule, PredictionType};

use crate::config::{LossKind, TrainConfig};

/// Loss of a batch under a noise schedule.
pub struct TrainingLoss<'a> {
    schedule: &'a NoiseSchedule,
    kind: LossKind,
    snr_gamma: f32,
    snr_offset: f32,
}

/// What the network gets and should give for a batch of `b` pictures, on the host.
pub struct NoisyBatch {
    /// Noisy latents, `[b, c, h, w]`.
    pub noisy: Vec<f32>,
    /// What the network should predict, `[b, c, h, w]`.
    pub target: Vec<f32>,
    /// Weight of each picture's loss, `[b]`.
    pub weights: Vec<f32>,
}

impl<'a> TrainingLoss<'a> {
    /// The loss that a configuration asks for.
    pub fn new(config: &TrainConfig, schedule: &'a NoiseSchedule) -> Self {
        Self { schedule, kind: config.loss, snr_gamma: config.snr_gamma, snr_offset: config.snr_offset }
    }

    /// Adds the noise of each picture's timestep.
    ///
    /// # Shapes
    /// `latents` and `noise` `[b, c, h, w]`, `timesteps` `[b]`.
    pub fn add_noise(&self, latents: &[f32], noise: &[f32], timesteps: &[usize]) -> NoisyBatch {
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
        NoisyBatch { noisy, target, weights: timesteps.iter().map(|&t| self.weight(t)).collect() }
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

    /// Sum over pictures of weight times the mean loss of the picture.
    ///
    /// # Shapes
    /// `output`, `target` `[b, c, h, w]`, `weights` `[b, 1]` -> `[1]`.
    pub fn loss(&self, output: Tensor<4>, target: Tensor<4>, weights: Tensor<2>) -> Tensor<1> {
        let [b, c, h, w] = output.dims();
        let error = (output - target).reshape([b, c * h * w]);
        let each = match self.kind {
            LossKind::L1 => error.abs(),
            LossKind::L2 => error.square(),
            // Huber's loss with delta 1: squared inside, absolute outside.
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
    use burn::tensor::Device;
    use diffusion::schedule::{BetaSchedule, ScheduleConfig};

    use super::*;

    fn schedule(prediction_type: PredictionType) -> NoiseSchedule {
        let config =
            ScheduleConfig { prediction_type, beta_schedule: BetaSchedule::SquaredcosCapV2, ..Default::default() };
        NoiseSchedule::new(config)
    }

    #[test]
    fn timesteps_weigh_what_the_formula_says() {
        let weights = |prediction_type, snr_gamma, snr_offset| {
            let schedule = schedule(prediction_type);
            let train = TrainConfig { snr_gamma, snr_offset, ..TrainConfig::base() };
            let loss = TrainingLoss::new(&train, &schedule);
            // Little noise, about half, nothing but noise.
            [100, 500, 999].map(|t| (loss.weight(t), schedule.snr(t)))
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

    #[test]
    fn every_loss_is_the_weighted_mean_of_its_formula() {
        let schedule = schedule(PredictionType::Epsilon);
        let tensor = |values: [f32; 4]| Tensor::<1>::from_floats(values, &Device::flex()).reshape([2, 2, 1, 1]);
        for (kind, expected) in [
            (LossKind::L1, [(0.5 + 2.0) / 2.0, (0.0 + 1.0) / 2.0]),
            (LossKind::L2, [(0.25 + 4.0) / 2.0, (0.0 + 1.0) / 2.0]),
            (LossKind::Huber, [(0.125 + 1.5) / 2.0, (0.0 + 0.5) / 2.0]),
        ] {
            let loss = TrainingLoss::new(&TrainConfig { loss: kind, ..TrainConfig::base() }, &schedule);
            let weights = Tensor::<1>::from_floats([1.0, 3.0], &Device::flex()).reshape([2, 1]);
            let sum = loss.loss(tensor([0.5, -2.0, 1.0, 0.0]), tensor([0.0, 0.0, 1.0, 1.0]), weights);
            assert_eq!(sum.into_scalar::<f32>(), expected[0] + 3.0 * expected[1], "{kind:?}");
        }
    }
}
