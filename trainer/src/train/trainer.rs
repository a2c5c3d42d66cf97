//! One training loop for base models and adapters. Tests: in `tests/it/training.rs`; whole runs with their files, in
//! `trainer/tests/runs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use diffusion::Base;
use diffusion::adapter::Adapter;
use diffusion::config::ModelInfo;
use diffusion::ops::Ops;
use diffusion::schedule::NoiseSchedule;
use diffusion::training::{AdapterParameters, Job, Recipe, StepReport, Validated};
use diffusion::unet::burn::BurnUNet;

use super::checkpoint::{AdapterOrigin, Origin};
use super::gradients;
use super::host::HostNetwork;
use super::loss::job_loss;
use super::network_parameters::NetworkParameters;
use super::optimizer::{Optimizer, Vectors};
use super::source::Source;
use super::tensors::{host, tensor};
use super::trained::Trained;
use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::parallel;
use crate::ranks::Ranks;

/// A training run: network, optimizer, EMA, and how far it is.
pub struct Trainer<'a> {
    pub(super) config: TrainConfig,
    pub(super) origin: Origin,
    pub(super) data: &'a dyn Source,
    pub(super) info: ModelInfo,
    pub(super) schedule: NoiseSchedule,
    pub(super) device: Device,
    /// With the optimizer's weights, but where the jobs are computed without burn.
    pub(super) unet: BurnUNet,
    /// What computes an adapter's jobs on the CPU, with the optimizer's weights.
    pub(super) host: Option<HostNetwork>,
    pub(super) trained: Box<dyn Trained>,
    pub(super) optimizer: Optimizer,
    pub(super) operations: Ops,
    pub(super) lora_dropout: f32,
    /// Steps done.
    pub(super) step: usize,
    /// The number and jobs of the next step, made while this one was computed.
    pub(super) next_jobs: Option<(usize, Vec<Job>)>,
    pub(super) validated: Validated,
    /// The EMA at the least validation loss.
    pub(super) best: Option<Tensor<1>>,
    /// Those that share the work.
    pub(super) ranks: Ranks,
}

impl<'a> Trainer<'a> {
    /// Starts the run of a network. `unet` is on an autodiff `device`; what requires gradients is trained.
    ///
    /// # Errors
    /// Settings that cannot work, pictures that do not fit the model or are fewer than a step needs, a network with nothing
    /// to train.
    pub fn new(
        config: TrainConfig,
        data: &'a dyn Source,
        info: ModelInfo,
        schedule: NoiseSchedule,
        unet: BurnUNet,
        device: Device,
    ) -> Result<Self> {
        let trained = Box::new(NetworkParameters::new(&unet));
        Self::start(config, data, (info, schedule), (unet, trained), device)
    }

    /// Starts the run of an adapter of any kind on a frozen base, on an autodiff `device`.
    ///
    /// # Errors
    /// As [`new`](Self::new), and modules that the base does not have.
    pub fn of_adapter(
        config: TrainConfig,
        data: &'a dyn Source,
        base: &Base,
        adapter: &Adapter,
        device: Device,
    ) -> Result<Self> {
        let unet = BurnUNet::from_base(base, &device)?.freeze();
        let parameters = Arc::new(AdapterParameters::new(adapter, &base.state)?);
        let trained = Box::new(Arc::clone(&parameters));
        let schedule = NoiseSchedule::new(base.schedule.clone());
        let on_host = parallel::is_flex(&device);
        let trainer = Self::start(config, data, (base.info.clone(), schedule), (unet, trained), device)?;
        let host = on_host.then(|| HostNetwork::new(Arc::new(base.clone()), parameters)).transpose()?;
        Ok(Self { host, ..trainer })
    }

