//! Section `[train]`: optimizer, loss, batches, length. Tests: here; the defaults in the flags' help, in `cli/training/args.rs`.

use diffusion::training::{self, Recipe};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::parallel;

/// The loss between predicted and true target (see `diffusion::training`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LossKind {
    /// Absolute error.
    L1,
    /// Squared error.
    L2,
    /// Squared near zero, absolute beyond 1.
    Huber,
}

impl From<LossKind> for training::LossKind {
    fn from(kind: LossKind) -> Self {
        match kind {
            LossKind::L1 => Self::L1,
            LossKind::L2 => Self::L2,
            LossKind::Huber => Self::Huber,
        }
    }
}

/// Everything that decides the resulting weights, but for data, starting weights and an adapter's settings. Section
/// `[train]` of a configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Times that every picture is seen (fractions allowed).
    pub epochs: f64,
    /// Optimizer steps; 0: as many as `epochs` makes.
    pub max_train_steps: usize,
    /// Pictures per batch.
    pub batch_size: usize,
    /// Batches whose gradients are summed before the optimizer steps.
    pub gradient_accumulation_steps: usize,
    /// Pictures per forward and backward pass; the gradients of a batch are summed over these. Decides how much memory
    /// training takes. 0: on the CPU a batch divided among the threads, on a GPU the whole batch.
    pub micro_batch: usize,
    /// Highest learning rate.
    pub lr: f64,
    /// Steps over which the learning rate rises, at most half of all.
    pub warmup_steps: usize,
    /// Part of the learning rate that is left at the end of the cosine.
    pub lr_floor: f64,
    /// The loss.
    pub loss: LossKind,
    /// Gamma of min-SNR weighting (arXiv 2303.09556); 0 gives all timesteps the same weight.
    pub snr_gamma: f32,
    /// Added to the clamped SNR, so that timesteps that are nearly all noise have a weight. Without clamping, 1 would be the
    /// plain loss in v. Not used where gamma is 0, nor to predict noise, whose plain loss gives them weight already. 0 in
    /// runs of versions that did not have it.
    #[serde(default)]
    pub snr_offset: f32,
    /// Part of the labels replaced by "no label", for classifier-free guidance (arXiv 2207.12598).
    pub class_dropout: f32,
    /// Decay of the EMA of the weights; 0 saves the weights as they are.
    pub ema_decay: f64,
    /// Largest norm of the whole gradient; 0 for no limit.
    pub max_grad_norm: f32,
    /// AdamW's weight decay.
    pub weight_decay: f32,
    /// How strongly the pictures of every batch are changed by small turns, stretches, shifts and stroke widths (see
    /// `diffusion::training::augment`); 0 trains on them as they are, as versions that did not have it did.
    #[serde(default)]
    pub augment: f32,
    /// Decides starting weights, order, noise.
    pub seed: u64,
    /// Worker threads. The result depends on them only where they decide `micro_batch`.
    #[serde(skip, default = "parallel::default_threads")]
    pub threads: usize,
}

impl TrainConfig {
    /// Base training.
    pub fn base() -> Self {
        Self {
            epochs: 6.0,
            max_train_steps: 0,
            batch_size: 128,
            gradient_accumulation_steps: 1,
            micro_batch: 0,
            lr: 2e-3,
            warmup_steps: 100,
            lr_floor: 0.02,
            loss: LossKind::L2,
            snr_gamma: 5.0,
            snr_offset: 0.25,
            class_dropout: 0.1,
            ema_decay: 0.999,
            max_grad_norm: 1.0,
            weight_decay: 0.0,
            augment: 0.0,
            seed: 0,
            threads: parallel::default_threads(),
        }
    }

    /// Training of an autoencoder: there are neither timesteps nor classes. Its maps are large, and few pictures at a time stay
    /// in a core's caches.
    pub fn autoencoder() -> Self {
        Self {
            epochs: 2.4,
            batch_size: 16,
            micro_batch: 2,
            loss: LossKind::L1,
            snr_gamma: 0.0,
            snr_offset: 0.0,
            class_dropout: 0.0,
            ..Self::base()
        }
    }

