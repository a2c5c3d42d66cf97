//! A run of an adapter, as its lead sees it: which jobs a step has, and what their results make of the parameters. It
//! computes no network: whoever drives it has the jobs done, by [`JobGradients`](super::JobGradients) in as many threads or
//! workers as there are, and gives the results back in the jobs' order.
//!
//! Tests: `tests/it/adapter_run.rs`.

use std::sync::Arc;

use serde::Serialize;

use crate::adapter::Adapter;
use crate::base::Base;
use crate::error::{RequestError, Result, TrainingError};
use crate::schedule::NoiseSchedule;

use super::adapter_parameters::AdapterParameters;
use super::batch::Batch;
use super::beginning::Beginning;
use super::job::{Job, JobResult};
use super::optimizer::{Vectors, ema_decay, factors};
use super::pictures::Pictures;
use super::recipe::Recipe;
use super::sum::sum_and_norm;
use super::validation::Validated;

/// The outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepReport {
    /// From 1.
    pub step: usize,
    /// Steps of the whole run.
    pub total: usize,
    /// Weighted loss of the batch.
    pub loss: f32,
    /// Norm of the gradient before clipping.
    pub grad_norm: f32,
    /// Learning rate.
    pub lr: f64,
    /// Pictures seen in this step.
    pub images: usize,
}

/// What a validation loss says of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The loss, the mean over the draws.
    pub loss: f32,
    /// Whether it is the least so far: its parameters are kept.
    pub least: bool,
    /// Whether the run should end, by `early_stop`.
    pub stop: bool,
}

/// Which parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The EMA at the least validation loss; the last where none was measured.
    Best,
    /// The EMA as it is.
    Last,
}

/// A run of an adapter: parameters, optimizer, EMA, and how far it is.
#[derive(Debug)]
pub struct AdapterRun {
    pub(super) base: Arc<Base>,
    schedule: NoiseSchedule,
    /// What training began with.
    pub(super) beginning: Beginning,
    pub(super) parameters: AdapterParameters,
    pub(super) pictures: Pictures,
    pub(super) held_out: Option<Pictures>,
    pub(super) recipe: Recipe,
    pub(super) vectors: Vectors,
    /// Steps done.
    pub(super) step: usize,
    pub(super) validated: Validated,
    pub(super) best: Option<Vec<f32>>,
}

impl AdapterRun {
    /// Begins a run. An adapter that began as a part of the base (PiSSA, OLoRA) goes on as LoRA of twice its rank. Where there
    /// are fewer pictures than `recipe.batch_size`, a batch has all of them.
    ///
    /// # Errors
    /// Numbers that cannot work, pictures that do not fit the base, an adapter that is not of this base, cannot be trained as
    /// it is ([`AdapterParameters::new`]), or cannot be kept in PEFT's form.
    pub fn new(
        base: impl Into<Arc<Base>>,
        adapter: &Adapter,
        pictures: Pictures,
        held_out: Option<Pictures>,
        recipe: Recipe,
    ) -> Result<Self> {
        let base = base.into();
        let adapter = adapter.clone().untaken();
        // Refused before anything else reads it.
        AdapterParameters::new(&adapter, &base.state)?;
        let (beginning, adapter) = Beginning::of(&adapter, &base)?;
        Self::begin(base, beginning, &adapter, pictures, held_out, recipe)
    }

    pub(super) fn begin(
        base: Arc<Base>,
        beginning: Beginning,
        adapter: &Adapter,
        pictures: Pictures,
        held_out: Option<Pictures>,
        mut recipe: Recipe,
    ) -> Result<Self> {
        recipe.check()?;
        [&pictures].into_iter().chain(&held_out).try_for_each(|pictures| pictures.check(&base.info))?;
        recipe.batch_size = recipe.batch_size.min(pictures.len());
        let parameters = AdapterParameters::new(adapter, &base.state)?;
        Ok(Self {
            schedule: NoiseSchedule::new(base.schedule.clone()),
            vectors: Vectors::new(parameters.initial()),
            base,
            beginning,
            parameters,
            pictures,
            held_out,
            recipe,
            step: 0,
            validated: Validated::default(),
            best: None,
        })
    }

    /// The numbers it is trained by.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Steps done.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Steps of the whole run.
    pub fn total(&self) -> usize {
        self.recipe.steps
    }

