//! What a run is made of. Written beside the weights, so that a run can be repeated and resumed.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::parallel;

/// The loss between predicted and true target.
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

/// Everything that decides the weights that come out, but for data, starting weights and an adapter's settings. Section
/// `[train]` of a configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Times that every picture is seen (fractions allowed).
    pub epochs: f64,
    /// Optimizer steps; 0 leaves it to `epochs`.
    pub max_train_steps: usize,
    /// Pictures per batch.
    pub batch_size: usize,
    /// Batches whose gradients are summed before the optimizer steps.
    pub gradient_accumulation_steps: usize,
    /// Pictures per forward and backward; the gradients of a batch are summed over these. Decides how much memory
    /// training takes. 0: on the CPU the threads' shares of a batch, on a graphics processor the whole batch.
    pub micro_batch: usize,
    /// Highest learning rate.
    pub lr: f64,
    /// Steps over which the learning rate rises, at most half of all.
    pub warmup_steps: usize,
    /// Part of the learning rate that is left at the end of the cosine.
    pub lr_floor: f64,
    /// Loss.
    pub loss: LossKind,
    /// Gamma of min-SNR weighting (arXiv 2303.09556); 0 weighs all timesteps alike.
    pub snr_gamma: f32,
    /// Added to the SNR that gamma clamps, for timesteps that are nearly all noise: above any SNR's gamma, 1 would be the plain
    /// loss in v. Has no part where gamma is 0, nor in the prediction of noise, whose loss weighs them by itself. Runs from
    /// before there was one had 0.
    #[serde(default)]
    pub snr_offset: f32,
    /// Part of the labels replaced by "no label", for classifier-free guidance (arXiv 2207.12598).
    pub class_dropout: f32,
    /// Decay of the moving average of the weights; 0 saves the weights as they are.
    pub ema_decay: f64,
    /// Largest norm of the whole gradient; 0 for no limit.
    pub max_grad_norm: f32,
    /// AdamW's weight decay.
    pub weight_decay: f32,
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
            seed: 0,
            threads: parallel::default_threads(),
        }
    }

    /// Adapter training.
    pub fn lora() -> Self {
        Self { epochs: 1.0, lr: 2e-3, warmup_steps: 20, ema_decay: 0.99, batch_size: 64, ..Self::base() }
    }

    /// Refuses numbers that cannot work.
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
        if !(self.lr > 0.0 && self.lr.is_finite()) {
            return refuse("lr must be a positive number");
        }
        if !(0.0..1.0).contains(&self.ema_decay) {
            return refuse("ema_decay must be at least 0 and below 1");
        }
        if !(0.0..=1.0).contains(&self.class_dropout) {
            return refuse("class_dropout must be 0 to 1");
        }
        if !(0.0..=1.0).contains(&self.lr_floor) {
            return refuse("lr_floor must be 0 to 1");
        }
        let at_least_0 = [
            ("snr_gamma", self.snr_gamma),
            ("snr_offset", self.snr_offset),
            ("max_grad_norm", self.max_grad_norm),
            ("weight_decay", self.weight_decay),
        ];
        if let Some((name, _)) = at_least_0.iter().find(|(_, value)| !(*value >= 0.0 && value.is_finite())) {
            return refuse(&format!("{name} must be at least 0"));
        }
        Ok(())
    }

    /// With a `micro_batch`, where there was none, that gives every thread something to do: 8 pictures or more, as few
    /// are slow each, and up to 32, for more do not fit a core's caches.
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

    /// Whole steps in the data; the rest of an epoch is left out.
    pub fn steps_per_epoch(&self, images: usize) -> usize {
        images / self.images_per_step()
    }

    /// Steps of the run.
    pub fn total_steps(&self, images: usize) -> usize {
        if self.max_train_steps > 0 {
            return self.max_train_steps;
        }
        ((self.epochs * self.steps_per_epoch(images) as f64).round() as usize).max(1)
    }

    /// Linear warm-up over at most half of the run, then a cosine down to `lr_floor`. `step` counts from 0.
    pub fn learning_rate(&self, step: usize, total: usize) -> f64 {
        let warmup = self.warmup_steps.min(total / 2);
        if step < warmup {
            return self.lr * (step + 1) as f64 / warmup as f64;
        }
        let done = (step - warmup) as f64 / (total - warmup).max(1) as f64;
        let cosine = 0.5 + 0.5 * (done * std::f64::consts::PI).cos();
        self.lr * (self.lr_floor + (1.0 - self.lr_floor) * cosine)
    }
}
