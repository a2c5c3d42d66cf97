//! The training of base models and adapters. Tests: in `tests/it/training.rs`; whole runs with their files, in
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
use diffusion::state::StateDict;
use diffusion::training::{AdapterParameters, Job, Recipe, StepReport};
use diffusion::unet::burn::BurnUNet;

use super::checkpoint::{AdapterOrigin, Checkpoint, Origin};
use super::gradients;
use super::host::HostNetwork;
use super::loss::job_loss;
use super::network_parameters::NetworkParameters;
use super::progress::Progress;
use super::source::Source;
use super::tensors::{host, tensor, to_state};
use super::trained::Trained;
use super::training::Training;
use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::parallel;
use crate::ranks::Ranks;

/// A training run: the network, what of it is trained, and how far it is.
pub struct Trainer<'a> {
    pub(super) progress: Progress,
    pub(super) data: &'a dyn Source,
    pub(super) info: ModelInfo,
    pub(super) schedule: NoiseSchedule,
    pub(super) device: Device,
    /// With the optimizer's weights, but where the jobs are computed without burn.
    pub(super) unet: BurnUNet,
    /// What computes an adapter's jobs on the CPU, with the optimizer's weights.
    pub(super) host: Option<HostNetwork>,
    pub(super) trained: Box<dyn Trained>,
    pub(super) operations: Ops,
    pub(super) lora_dropout: f32,
    /// The number and jobs of the next step, made while this one was computed.
    pub(super) next_jobs: Option<(usize, Vec<Job>)>,
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
        let origin = Origin { data_sha256: data.sha256(), adapter: None };
        let progress = Progress::new(config, origin, trained.initial(&unet, &plain)?);
        let unet = trained.network(unet, progress.weights())?;
        Ok(Self {
            progress,
            data,
            info,
            schedule,
            device,
            unet,
            host: None,
            trained,
            operations: Ops::Custom,
            lora_dropout: 0.0,
            next_jobs: None,
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
        trainer.progress.origin.adapter = Some(adapter);
        Ok(trainer)
    }

    /// The numbers that decide the result.
    pub(super) fn recipe(&self) -> Recipe {
        Recipe { dropout: self.lora_dropout, ..self.config().recipe(self.total()) }
    }

    /// Whether it computes on the CPU, divided among threads.
    pub fn is_on_cpu(&self) -> bool {
        parallel::on_cpu(&self.device)
    }

    /// Does the work of the next step's first jobs, one for each thread, without training on it: how many pictures were
    /// computed. To measure how long steps will take.
    ///
    /// # Errors
    /// What the device refuses; [`Error::Stopped`].
    pub fn try_jobs(&mut self, stop: &AtomicBool) -> Result<usize> {
        let jobs = self.jobs(self.step());
        let tried: Vec<Job> = jobs.iter().take(self.config().threads.max(1)).cloned().collect();
        let pictures = tried.iter().map(Job::len).sum();
        self.losses_and_gradients(tried, stop)?;
        self.next_jobs = Some((self.step(), jobs));
        Ok(pictures)
    }

    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// A run that was started with other data, another base or other settings of the adapter; parameters that do not fit.
    pub fn resume(mut self, checkpoint: Checkpoint) -> Result<Self> {
        let trained = &self.trained;
        self.progress.resume(checkpoint, trained.layout(), |state| trained.renamed(state))?;
        self.take_weights()?;
        Ok(self)
    }

    /// The network with the EMA of the weights.
    ///
    /// # Errors
    /// That they cannot be read from the device.
    pub fn ema_unet(&self) -> Result<BurnUNet> {
        self.with_weights(self.progress.ema())
    }

    /// The EMA of the trained parameters, by their names.
    ///
    /// # Errors
    /// That they cannot be read from the device.
    pub fn ema_state(&self) -> Result<StateDict> {
        to_state(self.trained.layout(), self.progress.ema())
    }

    /// The network with the weights of the least validation loss; with the EMA as it is where none was measured.
    ///
    /// # Errors
    /// That they cannot be read from the device.
    pub fn best_unet(&self) -> Result<BurnUNet> {
        self.with_weights(self.progress.best())
    }

    /// The trained parameters of [`best_unet`](Self::best_unet), by their names.
    ///
    /// # Errors
    /// That they cannot be read from the device.
    pub fn best_state(&self) -> Result<StateDict> {
        to_state(self.trained.layout(), self.progress.best())
    }

    /// The network without gradients, with these values of its trained parameters.
    fn with_weights(&self, values: &Tensor<1>) -> Result<BurnUNet> {
        self.trained.network(self.unet.valid(), values)
    }

    /// Brings the network to the optimizer's weights.
    fn take_weights(&mut self) -> Result<()> {
        let weights = self.progress.weights();
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
            let results = network.gradients(jobs, self.config().threads, stop)?;
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
        let weights = self.progress.weights();
        let gather = |unet: &BurnUNet, gradients| self.trained.gradients(unet, gradients, weights, &plain);
        gradients::each_of_jobs(&self.unet, device, jobs, self.config().threads, loss, gather)
    }
}

impl Training for Trainer<'_> {
    fn progress(&self) -> &Progress {
        &self.progress
    }

    fn pictures(&self) -> usize {
        self.data.count()
    }

    fn checkpoint(&self) -> Result<Checkpoint> {
        self.progress.checkpoint(self.trained.layout())
    }

    fn train_step(&mut self, stop: &AtomicBool) -> Result<StepReport> {
        let now = self.step();
        let jobs = match self.next_jobs.take() {
            Some((step, jobs)) if step == now => jobs,
            _ => self.jobs(now),
        };
        let (next_jobs, computed) = parallel::overlap(
            self.config().threads,
            || (now + 1 < self.total()).then(|| (now + 1, self.jobs(now + 1))),
            || self.losses_and_gradients(self.own_part(jobs), stop),
        )?;
        let computed = self.of_all_ranks(computed, stop)?;
        self.next_jobs = next_jobs;
        let (recipe, total, images) = (self.recipe(), self.total(), self.config().images_per_step());
        let report = self.progress.advance(&recipe, total, computed, images)?;
        self.take_weights()?;
        Ok(report)
    }
}