    /// Adapter training.
    pub fn lora() -> Self {
        Self { epochs: 1.0, lr: 2e-3, warmup_steps: 20, ema_decay: 0.99, batch_size: 64, ..Self::base() }
    }

    /// Training of an adapter that draws in few steps: all classes are kept, and every row weighs what its segment does.
    pub fn turbo() -> Self {
        Self { epochs: 4.0, lr: 4e-3, class_dropout: 0.0, snr_gamma: 0.0, snr_offset: 0.0, ..Self::lora() }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// Those that cannot work.
    pub fn check(&self) -> Result<()> {
        let refuse = |reason: &str| Err(Error::Setting { reason: reason.to_owned() });
        match self.batch_size.checked_mul(self.gradient_accumulation_steps) {
            Some(0) => return refuse("batch_size and gradient_accumulation_steps must be at least 1"),
            Some(images) if images <= u32::MAX as usize => {}
            _ => return refuse("batch_size times gradient_accumulation_steps is more than any data set has"),
        }
        // TOML has no larger numbers, and config.toml must be readable.
        if self.seed > i64::MAX as u64 {
            return refuse("seed must be below 2^63");
        }
        if !(self.epochs > 0.0 && self.epochs.is_finite()) {
            return refuse("epochs must be a positive number");
        }
        Ok(self.recipe(1).check()?)
    }

    /// The numbers of a run of so many steps, without an adapter's.
    pub fn recipe(&self, steps: usize) -> Recipe {
        Recipe {
            steps,
            batch_size: self.images_per_step(),
            micro_batch: self.micro_batch,
            lr: self.lr,
            warmup_steps: self.warmup_steps,
            lr_floor: self.lr_floor,
            loss: self.loss.into(),
            snr_gamma: self.snr_gamma,
            snr_offset: self.snr_offset,
            class_dropout: self.class_dropout,
            dropout: 0.0,
            ema_decay: self.ema_decay,
            max_grad_norm: self.max_grad_norm,
            weight_decay: self.weight_decay,
            augment: self.augment,
            seed: self.seed,
            validate_every: 0,
            early_stop: 0,
        }
    }

    /// Where `micro_batch` is 0, sets it so that every thread has something to do: at least 8 pictures, because a few are
    /// slow for each, and at most 32, because more do not fit a core's caches.
    pub fn divided_among_threads(mut self) -> Self {
        if self.micro_batch == 0 {
            self.micro_batch = self.images_per_step().div_ceil(self.threads.max(1)).clamp(8, 32);
        }
        self
    }

    /// Pictures per optimizer step.
    pub fn images_per_step(&self) -> usize {
        self.batch_size * self.gradient_accumulation_steps
    }

    /// Whole steps in `images` pictures; the rest of an epoch is left out.
    pub fn steps_per_epoch(&self, images: usize) -> usize {
        images / self.images_per_step()
    }

    /// Optimizer steps of a run on `images` pictures.
    pub fn total_steps(&self, images: usize) -> usize {
        if self.max_train_steps > 0 {
            return self.max_train_steps;
        }
        ((self.epochs * self.steps_per_epoch(images) as f64).round() as usize).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_epochs_or_steps() {
        let config = TrainConfig { epochs: 1.5, batch_size: 16, ..TrainConfig::base() };
        assert_eq!((config.steps_per_epoch(70), config.total_steps(70)), (4, 6));
        assert_eq!(TrainConfig { max_train_steps: 9, ..config }.total_steps(70), 9);
    }

    #[test]
    fn numbers_that_cannot_work_are_refused_by_name() {
        let refused = |config: TrainConfig| config.check().unwrap_err().to_string();
        let base = TrainConfig::base;
        assert!(refused(TrainConfig { batch_size: 0, ..base() }).contains("batch_size"));
        assert!(refused(TrainConfig { lr: f64::NAN, ..base() }).contains("lr"));
        assert!(refused(TrainConfig { ema_decay: 1.0, ..base() }).contains("ema_decay"));
        assert!(refused(TrainConfig { snr_offset: -1.0, ..base() }).contains("snr_offset"));
        assert!(refused(TrainConfig { max_grad_norm: f32::INFINITY, ..base() }).contains("max_grad_norm"));
    }
}
