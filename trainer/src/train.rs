//! One training loop for base models and adapters.

pub mod adapter;
mod batch;
pub mod checkpoint;
pub mod config;
mod dropout;
mod flat;
mod gradients;
mod objective;
mod optimizer;

use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use burn::tensor::Device;
use diffusion::config::ModelInfo;
use diffusion::noise::NoiseSource;
use diffusion::ops::Ops;
use diffusion::schedule::NoiseSchedule;
use diffusion::state::StateDict;
use diffusion::unet::burn::BurnUNet;

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::parallel;
use batch::Batch;
pub use checkpoint::{AdapterOrigin, Checkpoint, Origin};
pub use config::{LossKind, TrainConfig};
use flat::Flat;
use objective::Objective;
use optimizer::{Optimizer, Vectors};

/// Streams of the seed's generator: every step and every epoch has one of its own, so that the number of the
/// step is all there is to remember, and a resumed run draws what an uninterrupted one would have drawn.
const STEP_STREAM: u64 = 1 << 32;
const EPOCH_STREAM: u64 = 2 << 32;
const VALIDATION_STREAM: u64 = 3 << 32;
/// Room for as many micro-batches in a step.
const DROPOUT_STREAM: u64 = 1 << 48;
const DROPOUT_JOBS: u64 = 1 << 16;

/// What a step gave.
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

/// A training run: network, optimizer, moving average, and how far it is.
pub struct Trainer<'a> {
    config: TrainConfig,
    origin: Origin,
    data: &'a Dataset,
    info: ModelInfo,
    schedule: NoiseSchedule,
    device: Device,
    /// Its trained parameters are views of the optimizer's weights.
    unet: BurnUNet,
    flat: Flat,
    optimizer: Optimizer,
    operations: Ops,
    lora_dropout: f32,
    step: usize,
    /// The batch of the next step, made while this one was computed.
    ahead: Option<(usize, Batch)>,
}