    /// The parameters that the next step's jobs are computed with, `[len]`.
    pub fn parameters(&self) -> &[f32] {
        &self.vectors.weights
    }

    /// The EMA of the parameters, `[len]`: what is validated, drawn with and kept.
    pub fn averaged(&self) -> &[f32] {
        &self.vectors.ema
    }

    /// The jobs of the next step. None where the run is over.
    pub fn jobs(&self) -> Vec<Job> {
        self.jobs_of(self.step)
    }

    /// The jobs of the step after `step` steps, which can be made while those before are computed.
    pub fn jobs_of(&self, step: usize) -> Vec<Job> {
        if step >= self.total() {
            return Vec::new();
        }
        let chosen = |indices: &[usize]| self.pictures.chosen(indices);
        let batch = Batch::of_step(&self.recipe, step, self.pictures.len(), &chosen, &self.base.info, &self.schedule);
        batch.jobs(&self.recipe, &self.schedule, Some(step))
    }

    /// Takes a step by the results of all its [`jobs`](Self::jobs), in their order.
    ///
    /// # Errors
    /// [`TrainingError::Results`] for too few or too many, [`TrainingError::Length`] for gradients of another length,
    /// [`TrainingError::Diverged`] where loss or gradient is infinite or not a number, [`RequestError::Over`] after the last
    /// step. Nothing is changed then.
    pub fn advance(&mut self, results: &[JobResult]) -> Result<StepReport> {
        if self.step >= self.total() {
            return Err(RequestError::Over.into());
        }
        let (found, expected) = (results.len(), self.recipe.batch_size.div_ceil(self.recipe.job_size()));
        if found != expected {
            return Err(TrainingError::Results { found, expected }.into());
        }
        for result in results {
            self.parameters.layout().check(&result.gradients)?;
        }
        let step = self.step + 1;
        let loss: f32 = results.iter().map(|result| result.loss).sum();
        let (gradients, grad_norm) = sum_and_norm(results.iter().map(|result| &result.gradients[..]));
        if !loss.is_finite() || !grad_norm.is_finite() {
            return Err(TrainingError::Diverged { step }.into());
        }
        let lr = self.recipe.learning_rate(self.step);
        let decay = ema_decay(self.recipe.ema_decay, self.step) as f32;
        let scale = self.recipe.gradient_scale(grad_norm);
        let factors = factors(lr, self.recipe.weight_decay, self.step);
        factors.step(&gradients, scale, decay, self.vectors.parameters());
        self.step = step;
        Ok(StepReport { step, total: self.total(), loss, grad_norm, lr, images: self.recipe.batch_size })
    }

    /// Whether the validation loss is to be measured now: at the steps of `recipe.validate_every`, where there are held-out
    /// pictures and it was not yet.
    pub fn validates(&self) -> bool {
        self.held_out.is_some() && self.step > 0 && self.validated.step < self.step && self.recipe.validates(self.step)
    }

    /// The jobs of the validation loss, to be computed with the [`averaged`](Self::averaged) parameters: the same each time.
    /// None without held-out pictures.
    pub fn validation_jobs(&self) -> Vec<Job> {
        let Some(held_out) = &self.held_out else { return Vec::new() };
        let chosen = |indices: &[usize]| held_out.chosen(indices);
        let seed = self.recipe.seed;
        let batch = Batch::held_out(seed, held_out.len(), &chosen, &self.base.info, &self.schedule);
        batch.jobs(&self.recipe, &self.schedule, None)
    }

    /// Notes the losses of the [`validation_jobs`](Self::validation_jobs), in their order: where their sum is the least so
    /// far, the averaged parameters are kept. Before the first step it is only summed.
    pub fn validated(&mut self, losses: &[f32]) -> Verdict {
        let loss = losses.iter().sum();
        let least = self.step > 0 && self.validated.note(self.step, loss);
        if least {
            self.best = Some(self.vectors.ema.clone());
        }
        Verdict { loss, least, stop: self.validated.has_settled(self.recipe.early_stop) }
    }

    /// What validation has found so far.
    pub fn found(&self) -> &Validated {
        &self.validated
    }

    /// The adapter as it is trained so far.
    ///
    /// # Errors
    /// None but what a broken run would have.
    pub fn adapter(&self, which: Kept) -> Result<Adapter> {
        let best = self.best.as_ref().filter(|_| which == Kept::Best);
        self.parameters.adapter(best.unwrap_or(&self.vectors.ema))
    }
}
