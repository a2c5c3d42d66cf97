//! One training loop for base models and adapters. Tests: in `tests/it/training.rs`; whole runs with their files, in
//! `trainer/tests/runs`.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use diffusion::config::ModelInfo;
use diffusion::noise::NoiseSource;
use diffusion::ops::Ops;
use diffusion::schedule::NoiseSchedule;
use diffusion::state::StateDict;
use diffusion::unet::burn::BurnUNet;

use super::batch::Batch;
use super::checkpoint::{AdapterOrigin, Checkpoint, Origin};
use super::loss::TrainingLoss;
use super::optimizer::{Optimizer, Vectors};
use super::parameter_vector::{ParameterVector, host};
use super::{gradients, lora_dropout};
use crate::config::TrainConfig;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::parallel;
use crate::ranks::Ranks;

/// Streams of the seed's generator. Every step and every epoch has a stream of its own, so that the number of the step is
/// all there is to remember, and a resumed run draws what an uninterrupted one would have drawn.
const STEP_STREAM: u64 = 1 << 32;
const EPOCH_STREAM: u64 = 2 << 32;
const VALIDATION_STREAM: u64 = 3 << 32;
const DROPOUT_STREAM: u64 = 1 << 48;
/// Streams that a step reserves for dropout, one for each micro-batch.
const DROPOUT_JOBS: u64 = 1 << 16;

/// The outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
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

/// A training run: network, optimizer, EMA, and how far it is.
pub struct Trainer<'a> {
    pub(super) config: TrainConfig,
    pub(super) origin: Origin,
    data: &'a Dataset,
    info: ModelInfo,
    schedule: NoiseSchedule,
    pub(super) device: Device,
    /// Its trained parameters are views of the optimizer's weights.
    unet: BurnUNet,
    parameters: ParameterVector,
    pub(super) optimizer: Optimizer,
    operations: Ops,
    lora_dropout: f32,
    /// Steps done.
    pub(super) step: usize,
    /// The number and batch of the next step, made while this one was computed.
    next_batch: Option<(usize, Batch)>,
    /// Those that share the work.
    pub(super) ranks: Ranks,
}

