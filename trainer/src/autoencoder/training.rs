//! The run of an autoencoder: a step is one of AdamW on a batch, cut into parts that any number of threads may compute; results
//! depend on seed and step alone. Tests: in `trainer/tests/runs/autoencoder.rs`.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use diffusion::autoencoder::Autoencoder;
use diffusion::autoencoder::burn::BurnAutoencoder;
use diffusion::ops::Ops;
use diffusion::training::{StepReport, streams};
use diffusion::unet::burn::read_state;

use super::loss::{Part, Weights, loss};
use super::pictures::Pictures;
use crate::config::{AutoencoderSettings, TrainConfig};
use crate::error::{Error, Result};
use crate::parallel;
use crate::train::checkpoint::{Checkpoint, Origin};
use crate::train::gradients;
use crate::train::network_parameters::NetworkParameters;
use crate::train::tensors::host;
use crate::train::{Progress, Training};

/// A part of a batch: pictures by index, the side and corner of the square that is cut out of each, and the noise of their
/// latents.
struct Share {
    indices: Vec<usize>,
    crop: usize,
    corners: Vec<[usize; 2]>,
    noise: Vec<f32>,
}

/// A training run: the network, its pictures, and how far it is.
pub struct AutoencoderRun<'a> {
    progress: Progress,
    weights: Weights,
    /// Side of the squares that are cut out of the pictures, and in how much of the run.
    crop: (usize, f64),
    start: Autoencoder,
    pictures: &'a dyn Pictures,
    device: Device,
    operations: Ops,
    network: BurnAutoencoder,
    parameters: NetworkParameters,
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
        let origin = Origin { data_sha256: pictures.sha256(), adapter: None };
        let progress = Progress::new(config, origin, parameters.of(&network, &plain)?);
        let weights = Weights { pixels: progress.config.loss, edges: settings.edge_weight, kl: settings.kl_weight };
        let side = pictures.side();
        let crop = (if settings.crop == 0 { side } else { settings.crop.min(side) }, settings.crop_share);
        let mut run = Self { progress, weights, crop, start, pictures, device, operations, network, parameters };
        run.take_weights();
        Ok(run)
    }

    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// A run that was started with other pictures; parameters that do not fit.
    pub fn resume(mut self, checkpoint: Checkpoint) -> Result<Self> {
        self.progress.resume(checkpoint, self.parameters.layout(), |state| state)?;
        self.take_weights();
        Ok(self)
    }

    /// The autoencoder with the EMA of the weights; with `best`, of those of the least validation loss, where one was measured.
    ///
    /// # Errors
    /// That they cannot be read from the device.
    pub fn trained(&self, best: bool) -> Result<Autoencoder> {
        let values = if best { self.progress.best() } else { self.progress.ema() };
        let state = read_state(&self.with_weights(values))?;
        Ok(Autoencoder { config: self.start.config.clone(), state })
    }

    /// Side of what a step sees of each picture; steps count from 0.
    fn crop_at(&self, step: usize) -> usize {
        let (crop, share) = self.crop;
        if (step as f64) < share * self.total() as f64 { crop } else { self.pictures.side() }
    }

    /// The parts of a step's batch; steps count from 0.
    fn parts(&self, step: usize) -> Vec<Share> {
        let config = self.config();
        let (seed, batch) = (config.seed, config.images_per_step());
        let per_epoch = self.steps_per_epoch().max(1);
        let mut order: Vec<usize> = (0..self.pictures.count()).collect();
        streams::epoch(seed, step / per_epoch).shuffle(&mut order);
        let from = step % per_epoch * batch;
        let (network, crop) = (&self.start.config, self.crop_at(step));
        let latents = network.latent_channels * (crop / network.factor()).pow(2);
        let places = self.pictures.side() - crop + 1;
        let mut noise = streams::step(seed, step);
        let size = if config.micro_batch == 0 { batch } else { config.micro_batch };
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
        let network = self.with_weights(self.progress.ema());
        let count = held_out.count();
        let all: Vec<usize> = (0..count).collect();
        let weights = Weights { kl: 0.0, ..self.weights };
        let (side, channels) = (held_out.side(), held_out.channels());
        let jobs = all.chunks(self.config().micro_batch.max(1)).map(|indices| (network.clone(), indices)).collect();
        let losses = parallel::map(jobs, self.config().threads, |(network, indices): (BurnAutoencoder, &[usize])| {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            let shape = [indices.len(), channels, side, side];
            let part = Part { pictures: held_out.chosen(indices), shape, noise: Vec::new() };
            let loss = host(loss(part, &network, weights, &device, self.operations))?;
            Ok(loss.iter().sum::<f32>() * indices.len() as f32 / count as f32)
        })?;
        let loss = losses.iter().sum();
        self.progress.note(loss);
        Ok(loss)
    }

    fn take_weights(&mut self) {
        self.network = self.parameters.in_network(self.network.clone(), self.progress.weights());
    }

    /// The network without gradients, with these weights.
    fn with_weights(&self, values: &Tensor<1>) -> BurnAutoencoder {
        self.parameters.in_network(self.network.valid(), values)
    }
}

impl Training for AutoencoderRun<'_> {
    fn progress(&self) -> &Progress {
        &self.progress
    }

    fn pictures(&self) -> usize {
        self.pictures.count()
    }

    fn checkpoint(&self) -> Result<Checkpoint> {
        self.progress.checkpoint(self.parameters.layout())
    }

    fn train_step(&mut self, stop: &AtomicBool) -> Result<StepReport> {
        let (parts, threads) = (self.parts(self.step()), self.config().threads);
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
        let computed = gradients::of_jobs(&self.network, &self.device, parts, threads, job, gather)?;
        let (recipe, total) = (self.config().recipe(self.total()), self.total());
        let report = self.progress.advance(&recipe, total, computed, pictures)?;
        self.take_weights();
        Ok(report)
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
