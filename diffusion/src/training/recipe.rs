//! A recipe: the numbers that decide what a run comes to, beside pictures, starting weights and the adapter's kind; with the
//! schedule of its learning rate.
//!
//! Tests: here; that `trainer/presets/few.toml` has the default's numbers, in `trainer/src/config/file.rs`.

use serde_json::{Value, json};

use crate::error::{Result, TrainingError};
use crate::json;

use super::loss::LossKind;
use super::validation::VALIDATIONS;

const FILE: &str = "recipe";

/// The largest whole number that JSON has exactly everywhere.
const MOST: f64 = 9_007_199_254_740_991.0;

/// What decides the trained weights. The [default](Self::default) is for a few dozen drawings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Optimizer steps of the whole run.
    pub steps: usize,
    /// Pictures of a step.
    pub batch_size: usize,
    /// Pictures per forward and backward pass, a job; 0 for all of a step. Gradients are summed in the jobs' order.
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
    /// Added to the clamped SNR, so that timesteps that are nearly all noise have a weight. Not used where gamma is 0, nor to
    /// predict noise.
    pub snr_offset: f32,
    /// Part of the labels replaced by "no label", for classifier-free guidance (arXiv 2207.12598).
    pub class_dropout: f32,
    /// Probability that an input of the adapted modules is dropped, see [`Dropout`](super::Dropout).
    pub dropout: f32,
    /// Decay of the EMA of the weights; 0 for the weights as they are.
    pub ema_decay: f64,
    /// Largest norm of the whole gradient; 0 for no limit.
    pub max_grad_norm: f32,
    /// AdamW's weight decay.
    pub weight_decay: f32,
    /// How strongly pictures are changed, see [`augment`](super::augment).
    pub augment: f32,
    /// Decides order, timesteps, noise, augmentation and dropout.
    pub seed: u64,
    /// Steps between measurements of the validation loss; 0 for 25 in a run.
    pub validate_every: usize,
    /// Measurements without a new least loss after which the run ends; 0 for never.
    pub early_stop: usize,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            steps: 240,
            batch_size: 16,
            micro_batch: 8,
            lr: 8e-3,
            warmup_steps: 20,
            lr_floor: 0.02,
            loss: LossKind::L2,
            snr_gamma: 5.0,
            snr_offset: 0.25,
            class_dropout: 0.1,
            dropout: 0.1,
            ema_decay: 0.99,
            max_grad_norm: 1.0,
            weight_decay: 0.0,
            augment: 0.5,
            seed: 0,
            validate_every: 0,
            early_stop: 0,
        }
    }
}

impl Recipe {
    /// The default, with more steps where there are more than a few dozen pictures: two for each.
    pub fn for_pictures(pictures: usize) -> Self {
        let default = Self::default();
        Self { steps: default.steps.max(pictures.saturating_mul(2)), ..default }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`TrainingError::Setting`] names the first that cannot work.
    pub fn check(&self) -> Result<()> {
        let numbers = [
            ("steps", self.steps > 0, "at least 1"),
            ("batch_size", self.batch_size > 0, "at least 1"),
            ("lr", self.lr > 0.0 && self.lr < f64::INFINITY, "a positive number"),
            ("ema_decay", self.ema_decay >= 0.0 && self.ema_decay < 1.0, "at least 0 and below 1"),
            ("class_dropout", self.class_dropout >= 0.0 && self.class_dropout <= 1.0, "0 to 1"),
            ("dropout", self.dropout >= 0.0 && self.dropout < 1.0, "at least 0 and below 1"),
            ("lr_floor", self.lr_floor >= 0.0 && self.lr_floor <= 1.0, "0 to 1"),
            ("augment", self.augment >= 0.0 && self.augment <= 4.0, "0 to 4: more makes other pictures of them"),
            ("snr_gamma", at_least_0(self.snr_gamma), "at least 0"),
            ("snr_offset", at_least_0(self.snr_offset), "at least 0"),
            ("max_grad_norm", at_least_0(self.max_grad_norm), "at least 0"),
            ("weight_decay", at_least_0(self.weight_decay), "at least 0"),
        ];
        match numbers.into_iter().find(|(_, works, _)| !works) {
            Some((name, _, accepted)) => Err(TrainingError::Setting { name: name.to_owned(), accepted }.into()),
            None => Ok(()),
        }
    }

