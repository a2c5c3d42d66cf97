//! The run of an autoencoder: a step is one of AdamW on a batch, cut into parts that any number of threads may compute; results
//! depend on seed and step alone. Tests: in `trainer/tests/runs/autoencoder.rs`.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use diffusion::autoencoder::Autoencoder;
use diffusion::autoencoder::burn::BurnAutoencoder;
use diffusion::ops::Ops;
use diffusion::state::StateDict;
use diffusion::training::{StepReport, Validated, streams};
use diffusion::unet::burn::read_state;

use super::loss::{Part, Weights, loss};
use super::pictures::Pictures;
use crate::config::{AutoencoderSettings, TrainConfig};
use crate::error::{Error, Result};
use crate::parallel;
use crate::train::checkpoint::{Checkpoint, Origin};
use crate::train::gradients;
use crate::train::network_parameters::NetworkParameters;
use crate::train::optimizer::{Optimizer, Vectors};
use crate::train::tensors::{host, to_state, to_vector};

/// A part of a batch: pictures by index, the side and corner of the square that is cut out of each, and the noise of their
/// latents.
struct Share {
    indices: Vec<usize>,
    crop: usize,
    corners: Vec<[usize; 2]>,
    noise: Vec<f32>,
}

/// A training run: network, optimizer, EMA, and how far it is.
pub struct AutoencoderRun<'a> {
    config: TrainConfig,
    weights: Weights,
    /// Side of the squares that are cut out of the pictures, and in how much of the run.
    crop: (usize, f64),
    start: Autoencoder,
    pictures: &'a dyn Pictures,
    device: Device,
    operations: Ops,
    network: BurnAutoencoder,
    parameters: NetworkParameters,
    optimizer: Optimizer,
    step: usize,
    validated: Validated,
    /// The EMA at the least validation loss.
    best: Option<Tensor<1>>,
}

impl<'a> AutoencoderRun<'a> {
    /// Starts with `start` on an autodiff `device`.
    ///
    /// # Errors
    /// Settings that cannot work; fewer pictures than a step needs, or of another number of channels.
    pub fn new(
        mut config: TrainConfig,
        settings: &AutoencoderSettings,
        start: Autoencoder,
        pictures: &'a dyn Pictures,
        device: Device,
        operations: Ops,
    ) -> Result<Self> {
        config.check()?;
        let refuse = |reason: String| Err(Error::Setting { reason });
        if pictures.channels() != start.config.in_channels {
            let (has, wants) = (pictures.channels(), start.config.in_channels);
            return refuse(format!("the pictures have {has} channels, the autoencoder takes {wants}"));
        }
        if config.steps_per_epoch(pictures.count()) == 0 {
            let (count, step) = (pictures.count(), config.images_per_step());
            return refuse(format!(
                "there are {count} pictures, fewer than the {step} of one step; lower --batch-size"
            ));
        }
        if parallel::on_cpu(&device) {
            config = config.divided_among_threads();
        }
        let network = BurnAutoencoder::with_state(&start.config, &start.state, &device)?;
        let parameters = NetworkParameters::new(&network);
        let plain = device.clone().without_autodiff();
        let zeros = Tensor::zeros([parameters.layout().len()], &plain);
        let weights = parameters.of(&network, &plain)?;
        let vectors = Vectors { ema: weights.clone(), weights, moment_1: zeros.clone(), moment_2: zeros };
        let optimizer = Self::new_optimizer(&config, vectors, 0);
        let weights = Weights { pixels: config.loss, edges: settings.edge_weight, kl: settings.kl_weight };
        let side = pictures.side();
        let crop = (if settings.crop == 0 { side } else { settings.crop.min(side) }, settings.crop_share);
        let mut run = Self {
            config,
            weights,
            crop,
            start,
            pictures,
            device,
            operations,
            network,
            parameters,
            optimizer,
            step: 0,
            validated: Validated::default(),
            best: None,
        };
        run.take_weights();
        Ok(run)
    }

