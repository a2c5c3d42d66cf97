//! One training loop for base models and adapters.

pub mod adapter;
pub mod checkpoint;
pub mod config;
mod ema;
mod objective;
mod params;

use std::sync::atomic::{AtomicBool, Ordering};

use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use diffusion::codec::PatchCodec;
use diffusion::config::ModelInfo;
use diffusion::noise::NoiseSource;
use diffusion::schedule::NoiseSchedule;
use diffusion::state::StateDict;
use diffusion::unet::{UNet, class_rows};

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::parallel;
pub use checkpoint::Checkpoint;
pub use config::{LossKind, TrainConfig};
use ema::Ema;
use objective::Objective;
use params::Trainable;

/// Streams of the seed's generator: every step and every epoch has one of its own, so that the number of the
/// step is all there is to remember, and a resumed run draws what an uninterrupted one would have drawn.
const STEP_STREAM: u64 = 1 << 32;
const EPOCH_STREAM: u64 = 2 << 32;

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
    data: &'a Dataset,
    info: ModelInfo,
    schedule: NoiseSchedule,
    device: Device,
    unet: UNet,
    trainable: Trainable,
    optimizer: ModuleOptimizer,
    ema: Ema,
    step: usize,
}

impl<'a> Trainer<'a> {
    /// Starts a run. `unet` lives on an autodiff device; what requires gradients is trained.
    pub fn new(
        config: TrainConfig,
        data: &'a Dataset,
        info: ModelInfo,
        schedule: NoiseSchedule,
        unet: UNet,
        device: Device,
    ) -> Result<Self> {
        config.check()?;
        let unet = params::with_stable_ids(unet);
        let trainable = params::trainable(&unet);
        let optimizer = AdamWConfig::new()
            .with_beta_1(0.9)
            .with_beta_2(0.999)
            .with_epsilon(1e-8)
            .with_weight_decay(config.weight_decay)
            .init();
        if config.steps_per_epoch(data.len()) == 0 {
            return Err(Error::Data {
                place: "the data set".into(),
                reason: format!("it has {} pictures, fewer than one batch of {}", data.len(), config.batch_size),
            });
        }
        let ema = Ema::new(&unet, trainable.clone(), config.ema_decay);
        Ok(Self { config, data, info, schedule, device, unet, trainable, optimizer, ema, step: 0 })
    }

    /// Continues from a checkpoint of a run with the same configuration.
    pub fn resume(mut self, checkpoint: Checkpoint) -> Result<Self> {
        let Checkpoint { step, model, ema, optimizer, .. } = checkpoint;
        self.unet = params::replace(self.unet, &self.trainable, &model, &self.device)?;
        self.ema.load(&ema, &self.device)?;
        self.optimizer = self
            .optimizer
            .from_bytes(burn::tensor::Bytes::from_bytes_vec(optimizer))
            .map_err(|e| Error::Checkpoint { reason: format!("the optimizer's state cannot be read: {e:?}") })?;
        self.step = step;
        Ok(self)
    }