impl<'a> Trainer<'a> {
    /// Starts a run. `unet` lives on an autodiff device; what requires gradients is trained.
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
        // Kept with the run, which goes on with it whatever the threads are then.
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
        let flat = Flat::new(&unet);
        if flat.is_empty() {
            return Err(Error::Setting { reason: "nothing is trainable: no parameter requires a gradient".into() });
        }
        let plain = device.clone().without_autodiff();
        let (weights, zeros) = (flat.weights(&unet, &plain), flat.zeros(&plain));
        let vectors = Vectors { average: weights.clone(), weights, moment_1: zeros.clone(), moment_2: zeros };
        let unet = flat.put(unet, &vectors.weights);
        let optimizer = optimizer_of(&config, vectors, 0);
        let operations = Ops::Custom;
        let origin = Origin { data_sha256: data.sha256(), adapter: None };
        Ok(Self {
            config,
            origin,
            data,
            info,
            schedule,
            device,
            unet,
            flat,
            optimizer,
            operations,
            lora_dropout: 0.0,
            step: 0,
            ahead: None,
        })
    }

    /// By whose operations the network is computed: this project's own where there are, if nothing else is said.
    pub fn with_operations(self, operations: Ops) -> Self {
        Self { operations, ..self }
    }

    /// Drops inputs of the adapters while training, with this probability (see [`dropout`]).
    pub fn with_lora_dropout(mut self, probability: f32) -> Result<Self> {
        if !(0.0..1.0).contains(&probability) {
            return Err(Error::Setting { reason: "lora_dropout must be at least 0 and below 1".into() });
        }
        self.lora_dropout = probability;
        Ok(self)
    }

    /// Trains an adapter with these settings on the base with these weights.
    pub fn for_adapter(self, adapter: AdapterOrigin) -> Result<Self> {
        adapter.settings.check()?;
        let mut trainer = self.with_lora_dropout(adapter.settings.dropout)?;
        trainer.origin.adapter = Some(adapter);
        Ok(trainer)
    }

    /// Continues from a checkpoint of a run that was started with the same data, and base and settings of an adapter.
    pub fn resume(mut self, checkpoint: Checkpoint) -> Result<Self> {
        let Checkpoint { step, model, ema, moment_1, moment_2, origin, .. } = checkpoint;
        origin.must_be(&self.origin)?;
        let device = self.device.clone().without_autodiff();
        let written = |state| self.flat.written(state, &device);
        let vectors = Vectors {
            weights: written(&model)?,
            average: written(&ema)?,
            moment_1: written(&moment_1)?,
            moment_2: written(&moment_2)?,
        };
        self.unet = self.flat.put(self.unet, &vectors.weights);
        self.optimizer = optimizer_of(&self.config, vectors, step);
        self.step = step;
        Ok(self)
    }

    /// All that is needed to go on later.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        let Vectors { weights, average, moment_1, moment_2 } = self.optimizer.vectors();
        let checkpoint = Checkpoint {
            step: self.step,
            config: self.config.clone(),
            origin: self.origin.clone(),
            model: self.flat.read(weights)?,
            ema: self.flat.read(average)?,
            moment_1: self.flat.read(moment_1)?,
            moment_2: self.flat.read(moment_2)?,
        };
        // What could not be gone on from must not replace what can.
        if checkpoint.model.values().flat_map(|tensor| &tensor.values).any(|value| !value.is_finite()) {
            return Err(Error::WeightsNotFinite { step: self.step });
        }
        Ok(checkpoint)
    }

    /// The moving average of the weights: what is saved, sampled and shipped.
    pub fn averaged(&self) -> BurnUNet {
        self.flat.put(self.unet.valid(), &self.optimizer.vectors().average)
    }

    /// The averaged trainable parameters, by module path.
    pub fn averaged_state(&self) -> Result<StateDict> {
        self.flat.read(&self.optimizer.vectors().average)
    }

    /// What the run is made of.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// Pictures per forward and backward.
    fn micro_batch(&self) -> usize {
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

    /// Trains until the end, or until `stop` is set. `on_step` decides when to log, save and draw.
    pub fn run(&mut self, stop: &AtomicBool, mut on_step: impl FnMut(&Self, StepReport) -> Result<()>) -> Result<()> {
        while self.step < self.total() && !stop.load(Ordering::Relaxed) {
            let report = self.train_step()?;
            on_step(self, report)?;
        }
        Ok(())
    }

    /// Loss of the averaged network on held-out pictures, with the same timesteps and noise every time, all labels
    /// kept.
    pub fn validation_loss(&self, held_out: &Dataset) -> Result<f32> {
        held_out.must_fit(&self.info)?;
        let device = self.device.clone().without_autodiff();
        let all: Vec<usize> = (0..held_out.len()).collect();
        let noise = NoiseSource::with_stream(self.config.seed, VALIDATION_STREAM);
        let batch = Batch::new(held_out, &all, &self.info, self.schedule.num_train_timesteps(), 0.0, noise);
        let objective = Objective::new(&self.config, &self.schedule);
        let unet = self.averaged();
        let jobs = batch.split(self.micro_batch()).into_iter().map(|job| (unet.clone(), job)).collect();
        let sums = parallel::map(jobs, self.config.threads, |(unet, job)| {
            let loss =
                job.loss(&unet, &objective, &self.info, &device, self.operations).into_data().try_to_vec::<f32>();
            loss.map_err(|error| Error::Device(format!("{error:?}")))
        });
        let sum: f32 = sums.into_iter().collect::<Result<Vec<_>>>()?.concat().iter().sum();
        Ok(sum / held_out.len() as f32)
    }

    fn train_step(&mut self) -> Result<StepReport> {
        let batch = match self.ahead.take() {
            Some((step, batch)) if step == self.step => batch,
            _ => self.batch(self.step),
        };
        let objective = Objective::new(&self.config, &self.schedule);
        let (device, info, operations) = (&self.device, &self.info, self.operations);
        let (plain, threads) = (&device.clone().without_autodiff(), self.config.threads);
        let (seed, probability, done) = (self.config.seed, self.lora_dropout, self.step as u64);
        let share = 1.0 / self.config.images_per_step() as f32;
        let jobs = (0u64..).zip(batch.split(self.micro_batch())).collect();
        let this = &*self;
        let (next, result) = parallel::beside(
            || (this.step + 1 < this.total()).then(|| (this.step + 1, this.batch(this.step + 1))),
            || {
                let loss = |unet: &BurnUNet, (i, job): (u64, Batch)| {
                    let chance = NoiseSource::with_stream(seed, DROPOUT_STREAM + done * DROPOUT_JOBS + i);
                    let unet = dropout::drop_inputs(unet, probability, chance, device);
                    job.loss(&unet, &objective, info, device, operations) * share
                };
                let gather = |unet: &BurnUNet, gradients| this.flat.gradients(unet, gradients, plain);
                parallel::gradients(&this.unet, device, jobs, threads, loss, gather)
            },
        );
        self.ahead = next;
        let (loss, gradients) = result?;
        let step = self.step + 1;
        if !loss.is_finite() {
            return Err(Error::LossNotFinite { step, loss });
        }
        // Here, and where the loss was read, a step waits for the device.
        let (gradients, grad_norm) = gradients::summed(gradients.into_iter().collect::<Result<_>>()?, threads)?;
        if !grad_norm.is_finite() {
            return Err(Error::GradientNotFinite { step });
        }
        let max = self.config.max_grad_norm;
        let scale = if max == 0.0 || grad_norm <= max { 1.0 } else { max / (grad_norm + 1e-6) };
        let lr = self.config.learning_rate(self.step, self.total());
        self.optimizer.step(lr, gradients, scale)?;
        self.unet = self.flat.put(self.unet.clone(), &self.optimizer.vectors().weights);
        self.step = step;
        Ok(StepReport { step, total: self.total(), loss, grad_norm, lr, images: self.config.images_per_step() })
    }

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

/// After `time` steps.
fn optimizer_of(config: &TrainConfig, vectors: Vectors, time: usize) -> Optimizer {
    Optimizer::new(vectors, time, config.weight_decay, config.ema_decay, config.threads)
}
