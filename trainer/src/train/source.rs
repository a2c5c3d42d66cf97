//! What a run is trained on and measured by: pictures, or runs of a teacher. Tests: of pictures, in `tests/it/training.rs`; of a
//! teacher's runs, in `tests/it/turbo.rs`.

use diffusion::config::ModelInfo;
use diffusion::schedule::NoiseSchedule;
use diffusion::training::{Batch, Job, Recipe, draws_on};

use crate::data::Dataset;
use crate::error::{Error, Result};

/// Rows to be learnt, each noisy latents with a timestep, a class and what the network should give.
pub trait Source: Sync {
    /// How many there are that an epoch sees once, at least 1.
    fn count(&self) -> usize;

    /// Lower-case hexadecimal SHA-256 of all that decides them.
    fn sha256(&self) -> String;

    /// Checks that a model can be trained on them.
    ///
    /// # Errors
    /// Another size, or other classes, than the model's.
    fn must_fit(&self, info: &ModelInfo) -> Result<()>;

    /// An error about them.
    fn refuse(&self, reason: String) -> Error;

    /// The jobs of a step, which counts from 0.
    fn jobs_of_step(&self, recipe: &Recipe, step: usize, info: &ModelInfo, schedule: &NoiseSchedule) -> Vec<Job>;

    /// The jobs of a validation loss on them: the same for every step.
    fn held_out_jobs(&self, recipe: &Recipe, info: &ModelInfo, schedule: &NoiseSchedule) -> Vec<Job>;

    /// How many rows those jobs have.
    fn draws(&self) -> usize;
}

impl Source for Dataset {
    fn count(&self) -> usize {
        self.len()
    }

    fn sha256(&self) -> String {
        self.sha256()
    }

    fn must_fit(&self, info: &ModelInfo) -> Result<()> {
        if info.latent_channels.is_some() {
            let reason = "the base works behind an autoencoder, for which pictures are encoded first";
            return Err(self.refuse(reason.into()));
        }
        self.must_fit(info)
    }

    fn refuse(&self, reason: String) -> Error {
        self.refuse(reason)
    }

    fn jobs_of_step(&self, recipe: &Recipe, step: usize, info: &ModelInfo, schedule: &NoiseSchedule) -> Vec<Job> {
        let epoch = step / (self.len() / recipe.batch_size).max(1);
        let chosen = |indices: &[usize]| self.batch(&indices.iter().map(|&i| self.turn(i, epoch)).collect::<Vec<_>>());
        Batch::of_step(recipe, step, self.len(), &chosen, info, schedule).jobs(recipe, schedule, Some(step))
    }

    fn held_out_jobs(&self, recipe: &Recipe, info: &ModelInfo, schedule: &NoiseSchedule) -> Vec<Job> {
        let chosen = |indices: &[usize]| self.batch(indices);
        Batch::held_out(recipe.seed, self.len(), &chosen, info, schedule).jobs(recipe, schedule, None)
    }

    fn draws(&self) -> usize {
        draws_on(self.len())
    }
}
