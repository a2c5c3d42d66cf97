//! A run of steps, whatever it trains: a base, an adapter, an autoencoder. Tests: in `tests/it/training.rs`; whole runs with
//! their files, in `trainer/tests/runs`.

use std::sync::atomic::AtomicBool;

use diffusion::training::{StepReport, Validated};

use super::checkpoint::Checkpoint;
use super::progress::Progress;
use crate::config::TrainConfig;
use crate::error::{Error, Result};

/// A run that goes step by step.
pub trait Training {
    /// How far it is.
    fn progress(&self) -> &Progress;

    /// Pictures there are to learn.
    fn pictures(&self) -> usize;

    /// All that is needed to go on later.
    ///
    /// # Errors
    /// Weights that are infinite or not a number: they must not replace a checkpoint that can be resumed. That they cannot
    /// be read from the device.
    fn checkpoint(&self) -> Result<Checkpoint>;

    /// One step on one batch.
    ///
    /// # Errors
    /// A loss or gradient that is infinite or not a number; what the device refuses; [`Error::Stopped`] where `stop` was set
    /// meanwhile: the step is given up then.
    fn train_step(&mut self, stop: &AtomicBool) -> Result<StepReport>;

    /// The run's settings.
    fn config(&self) -> &TrainConfig {
        &self.progress().config
    }

    /// Steps done.
    fn step(&self) -> usize {
        self.progress().step
    }

    /// Steps in which every picture is seen once.
    fn steps_per_epoch(&self) -> usize {
        self.config().steps_per_epoch(self.pictures())
    }

    /// Steps of the whole run.
    fn total(&self) -> usize {
        self.config().total_steps(self.pictures())
    }

    /// What validation has found so far.
    fn validated(&self) -> &Validated {
        &self.progress().validated
    }

    /// Trains until the end, or until `stop` is set: then a step that is under way is given up. `on_step` decides when to log,
    /// save and draw; it ends the training, too, with [`Error::Stopped`].
    ///
    /// # Errors
    /// Those of [`train_step`](Self::train_step), and what else `on_step` returns.
    fn run(&mut self, stop: &AtomicBool, mut on_step: impl FnMut(&mut Self, StepReport) -> Result<()>) -> Result<()>
    where
        Self: Sized,
    {
        while self.step() < self.total() {
            // Several ranks stop together, by way of the step's sum.
            match self.train_step(stop).and_then(|report| on_step(self, report)) {
                Err(Error::Stopped) => return Ok(()),
                outcome => outcome?,
            }
        }
        Ok(())
    }
}
