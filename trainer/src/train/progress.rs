//! What a run has come to: its checkpoint, going on from one, and the weights to be saved. Tests: in `tests/it/training.rs`.

use burn::module::Module;
use burn::tensor::Tensor;
use diffusion::state::StateDict;
use diffusion::unet::burn::BurnUNet;

use super::checkpoint::Checkpoint;
use super::optimizer::Vectors;
use super::tensors::{to_state, to_vector};
use super::trainer::{Trainer, new_optimizer};
use crate::error::{Error, Result};

impl Trainer<'_> {
    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// A run that was started with other data, another base or other settings of the adapter; parameters that do not fit.
    pub fn resume(mut self, checkpoint: Checkpoint) -> Result<Self> {
        let Checkpoint { step, model, ema, moment_1, moment_2, origin, validated, best, .. } = checkpoint;
        origin.must_be(&self.origin)?;
        let device = self.device.clone().without_autodiff();
        let vector = |state| to_vector(self.trained.layout(), &self.trained.renamed(state), &device);
        let vectors = Vectors {
            weights: vector(model)?,
            ema: vector(ema)?,
            moment_1: vector(moment_1)?,
            moment_2: vector(moment_2)?,
        };
        self.best = best.map(vector).transpose()?;
        self.validated = validated;
        self.optimizer = new_optimizer(&self.config, vectors, step);
        self.take_weights()?;
        self.step = step;
        Ok(self)
    }

    /// All that is needed to go on later.
    ///
    /// # Errors
    /// Weights that are infinite or not a number: they must not replace a checkpoint that can be resumed. That they cannot
    /// be read from the device.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        let Vectors { weights, ema, moment_1, moment_2 } = self.optimizer.vectors();
        let layout = self.trained.layout();
        let checkpoint = Checkpoint {
            step: self.step,
            config: self.config.clone(),
            origin: self.origin.clone(),
            model: to_state(layout, weights)?,
            ema: to_state(layout, ema)?,
            moment_1: to_state(layout, moment_1)?,
            moment_2: to_state(layout, moment_2)?,
            validated: self.validated.clone(),
            best: self.best.as_ref().map(|best| to_state(layout, best)).transpose()?,
        };
        if checkpoint.model.values().flat_map(|tensor| &tensor.values).any(|value| !value.is_finite()) {
            return Err(Error::WeightsNotFinite { step: self.step });
        }
        Ok(checkpoint)
    }

    /// The network with the EMA of the weights.
    ///
    /// # Errors
    /// That they cannot be read from the device.
    pub fn ema_unet(&self) -> Result<BurnUNet> {
        self.with_weights(self.ema())
    }

    /// The EMA of the trained parameters, by their names.
    ///
    /// # Errors
    /// That they cannot be read from the device.
    pub fn ema_state(&self) -> Result<StateDict> {
        to_state(self.trained.layout(), self.ema())
    }

    pub(super) fn ema(&self) -> &Tensor<1> {
        &self.optimizer.vectors().ema
    }

    /// The network without gradients, with these values of its trained parameters.
    fn with_weights(&self, values: &Tensor<1>) -> Result<BurnUNet> {
        self.trained.network(self.unet.valid(), values)
    }

    /// The network with the weights of the least validation loss; with the EMA as it is where none was measured.
    ///
    /// # Errors
    /// That they cannot be read from the device.
    pub fn best_unet(&self) -> Result<BurnUNet> {
        self.with_weights(self.best())
    }

    /// The trained parameters of [`best_unet`](Self::best_unet), by their names.
    ///
    /// # Errors
    /// That they cannot be read from the device.
    pub fn best_state(&self) -> Result<StateDict> {
        to_state(self.trained.layout(), self.best())
    }

    fn best(&self) -> &Tensor<1> {
        self.best.as_ref().unwrap_or_else(|| self.ema())
    }
}
