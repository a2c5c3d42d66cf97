//! What the network is asked to get right: target, loss and weight of every picture.

use burn::tensor::Tensor;
use diffusion::schedule::{NoiseSchedule, PredictionType};

use super::config::{LossKind, TrainConfig};

/// Loss of a batch under a schedule.
pub struct Objective<'a> {
    schedule: &'a NoiseSchedule,
    loss: LossKind,
    snr_gamma: f32,
}

impl<'a> Objective<'a> {
    pub fn new(config: &TrainConfig, schedule: &'a NoiseSchedule) -> Self {
        Self { schedule, loss: config.loss, snr_gamma: config.snr_gamma }
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
    /// type weighs by itself.
    fn weight(&self, timestep: usize) -> f32 {
        if self.snr_gamma == 0.0 {
            return 1.0;
        }
        let snr = self.schedule.snr(timestep);
        let clamped = snr.min(self.snr_gamma);
        match self.schedule.config().prediction_type {
            // min(snr, gamma) / snr, also where the last timesteps of a long schedule have a snr of 0.
            PredictionType::Epsilon => (self.snr_gamma / snr).min(1.0),
            PredictionType::VPrediction => clamped / (snr + 1.0),
            PredictionType::Sample => clamped,
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