    fn new_optimizer(config: &TrainConfig, vectors: Vectors, steps_done: usize) -> Optimizer {
        Optimizer::new(vectors, steps_done, config.weight_decay, config.ema_decay, config.threads)
    }

    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// A run that was started with other pictures; parameters that do not fit.
    pub fn resume(mut self, checkpoint: Checkpoint) -> Result<Self> {
        let Checkpoint { step, model, ema, moment_1, moment_2, origin, validated, best, .. } = checkpoint;
        origin.must_be(&self.origin())?;
        let device = self.device.clone().without_autodiff();
        let vector = |state: StateDict| to_vector(self.parameters.layout(), &state, &device);
        let vectors = Vectors {
            weights: vector(model)?,
            ema: vector(ema)?,
            moment_1: vector(moment_1)?,
            moment_2: vector(moment_2)?,
        };
        self.best = best.map(vector).transpose()?;
        self.optimizer = Self::new_optimizer(&self.config, vectors, step);
        (self.step, self.validated) = (step, validated);
        self.take_weights();
        Ok(self)
    }

    /// All that is needed to go on later.
    ///
    /// # Errors
    /// Weights that are infinite or not a number; that they cannot be read from the device.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        let Vectors { weights, ema, moment_1, moment_2 } = self.optimizer.vectors();
        let layout = self.parameters.layout();
        let model = to_state(layout, weights)?;
        if model.values().flat_map(|tensor| &tensor.values).any(|value| !value.is_finite()) {
            return Err(Error::WeightsNotFinite { step: self.step });
        }
        Ok(Checkpoint {
            step: self.step,
            config: self.config.clone(),
            origin: self.origin(),
            model,
            ema: to_state(layout, ema)?,
            moment_1: to_state(layout, moment_1)?,
            moment_2: to_state(layout, moment_2)?,
            validated: self.validated.clone(),
            best: self.best.as_ref().map(|best| to_state(layout, best)).transpose()?,
        })
    }

    fn origin(&self) -> Origin {
        Origin { data_sha256: self.pictures.sha256(), adapter: None }
    }

    /// The run's settings.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// Steps done.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Steps in which every picture is seen once.
    pub fn steps_per_epoch(&self) -> usize {
        self.config.steps_per_epoch(self.pictures.count())
    }

    /// Steps of the whole run.
    pub fn total(&self) -> usize {
        self.config.total_steps(self.pictures.count())
    }

    /// What validation has found so far.
    pub fn validated(&self) -> &Validated {
        &self.validated
    }

    /// The autoencoder with the EMA of the weights; with `best`, of those of the least validation loss, where one was measured.
    ///
    /// # Errors
    /// That they cannot be read from the device.
    pub fn trained(&self, best: bool) -> Result<Autoencoder> {
        let values = self.best.as_ref().filter(|_| best).unwrap_or(&self.optimizer.vectors().ema);
        let state = read_state(&self.with_weights(values))?;
        Ok(Autoencoder { config: self.start.config.clone(), state })
    }

    /// Trains until the end, or until `stop` is set: then a step that is under way is given up. `on_step` ends the training, too,
    /// with [`Error::Stopped`].
    ///
    /// # Errors
    /// A loss or gradient that is infinite or not a number, what else `on_step` returns, what the device refuses.
    pub fn run(
        &mut self,
        stop: &AtomicBool,
        mut on_step: impl FnMut(&mut Self, StepReport) -> Result<()>,
    ) -> Result<()> {
        while self.step < self.total() {
            match self.train_step(stop).and_then(|report| on_step(self, report)) {
                Err(Error::Stopped) => return Ok(()),
                outcome => outcome?,
            }
        }
        Ok(())
    }

    fn train_step(&mut self, stop: &AtomicBool) -> Result<StepReport> {
        let parts = self.parts(self.step);
        let pictures: usize = parts.iter().map(|part| part.indices.len()).sum();
        let plain = self.device.clone().without_autodiff();
        let job = |network: &BurnAutoencoder, part: Share| {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            let share = part.indices.len() as f32 / pictures as f32;
            Ok(self.loss(network, part, &self.device) * share)
        };
        let gather = |network: &BurnAutoencoder, gradients| self.parameters.gradients_of(network, gradients, &plain);
        let (loss, gradients) =
            gradients::of_jobs(&self.network, &self.device, parts, self.config.threads, job, gather)?;
        let step = self.step + 1;
        if !loss.is_finite() {
            return Err(Error::LossNotFinite { step, loss });
        }
        let (gradients, grad_norm) = gradients::sum_and_norm(gradients, self.config.threads)?;
        if !grad_norm.is_finite() {
            return Err(Error::GradientNotFinite { step });
        }
        let recipe = self.config.recipe(self.total());
        let lr = recipe.learning_rate(self.step);
        self.optimizer.step(lr, gradients, recipe.gradient_scale(grad_norm))?;
        self.take_weights();
        self.step = step;
        Ok(StepReport { step, total: self.total(), loss, grad_norm, lr, images: pictures })
    }

    /// Side of what a step sees of each picture; steps count from 0.
    fn crop_at(&self, step: usize) -> usize {
        let (crop, share) = self.crop;
        if (step as f64) < share * self.total() as f64 { crop } else { self.pictures.side() }
    }

    /// The parts of a step's batch; steps count from 0.
    fn parts(&self, step: usize) -> Vec<Share> {
        let (seed, batch) = (self.config.seed, self.config.images_per_step());
        let per_epoch = self.steps_per_epoch().max(1);
        let mut order: Vec<usize> = (0..self.pictures.count()).collect();
        streams::epoch(seed, step / per_epoch).shuffle(&mut order);
        let from = step % per_epoch * batch;
        let (config, crop) = (&self.start.config, self.crop_at(step));
        let latents = config.latent_channels * (crop / config.factor()).pow(2);
        let places = self.pictures.side() - crop + 1;
        let mut noise = streams::step(seed, step);
        let size = if self.config.micro_batch == 0 { batch } else { self.config.micro_batch };
        let chosen = order[from..from + batch].chunks(size);
        chosen
            .map(|indices| Share {
                indices: indices.to_vec(),
                crop,
                // Where there is but one place, no number is taken from the stream.
                corners: match places {
                    1 => vec![[0; 2]; indices.len()],
                    _ => indices.iter().map(|_| [noise.below(places), noise.below(places)]).collect(),
                },
                noise: noise.normals(indices.len() * latents),
            })
            .collect()
    }

    fn loss(&self, network: &BurnAutoencoder, part: Share, device: &Device) -> Tensor<1> {
        let (side, channels, crop) = (self.pictures.side(), self.pictures.channels(), part.crop);
        let shape = [part.indices.len(), channels, crop, crop];
        let whole = self.pictures.chosen(&part.indices);
        let pictures = if crop == side { whole } else { cropped(&whole, [channels, side], crop, &part.corners) };
        loss(Part { pictures, shape, noise: part.noise }, network, self.weights, device, self.operations)
    }

    /// Measures the mean loss of the EMA network on held-out pictures, encoded as their means and without the latents' distance,
    /// and keeps the weights where it is the least so far.
    ///
    /// # Errors
    /// What the device refuses; [`Error::Stopped`] where `stop` was set meanwhile: nothing is kept then.
    pub fn validate(&mut self, held_out: &dyn Pictures, stop: &AtomicBool) -> Result<f32> {
        let device = self.device.clone().without_autodiff();
        let network = self.with_weights(&self.optimizer.vectors().ema);
        let count = held_out.count();
        let all: Vec<usize> = (0..count).collect();
        let weights = Weights { kl: 0.0, ..self.weights };
        let (side, channels) = (held_out.side(), held_out.channels());
        let jobs = all.chunks(self.config.micro_batch.max(1)).map(|indices| (network.clone(), indices)).collect();
        let losses = parallel::map(jobs, self.config.threads, |(network, indices): (BurnAutoencoder, &[usize])| {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            let shape = [indices.len(), channels, side, side];
            let part = Part { pictures: held_out.chosen(indices), shape, noise: Vec::new() };
            let loss = host(loss(part, &network, weights, &device, self.operations))?;
            Ok(loss.iter().sum::<f32>() * indices.len() as f32 / count as f32)
        })?;
        let loss = losses.iter().sum();
        if self.validated.note(self.step, loss) {
            self.best = Some(self.optimizer.vectors().ema.clone());
        }
        Ok(loss)
    }

    fn take_weights(&mut self) {
        self.network = self.parameters.in_network(self.network.clone(), &self.optimizer.vectors().weights);
    }

    /// The network without gradients, with these weights.
    fn with_weights(&self, values: &Tensor<1>) -> BurnAutoencoder {
        self.parameters.in_network(self.network.valid(), values)
    }
}

/// A square of `crop` pixels a side out of each picture `[channels, side, side]`, at its corner.
fn cropped(pictures: &[f32], [channels, side]: [usize; 2], crop: usize, corners: &[[usize; 2]]) -> Vec<f32> {
    let each = pictures.chunks_exact(channels * side * side).zip(corners);
    let planes =
        each.flat_map(|(picture, corner)| picture.chunks_exact(side * side).map(move |plane| (plane, *corner)));
    planes
        .flat_map(|(plane, [x, y])| (y..y + crop).flat_map(move |row| &plane[row * side + x..row * side + x + crop]))
        .copied()
        .collect()
}