    /// Linear warm-up over at most half of the run, then a cosine down to `lr_floor`. `step` counts from 0.
    pub fn learning_rate(&self, step: usize) -> f64 {
        let warmup = self.warmup_steps.min(self.steps / 2);
        if step < warmup {
            return self.lr * (step + 1) as f64 / warmup as f64;
        }
        let done = (step - warmup) as f64 / (self.steps - warmup).max(1) as f64;
        let cosine = 0.5 + 0.5 * libm::cos(done * std::f64::consts::PI);
        self.lr * (self.lr_floor + (1.0 - self.lr_floor) * cosine)
    }

    /// What a gradient of this norm is multiplied by, so that it is no longer than `max_grad_norm`.
    pub fn gradient_scale(&self, norm: f32) -> f32 {
        let max = self.max_grad_norm;
        if max == 0.0 || norm <= max { 1.0 } else { max / (norm + 1e-6) }
    }

    /// Pictures of a job.
    pub fn job_size(&self) -> usize {
        if self.micro_batch == 0 { self.batch_size } else { self.micro_batch }
    }

    /// Whether the validation loss is measured after this step, which counts from 1.
    pub fn validates(&self, step: usize) -> bool {
        let every = match self.validate_every {
            0 => (self.steps / VALIDATIONS).max(1),
            every => every,
        };
        step == self.steps || step.is_multiple_of(every)
    }

