//! How far a run is, whatever it trains: the optimizer's vectors, the steps done, the best weights so far; its checkpoint, and
//! going on from one. Tests: in `tests/it/training.rs`.

use burn::tensor::Tensor;
use diffusion::state::StateDict;
use diffusion::training::{Layout, Recipe, StepReport, Validated};

use super::checkpoint::{Checkpoint, Origin};
use super::gradients;
use super::optimizer::{Optimizer, Vectors};
use super::tensors::{to_state, to_vector};
use crate::config::TrainConfig;
use crate::error::{Error, Result};

/// How far a run is.
pub struct Progress {
    pub(crate) config: TrainConfig,
    pub(crate) origin: Origin,
    /// Steps done.
    pub(crate) step: usize,
    pub(crate) validated: Validated,
    optimizer: Optimizer,
    /// The EMA at the least validation loss.
    best: Option<Tensor<1>>,
}

impl Progress {
    /// A run's beginning, with these parameters `[len]` on a device without autodiff.
    pub(crate) fn new(config: TrainConfig, origin: Origin, weights: Tensor<1>) -> Self {
        let zeros = weights.zeros_like();
        let vectors = Vectors { ema: weights.clone(), weights, moment_1: zeros.clone(), moment_2: zeros };
        let optimizer = optimizer(&config, vectors, 0);
        Self { config, origin, step: 0, validated: Validated::default(), optimizer, best: None }
    }

    /// Goes on from a checkpoint; `renamed` gives its parameters the names that they have today.
    pub(crate) fn resume(
        &mut self,
        checkpoint: Checkpoint,
        layout: &Layout,
        renamed: impl Fn(StateDict) -> StateDict,
    ) -> Result<()> {
        let Checkpoint { step, model, ema, moment_1, moment_2, origin, validated, best, .. } = checkpoint;
        origin.must_be(&self.origin)?;
        let device = self.weights().device();
        let vector = |state| to_vector(layout, &renamed(state), &device);
        let vectors = Vectors {
            weights: vector(model)?,
            ema: vector(ema)?,
            moment_1: vector(moment_1)?,
            moment_2: vector(moment_2)?,
        };
        self.best = best.map(vector).transpose()?;
        self.optimizer = optimizer(&self.config, vectors, step);
        (self.step, self.validated) = (step, validated);
        Ok(())
    }

    /// All that is needed to go on later. Weights that are no numbers are refused: they must not replace a checkpoint that can
    /// be resumed.
    pub(crate) fn checkpoint(&self, layout: &Layout) -> Result<Checkpoint> {
        let Vectors { weights, ema, moment_1, moment_2 } = self.optimizer.vectors();
        let model = to_state(layout, weights)?;
        if model.values().flat_map(|tensor| &tensor.values).any(|value| !value.is_finite()) {
            return Err(Error::WeightsNotFinite { step: self.step });
        }
        Ok(Checkpoint {
            step: self.step,
            config: self.config.clone(),
            origin: self.origin.clone(),
            model,
            ema: to_state(layout, ema)?,
            moment_1: to_state(layout, moment_1)?,
            moment_2: to_state(layout, moment_2)?,
            validated: self.validated.clone(),
            best: self.best.as_ref().map(|best| to_state(layout, best)).transpose()?,
        })
    }

    /// The parameters as they are trained, `[len]`.
    pub(crate) fn weights(&self) -> &Tensor<1> {
        &self.optimizer.vectors().weights
    }

    /// Their moving average.
    pub(crate) fn ema(&self) -> &Tensor<1> {
        &self.optimizer.vectors().ema
    }

    /// That of the least validation loss; as it is now where none was measured.
    pub(crate) fn best(&self) -> &Tensor<1> {
        self.best.as_ref().unwrap_or_else(|| self.ema())
    }

    /// One step of the optimizer, with a batch's loss and the gradients of its jobs.
    pub(crate) fn advance(
        &mut self,
        recipe: &Recipe,
        total: usize,
        (loss, gradients): (f32, Vec<Tensor<1>>),
        images: usize,
    ) -> Result<StepReport> {
        let step = self.step + 1;
        if !loss.is_finite() {
            return Err(Error::LossNotFinite { step, loss });
        }
        // Here, and where the loss was read, a step waits for the device.
        let (gradients, grad_norm) = gradients::sum_and_norm(gradients, self.config.threads)?;
        if !grad_norm.is_finite() {
            return Err(Error::GradientNotFinite { step });
        }
        let lr = recipe.learning_rate(self.step);
        self.optimizer.step(lr, gradients, recipe.gradient_scale(grad_norm))?;
        self.step = step;
        Ok(StepReport { step, total, loss, grad_norm, lr, images })
    }

    /// Keeps the weights where a validation loss after this step is the least so far.
    pub(crate) fn note(&mut self, loss: f32) {
        if self.validated.note(self.step, loss) {
            self.best = Some(self.ema().clone());
        }
    }
}

fn optimizer(config: &TrainConfig, vectors: Vectors, steps_done: usize) -> Optimizer {
    Optimizer::new(vectors, steps_done, config.weight_decay, config.ema_decay, config.threads)
}