impl<'a> Trainer<'a> {
    /// Starts a run. `unet` is on an autodiff `device`; what requires gradients is trained.
    ///
    /// # Errors
    /// Settings that cannot work, pictures that do not fit the model or are fewer than a step needs, a network with nothing
    /// to train.
    pub fn new(
        mut config: TrainConfig,
        data: &'a Dataset,
        info: ModelInfo,
        schedule: NoiseSchedule,
        unet: BurnUNet,
        device: Device,
    ) -> Result<Self> {
        config.check()?;
        data.must_fit(&info)?;
        // Kept with the run: it resumes with the same jobs on any number of threads.
        if parallel::on_cpu(&device) {
            config = config.divided_among_threads();
        }
        if config.steps_per_epoch(data.len()) == 0 {
            return Err(data.refuse(format!(
                "it has {} pictures, fewer than the {} of one step; lower --batch-size or --gradient-accumulation-steps",
                data.len(),
                config.images_per_step()
            )));
        }
        let parameters = ParameterVector::new(&unet);
        if parameters.is_empty() {
            return Err(Error::Setting { reason: "nothing is trainable: no parameter requires a gradient".into() });
        }
        let plain = device.clone().without_autodiff();
        let (weights, zeros) = (parameters.gather_weights(&unet, &plain)?, parameters.zeros(&plain));
        let vectors = Vectors { ema: weights.clone(), weights, moment_1: zeros.clone(), moment_2: zeros };
        let unet = parameters.apply(unet, &vectors.weights);
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
            parameters,
            optimizer,
            operations: Ops::Custom,
            lora_dropout: 0.0,
            step: 0,
            next_batch: None,
            ranks: Ranks::alone(),
        })
    }

    /// Chooses whose operations compute the network. Without it, this project's own where there are any.
    pub fn with_operations(self, operations: Ops) -> Self {
        Self { operations, ..self }
    }

    /// Drops inputs of the adapters while training, with this probability (see `lora_dropout.rs`).
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

    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// A run that was started with other data, another base or other settings of the adapter; parameters that do not fit.
    pub fn resume(mut self, checkpoint: Checkpoint) -> Result<Self> {
        let Checkpoint { step, model, ema, moment_1, moment_2, origin, .. } = checkpoint;
        origin.must_be(&self.origin)?;
        let device = self.device.clone().without_autodiff();
        let vector = |state| self.parameters.to_vector(state, &device);
        let vectors = Vectors {
            weights: vector(&model)?,
            ema: vector(&ema)?,
            moment_1: vector(&moment_1)?,
            moment_2: vector(&moment_2)?,
        };
        self.unet = self.parameters.apply(self.unet, &vectors.weights);
        self.optimizer = new_optimizer(&self.config, vectors, step);
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
        let checkpoint = Checkpoint {
            step: self.step,
            config: self.config.clone(),
            origin: self.origin.clone(),
            model: self.parameters.to_state(weights)?,
            ema: self.parameters.to_state(ema)?,
            moment_1: self.parameters.to_state(moment_1)?,
            moment_2: self.parameters.to_state(moment_2)?,
        };
        if checkpoint.model.values().flat_map(|tensor| &tensor.values).any(|value| !value.is_finite()) {
            return Err(Error::WeightsNotFinite { step: self.step });
        }
        Ok(checkpoint)
    }

    /// The network with the EMA of the weights: what is saved, sampled and shipped.
    pub fn ema_unet(&self) -> BurnUNet {
        self.parameters.apply(self.unet.valid(), &self.optimizer.vectors().ema)
    }

    /// The EMA of the trained parameters, by module path.
    ///
    /// # Errors
    /// That they cannot be read from the device.
    pub fn ema_state(&self) -> Result<StateDict> {
        self.parameters.to_state(&self.optimizer.vectors().ema)
    }

    /// The run's settings.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// Pictures per forward and backward.
    pub(super) fn micro_batch(&self) -> usize {
        match self.config.micro_batch {
            0 => self.config.images_per_step(),
            size => size,
        }
    }

    /// Steps done.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Steps in which every picture is seen once.
    pub fn steps_per_epoch(&self) -> usize {
        self.config.steps_per_epoch(self.data.len())
    }

    /// Steps of the whole run.
    pub fn total(&self) -> usize {
        self.config.total_steps(self.data.len())
    }

    /// Trains until the end, or until `stop` is set: then a step that is under way is given up. `on_step` decides when to log, save and draw.
    ///
    /// # Errors
    /// A loss or gradient that is infinite or not a number, what `on_step` returns, what the device refuses.
    pub fn run(&mut self, stop: &AtomicBool, mut on_step: impl FnMut(&Self, StepReport) -> Result<()>) -> Result<()> {
        while self.step < self.total() {
            // Several ranks stop together, by way of the step's sum.
            match self.train_step(stop) {
                Err(Error::Stopped) => break,
                report => on_step(self, report?)?,
            }
        }
        Ok(())
    }

    /// Mean loss of the EMA network on held-out pictures, with the same timesteps and noise every time, all labels kept.
    ///
    /// # Errors
    /// Pictures that do not fit the model; what the device refuses.
    pub fn validation_loss(&self, held_out: &Dataset) -> Result<f32> {
        held_out.must_fit(&self.info)?;
        let device = self.device.clone().without_autodiff();
        let all: Vec<usize> = (0..held_out.len()).collect();
        let noise = NoiseSource::with_stream(self.config.seed, VALIDATION_STREAM);
        let batch = Batch::new(held_out, &all, &self.info, self.schedule.num_train_timesteps(), 0.0, noise);
        let loss = TrainingLoss::new(&self.config, &self.schedule);
        let unet = self.ema_unet();
        let jobs = self.own_part(batch.split(self.micro_batch())).into_iter().map(|job| (unet.clone(), job)).collect();
        let sums = parallel::map(jobs, self.config.threads, |(unet, job)| {
            host(job.loss(&unet, &loss, &self.info, &device, self.operations)?)
        });
        let sums = sums.map(|sums| sums.concat());
        Ok(self.loss_of_all_ranks(sums, &AtomicBool::new(false))? / held_out.len() as f32)
    }

    fn train_step(&mut self, stop: &AtomicBool) -> Result<StepReport> {
        let batch = match self.next_batch.take() {
            Some((step, batch)) if step == self.step => batch,
            _ => self.batch(self.step),
        };
        let (next_batch, computed) = parallel::overlap(
            self.config.threads,
            || (self.step + 1 < self.total()).then(|| (self.step + 1, self.batch(self.step + 1))),
            || self.losses_and_gradients(&batch, stop),
        )?;
        let (loss, gradients) = self.of_all_ranks(computed, stop)?;
        self.next_batch = next_batch;
        let step = self.step + 1;
        if !loss.is_finite() {
            return Err(Error::LossNotFinite { step, loss });
        }
        // Here, and where the loss was read, a step waits for the device.
        let (gradients, grad_norm) = gradients::sum_and_norm(gradients, self.config.threads)?;
        if !grad_norm.is_finite() {
            return Err(Error::GradientNotFinite { step });
        }
        let max = self.config.max_grad_norm;
        let scale = if max == 0.0 || grad_norm <= max { 1.0 } else { max / (grad_norm + 1e-6) };
        let lr = self.config.learning_rate(self.step, self.total());
        self.optimizer.step(lr, gradients, scale)?;
        self.unet = self.parameters.apply(self.unet.clone(), &self.optimizer.vectors().weights);
        self.step = step;
        Ok(StepReport { step, total: self.total(), loss, grad_norm, lr, images: self.config.images_per_step() })
    }

    /// Share of the batch's mean loss, and gradients, of each of the micro-batches that are this rank's. Their sum over all
    /// ranks is the batch's.
    fn losses_and_gradients(&self, batch: &Batch, stop: &AtomicBool) -> Result<(Vec<f32>, Vec<Tensor<1>>)> {
        let loss = TrainingLoss::new(&self.config, &self.schedule);
        let device = &self.device;
        let plain = device.clone().without_autodiff();
        let share = 1.0 / self.config.images_per_step() as f32;
        let first_stream = DROPOUT_STREAM + self.step as u64 * DROPOUT_JOBS;
        let job_loss = |unet: &BurnUNet, (i, job): (u64, Batch)| {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            let noise = NoiseSource::with_stream(self.config.seed, first_stream + i);
            let unet = lora_dropout::drop_inputs(unet, self.lora_dropout, noise, device);
            Ok(job.loss(&unet, &loss, &self.info, device, self.operations)? * share)
        };
        let gather = |unet: &BurnUNet, gradients| self.parameters.gather_gradients(unet, gradients, &plain);
        let jobs = self.own_part((0u64..).zip(batch.split(self.micro_batch())).collect());
        gradients::each_of_jobs(&self.unet, device, jobs, self.config.threads, job_loss, gather)
    }

    /// The batch of a step, which counts from 0.
    fn batch(&self, step: usize) -> Batch {
        let config = &self.config;
        let (width, per_epoch) = (config.images_per_step(), self.steps_per_epoch());
        let (epoch, position) = (step / per_epoch, step % per_epoch);
        let mut order: Vec<usize> = (0..self.data.len()).collect();
        NoiseSource::with_stream(config.seed, EPOCH_STREAM + epoch as u64).shuffle(&mut order);
        let chosen = &order[position * width..(position + 1) * width];
        let noise = NoiseSource::with_stream(config.seed, STEP_STREAM + step as u64);
        let timesteps = self.schedule.num_train_timesteps();
        Batch::new(self.data, chosen, &self.info, timesteps, config.class_dropout, noise)
    }
}

fn new_optimizer(config: &TrainConfig, vectors: Vectors, steps_done: usize) -> Optimizer {
    Optimizer::new(vectors, steps_done, config.weight_decay, config.ema_decay, config.threads)
}