    fn start(
        mut config: TrainConfig,
        data: &'a dyn Source,
        (info, schedule): (ModelInfo, NoiseSchedule),
        (unet, trained): (BurnUNet, Box<dyn Trained>),
        device: Device,
    ) -> Result<Self> {
        config.check()?;
        data.must_fit(&info)?;
        // Kept with the run: it resumes with the same jobs on any number of threads.
        if parallel::on_cpu(&device) {
            config = config.divided_among_threads();
        }
        if config.steps_per_epoch(data.count()) == 0 {
            return Err(data.refuse(format!(
                "it has {} pictures, fewer than the {} of one step; lower --batch-size or --gradient-accumulation-steps",
                data.count(),
                config.images_per_step()
            )));
        }
        if trained.layout().is_empty() {
            return Err(Error::Setting { reason: "nothing is trainable: no parameter requires a gradient".into() });
        }
        let plain = device.clone().without_autodiff();
        let (weights, zeros) = (trained.initial(&unet, &plain)?, Tensor::zeros([trained.layout().len()], &plain));
        let vectors = Vectors { ema: weights.clone(), weights, moment_1: zeros.clone(), moment_2: zeros };
        let unet = trained.network(unet, &vectors.weights)?;
        let optimizer = new_optimizer(&config, vectors, 0);
        let origin = Origin { data_sha256: data.sha256(), adapter: None };
        Ok(Self {
            config,
            origin,
            data,
            info,
            schedule,
            device,
            unet,
            host: None,
            trained,
            optimizer,
            operations: Ops::Custom,
            lora_dropout: 0.0,
            step: 0,
            next_jobs: None,
            validated: Validated::default(),
            best: None,
            ranks: Ranks::alone(),
        })
    }

    /// Chooses whose operations compute the network, before the first step. Without it, this project's own where there are
    /// any.
    pub fn with_operations(self, operations: Ops) -> Self {
        let host = self.host.filter(|_| operations == Ops::Custom);
        Self { operations, host, ..self }
    }

    /// Has burn's graph compute an adapter's gradients on the CPU, too, before the first step: a second opinion.
    pub fn in_burns_graph(self) -> Self {
        Self { host: None, ..self }
    }

    /// Drops inputs of the adapters while training, with this probability (see `input_dropout.rs`).
    ///
    /// # Errors
    /// A probability that is not at least 0 and below 1.
    pub fn with_lora_dropout(mut self, probability: f32) -> Result<Self> {
        if !(0.0..1.0).contains(&probability) {
            return Err(Error::Setting { reason: "lora_dropout must be at least 0 and below 1".into() });
        }
        self.lora_dropout = probability;
        Ok(self)
    }