    /// All that is needed to go on later.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        let optimizer = self
            .optimizer
            .into_bytes()
            .map_err(|e| Error::Checkpoint { reason: format!("the optimizer's state cannot be written: {e:?}") })?;
        Ok(Checkpoint {
            step: self.step,
            config: self.config.clone(),
            model: params::collect(&self.unet, &self.trainable)?,
            ema: self.ema.collect()?,
            optimizer: optimizer.to_vec(),
        })
    }

    /// The moving average of the weights: what is saved, sampled and shipped.
    pub fn averaged(&self) -> &UNet {
        self.ema.model()
    }

    /// The averaged trainable parameters, by module path.
    pub fn averaged_state(&self) -> Result<StateDict> {
        self.ema.collect()
    }

    /// What the run is made of.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// Steps done.
    pub fn step(&self) -> usize {
        self.step
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

    fn train_step(&mut self) -> Result<StepReport> {
        let batch = self.next_batch();
        let objective = Objective::new(&self.config, &self.schedule);
        let (device, info) = (&self.device, &self.info);
        let share = 1.0 / self.config.batch_size as f32;
        // The batch is always cut alike, whatever the number of threads.
        let jobs = batch.split(self.config.micro_batch);
        let (loss, gradients) =
            parallel::gradients(&self.unet, device, jobs, self.config.threads, |unet, job: Batch| {
                job.loss(unet, &objective, info, device) * share
            })?;
        let step = self.step + 1;
        if !loss.is_finite() {
            return Err(Error::LossNotFinite { step, loss });
        }
        let (gradients, grad_norm) = params::clip_by_global_norm(&self.unet, gradients, self.config.clip_norm)?;
        let lr = self.config.learning_rate(self.step, self.total());
        self.apply(lr, gradients);
        self.step = step;
        Ok(StepReport { step, total: self.total(), loss, grad_norm, lr, images: self.config.batch_size })
    }

    fn apply(&mut self, lr: f64, gradients: GradientsParams) {
        self.unet = self.optimizer.step(lr, self.unet.clone(), gradients);
        self.ema.update(&self.unet, self.step);
    }

    fn next_batch(&self) -> Batch {
        let (config, codec) =
            (&self.config, PatchCodec { image_size: self.info.image_size, patch_size: self.info.patch_size });
        let per_epoch = config.steps_per_epoch(self.data.len());
        let (epoch, position) = (self.step / per_epoch, self.step % per_epoch);
        let mut order: Vec<usize> = (0..self.data.len()).collect();
        NoiseSource::with_stream(config.seed, EPOCH_STREAM + epoch as u64).shuffle(&mut order);
        let chosen = &order[position * config.batch_size..(position + 1) * config.batch_size];
        let (images, labels) = self.data.batch(chosen);

        let mut noise = NoiseSource::with_stream(config.seed, STEP_STREAM + self.step as u64);
        let t = self.schedule.num_train_timesteps();
        // One timestep from each of as many equal parts: still uniform, with less variance (arXiv 2107.00630, app. I.1).
        let mut timesteps: Vec<usize> = (0..config.batch_size)
            .map(|i| ((i as f32 + noise.uniform()) / config.batch_size as f32 * t as f32) as usize)
            .map(|timestep| timestep.min(t - 1))
            .collect();
        noise.shuffle(&mut timesteps);
        let labels = labels
            .into_iter()
            .map(
                |label| {
                    if noise.uniform() < config.class_dropout { self.info.null_class() } else { usize::from(label) }
                },
            )
            .collect();
        let latents = images.chunks_exact(codec.len()).flat_map(|image| codec.encode(image)).collect();
        Batch {
            noise: noise.normals(config.batch_size * codec.len()),
            latents,
            labels,
            timesteps,
            shape: codec.latent_shape(),
        }
    }
}

/// Latents, their classes, timesteps and noise.
struct Batch {
    latents: Vec<f32>,
    labels: Vec<usize>,
    timesteps: Vec<usize>,
    noise: Vec<f32>,
    shape: [usize; 3],
}

impl Batch {
    /// Cuts the batch into jobs of at most `size` pictures.
    fn split(&self, size: usize) -> Vec<Self> {
        let width: usize = self.shape.iter().product();
        (0..self.labels.len())
            .step_by(size.max(1))
            .map(|from| {
                let to = (from + size.max(1)).min(self.labels.len());
                Self {
                    latents: self.latents[from * width..to * width].to_vec(),
                    labels: self.labels[from..to].to_vec(),
                    timesteps: self.timesteps[from..to].to_vec(),
                    noise: self.noise[from * width..to * width].to_vec(),
                    shape: self.shape,
                }
            })
            .collect()
    }

    /// Sum over the pictures of their losses.
    fn loss(&self, unet: &UNet, objective: &Objective<'_>, info: &ModelInfo, device: &Device) -> Tensor<1> {
        let [c, h, w] = self.shape;
        let b = self.labels.len();
        let tensor = |values: Vec<f32>| Tensor::<4>::from_data(TensorData::new(values, [b, c, h, w]), device);
        let (noisy, target, weights) = objective.inputs(&self.latents, &self.noise, &self.timesteps);
        let timesteps: Vec<f32> = self.timesteps.iter().map(|&t| t as f32).collect();
        // Labels come from the data set, whose classes the model was built for.
        let rows = class_rows(&self.labels, info, device)
            .unwrap_or_else(|_| Tensor::zeros([b, 1, info.encoder_hid_dim()], device));
        let output = unet.forward(tensor(noisy), &timesteps, unet.context(rows));
        objective.loss(output, tensor(target), Tensor::from_data(TensorData::new(weights, [b, 1]), device))
    }
}