    /// Reads JSON with any of the fields, by the names that they have here (`loss` is `"l1"`, `"l2"` or `"huber"`). What is
    /// not there is as in the default.
    ///
    /// # Errors
    /// Text that is no such object, names that no field has, numbers that cannot work.
    pub fn from_json(text: &str) -> Result<Self> {
        let value = json::read(FILE, text)?;
        let not_one = || TrainingError::Setting { name: FILE.to_owned(), accepted: "an object of numbers by name" };
        let mut recipe = Self::default();
        for (key, value) in value.as_object().ok_or_else(not_one)? {
            recipe.set(key, value)?;
        }
        recipe.check()?;
        Ok(recipe)
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<()> {
        let refuse = |accepted| TrainingError::Setting { name: key.to_owned(), accepted };
        if key == "loss" {
            let kinds = [LossKind::L1, LossKind::L2, LossKind::Huber];
            let found = kinds.into_iter().find(|kind| value.as_str() == Some(kind.name()));
            self.loss = found.ok_or_else(|| refuse("l1, l2 or huber"))?;
            return Ok(());
        }
        let number = value.as_f64().ok_or_else(|| refuse("a number"))?;
        let whole = if (0.0..=MOST).contains(&number) && number.trunc() == number { Some(number as u64) } else { None };
        let whole = || whole.ok_or_else(|| refuse("a whole number from 0 to 2^53 - 1"));
        let count = || whole().map(|whole| usize::try_from(whole).unwrap_or(usize::MAX));
        match key {
            "steps" => self.steps = count()?,
            "batch_size" => self.batch_size = count()?,
            "micro_batch" => self.micro_batch = count()?,
            "lr" => self.lr = number,
            "warmup_steps" => self.warmup_steps = count()?,
            "lr_floor" => self.lr_floor = number,
            "snr_gamma" => self.snr_gamma = number as f32,
            "snr_offset" => self.snr_offset = number as f32,
            "class_dropout" => self.class_dropout = number as f32,
            "dropout" => self.dropout = number as f32,
            "ema_decay" => self.ema_decay = number,
            "max_grad_norm" => self.max_grad_norm = number as f32,
            "weight_decay" => self.weight_decay = number as f32,
            "augment" => self.augment = number as f32,
            "seed" => self.seed = whole()?,
            "validate_every" => self.validate_every = count()?,
            "early_stop" => self.early_stop = count()?,
            _ => return Err(refuse("left out: a recipe has no such number").into()),
        }
        Ok(())
    }

    /// All fields as [`from_json`](Self::from_json) reads them.
    pub fn to_json(&self) -> String {
        json!({
            "steps": self.steps,
            "batch_size": self.batch_size,
            "micro_batch": self.micro_batch,
            "lr": self.lr,
            "warmup_steps": self.warmup_steps,
            "lr_floor": self.lr_floor,
            "loss": self.loss.name(),
            "snr_gamma": self.snr_gamma,
            "snr_offset": self.snr_offset,
            "class_dropout": self.class_dropout,
            "dropout": self.dropout,
            "ema_decay": self.ema_decay,
            "max_grad_norm": self.max_grad_norm,
            "weight_decay": self.weight_decay,
            "augment": self.augment,
            "seed": self.seed,
            "validate_every": self.validate_every,
            "early_stop": self.early_stop,
        })
        .to_string()
    }
}

/// Without the largest: infinity.
fn at_least_0(value: f32) -> bool {
    (0.0..f32::INFINITY).contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_rises_and_falls_along_a_cosine() {
        let recipe = Recipe { steps: 110, lr: 1.0, warmup_steps: 10, lr_floor: 0.1, ..Recipe::default() };
        let rate = |step| recipe.learning_rate(step);
        assert_eq!((rate(0), rate(9), rate(10)), (0.1, 1.0, 1.0));
        assert!((rate(60) - 0.55).abs() < 1e-9 && (rate(110) - 0.1).abs() < 1e-9);
        // A short run warms up in at most half of its steps.
        let short = Recipe { steps: 4, ..recipe };
        assert_eq!([0, 1, 2].map(|step| short.learning_rate(step)), [0.5, 1.0, 1.0]);
    }

    #[test]
    fn a_gradient_is_no_longer_than_its_limit() {
        let recipe = Recipe { max_grad_norm: 2.0, ..Recipe::default() };
        assert_eq!((recipe.gradient_scale(1.5), recipe.gradient_scale(2.0)), (1.0, 1.0));
        assert!((recipe.gradient_scale(8.0) - 0.25).abs() < 1e-6);
        assert_eq!(Recipe { max_grad_norm: 0.0, ..recipe }.gradient_scale(1e9), 1.0);
    }

    #[test]
    fn json_goes_there_and_back_and_what_it_does_not_say_is_the_default() {
        let recipe = Recipe { lr: 1.7e-3, loss: LossKind::Huber, seed: 1 << 52, dropout: 0.3, ..Recipe::default() };
        assert_eq!(Recipe::from_json(&recipe.to_json()).unwrap(), recipe);
        assert_eq!(Recipe::from_json("{}").unwrap(), Recipe::default());
        let refused = |text: &str| Recipe::from_json(text).unwrap_err().to_string();
        for (text, name) in [
            (r#"{"stepps": 3}"#, "stepps"),
            (r#"{"steps": 0}"#, "steps"),
            (r#"{"steps": 2.5}"#, "steps"),
            (r#"{"seed": -1}"#, "seed"),
            (r#"{"seed": 1e17}"#, "seed"),
            (r#"{"loss": "mse"}"#, "l1, l2 or huber"),
            (r#"{"lr": "fast"}"#, "lr"),
            (r#"{"ema_decay": 1}"#, "ema_decay"),
            (r#"{"augment": 5}"#, "augment"),
            (r#"{"max_grad_norm": 1e60}"#, "max_grad_norm"),
            ("[]", "recipe"),
            ("{", "recipe"),
        ] {
            assert!(refused(text).contains(name), "{text}: {}", refused(text));
        }
    }

    #[test]
    fn the_loss_is_measured_25_times_and_at_the_end() {
        let steps = |recipe: Recipe| (1..=recipe.steps).filter(|&step| recipe.validates(step)).collect::<Vec<_>>();
        assert_eq!(steps(Recipe { steps: 300, ..Recipe::default() }).len(), 25);
        assert_eq!(steps(Recipe { steps: 3, ..Recipe::default() }), [1, 2, 3]);
        assert_eq!(steps(Recipe { steps: 10, validate_every: 4, ..Recipe::default() }), [4, 8, 10]);
    }
}