    /// Says that an adapter is trained, with which settings and on which base.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn for_adapter(self, adapter: AdapterOrigin) -> Result<Self> {
        adapter.settings.check()?;
        let mut trainer = self.with_lora_dropout(adapter.settings.dropout)?;
        trainer.origin.adapter = Some(adapter);
        Ok(trainer)
    }

    /// The run's settings.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The numbers that decide the result.
    pub(super) fn recipe(&self) -> Recipe {
        Recipe { dropout: self.lora_dropout, ..self.config.recipe(self.total()) }
    }

    /// Whether it computes on the CPU, divided among threads.
    pub fn is_on_cpu(&self) -> bool {
        parallel::on_cpu(&self.device)
    }

    /// Steps done.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Steps in which every picture is seen once.
    pub fn steps_per_epoch(&self) -> usize {
        self.config.steps_per_epoch(self.data.count())
    }

    /// Steps of the whole run.
    pub fn total(&self) -> usize {
        self.config.total_steps(self.data.count())
    }

    /// Trains until the end, or until `stop` is set: then a step that is under way is given up. `on_step` decides when to log,
    /// save and draw; it ends the training, too, with [`Error::Stopped`].
    ///
    /// # Errors
    /// A loss or gradient that is infinite or not a number, what else `on_step` returns, what the device refuses.
    pub fn run(
        &mut self,
        stop: &AtomicBool,
        mut on_step: impl FnMut(&mut Self, StepReport) -> Result<()>,
    ) -> Result<()> {
        while self.step < self.total() {
            // Several ranks stop together, by way of the step's sum.
            match self.train_step(stop).and_then(|report| on_step(self, report)) {
                Err(Error::Stopped) => return Ok(()),
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Does the work of the next step's first jobs, one for each thread, without training on it: how many pictures were
    /// computed. To measure how long steps will take.
    ///
    /// # Errors
    /// What the device refuses; [`Error::Stopped`].
    pub fn try_jobs(&mut self, stop: &AtomicBool) -> Result<usize> {
        let jobs = self.jobs(self.step);
        let tried: Vec<Job> = jobs.iter().take(self.config.threads.max(1)).cloned().collect();
        let pictures = tried.iter().map(Job::len).sum();
        self.losses_and_gradients(tried, stop)?;
        self.next_jobs = Some((self.step, jobs));
        Ok(pictures)
    }

    fn train_step(&mut self, stop: &AtomicBool) -> Result<StepReport> {
        let jobs = match self.next_jobs.take() {
            Some((step, jobs)) if step == self.step => jobs,
            _ => self.jobs(self.step),
        };
        let (next_jobs, computed) = parallel::overlap(
            self.config.threads,
            || (self.step + 1 < self.total()).then(|| (self.step + 1, self.jobs(self.step + 1))),
            || self.losses_and_gradients(self.own_part(jobs), stop),
        )?;
        let (loss, gradients) = self.of_all_ranks(computed, stop)?;
        self.next_jobs = next_jobs;
        let step = self.step + 1;
        if !loss.is_finite() {
            return Err(Error::LossNotFinite { step, loss });
        }
        // Here, and where the loss was read, a step waits for the device.
        let (gradients, grad_norm) = gradients::sum_and_norm(gradients, self.config.threads)?;
        if !grad_norm.is_finite() {
            return Err(Error::GradientNotFinite { step });
        }
        let recipe = self.recipe();
        let lr = recipe.learning_rate(self.step);
        self.optimizer.step(lr, gradients, recipe.gradient_scale(grad_norm))?;
        self.take_weights()?;
        self.step = step;
        Ok(StepReport { step, total: self.total(), loss, grad_norm, lr, images: self.config.images_per_step() })
    }

    /// Brings the network to the optimizer's weights.
    pub(super) fn take_weights(&mut self) -> Result<()> {
        let weights = &self.optimizer.vectors().weights;
        match &mut self.host {
            Some(network) => network.set_parameters(&host(weights.clone())?)?,
            None => self.unet = self.trained.network(self.unet.clone(), weights)?,
        }
        Ok(())
    }

    /// The jobs of a step, which counts from 0.
    fn jobs(&self, step: usize) -> Vec<Job> {
        self.data.jobs_of_step(&self.recipe(), step, &self.info, &self.schedule)
    }

    /// Share of the batch's mean loss, and gradients, of each of these jobs. Their sum over all is the batch's.
    fn losses_and_gradients(&self, jobs: Vec<Job>, stop: &AtomicBool) -> Result<(Vec<f32>, Vec<Tensor<1>>)> {
        let device = &self.device;
        let plain = device.clone().without_autodiff();
        if let Some(network) = &self.host {
            let results = network.gradients(jobs, self.config.threads, stop)?;
            let each = results.into_iter().map(|result| (result.loss, tensor(result.gradients, &plain)));
            return Ok(each.unzip());
        }
        let loss = |unet: &BurnUNet, job: Job| {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            let unet = self.trained.for_job(unet, job.dropout);
            job_loss(&job, &unet, &self.info, device, self.operations)
        };
        let weights = &self.optimizer.vectors().weights;
        let gather = |unet: &BurnUNet, gradients| self.trained.gradients(unet, gradients, weights, &plain);
        gradients::each_of_jobs(&self.unet, device, jobs, self.config.threads, loss, gather)
    }
}

pub(super) fn new_optimizer(config: &TrainConfig, vectors: Vectors, steps_done: usize) -> Optimizer {
    Optimizer::new(vectors, steps_done, config.weight_decay, config.ema_decay, config.threads)
}
