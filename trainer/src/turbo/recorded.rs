//! A teacher's runs in memory, as what a training learns. Tests: `trainer/tests/runs/turbo.rs`.

use diffusion::config::ModelInfo;
use diffusion::schedule::NoiseSchedule;
use diffusion::training::{Job, Recipe, Trajectories};

use crate::error::{Error, Result};
use crate::store::sha256_of;
use crate::train::Source;

/// Recorded runs of a teacher.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub(super) trajectories: Trajectories,
    /// Of the teacher, the steps and the values.
    pub(super) sha256: String,
    /// Of the teacher.
    pub(super) classes: usize,
    /// The folder, for messages.
    pub(super) location: String,
}

impl Recorded {
    /// The same runs, each segment beginning where another network's run stood (see `Trajectories::starting_at`).
    ///
    /// # Errors
    /// Other runs than these.
    pub fn starting_at(self, own: Self) -> Result<Self> {
        let sha256 = sha256_of([self.sha256.as_bytes(), own.sha256.as_bytes()]);
        Ok(Self { trajectories: self.trajectories.starting_at(own.trajectories)?, sha256, ..self })
    }

    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.trajectories.runs()
    }
}

impl Source for Recorded {
    fn count(&self) -> usize {
        self.trajectories.rows()
    }

    fn sha256(&self) -> String {
        self.sha256.clone()
    }

    fn must_fit(&self, info: &ModelInfo) -> Result<()> {
        if self.classes == info.num_classes() {
            return Ok(());
        }
        Err(self.refuse(format!("its teacher has {} classes, the base {}", self.classes, info.num_classes())))
    }

    fn refuse(&self, reason: String) -> Error {
        Error::Data { location: self.location.clone(), reason }
    }

    fn jobs_of_step(&self, recipe: &Recipe, step: usize, _: &ModelInfo, _: &NoiseSchedule) -> Vec<Job> {
        self.trajectories.jobs_of_step(recipe, step)
    }

    fn held_out_jobs(&self, recipe: &Recipe, _: &ModelInfo, _: &NoiseSchedule) -> Vec<Job> {
        self.trajectories.all_jobs(recipe)
    }

    fn draws(&self) -> usize {
        self.trajectories.rows()
    }
}
