//! Training of the classifier: AdamW, one-cycle learning rate, distorted pictures, batches divided among all cores. Tests: in
//! `classifier/tests.rs`.

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor};
use diffusion::noise::NoiseSource;

use super::card::Card;
use super::design::Design;
use super::model::Classifier;
use super::net::Net;
use super::{augment, weights};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::parallel;
use crate::train::gradients;

/// Pictures per job. A batch is always cut like this, so that the result does not depend on the
/// number of cores.
const JOB: usize = 32;

/// How a classifier is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierConfig {
    /// Layers and augmentation.
    pub design: Design,
    /// Times that every picture is seen.
    pub epochs: usize,
    /// Pictures per step.
    pub batch_size: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Decides starting weights, order and distortions.
    pub seed: u64,
    /// Worker threads; they do not change the result.
    pub threads: usize,
}

impl Default for ClassifierConfig {
    fn default() -> Self {
        Self::of(Design::default())
    }
}

impl ClassifierConfig {
    /// For a classifier of this design, with its own seed.
    pub fn of(design: Design) -> Self {
        let (learning_rate, threads) = (design.learning_rate(), parallel::default_threads());
        Self { design, epochs: 12, batch_size: 128, learning_rate, seed: design.seed(), threads }
    }

    /// For pictures of one's own: few of them are seen more often, each time distorted in another way, and those of many classes,
    /// unless the number of `epochs` is given.
    pub fn for_own(data: &Dataset, epochs: Option<usize>) -> Self {
        /// Pictures seen in all, at least: of a few dozen, what a minute can show.
        const SEEN: usize = 40_000;
        /// The same for each class.
        const SEEN_OF_A_CLASS: usize = 300;
        let config = Self::default();
        let seen = SEEN.max(SEEN_OF_A_CLASS * data.classes_with_pictures().len());
        Self { epochs: epochs.unwrap_or_else(|| config.epochs.max(seen.div_ceil(data.len()))), ..config }
    }
}

/// Progress of the training after a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Step, from 1.
    pub step: usize,
    /// Steps in all.
    pub total: usize,
    /// Mean loss of the step's batch.
    pub loss: f32,
    /// Pictures in the step's batch.
    pub images: usize,
}

/// Trains a classifier on `data`. `device` is the plain device, such as `Device::flex()`.
///
/// # Errors
/// A loss that is infinite or not a number; what the device refuses.
pub fn train_classifier(
    config: &ClassifierConfig,
    data: &Dataset,
    device: &Device,
    mut on_step: impl FnMut(Progress),
) -> Result<Classifier> {
    let training = device.clone().autodiff();
    let shape = [data.channels(), data.size()];
    let mut net = weights::initial(config.design, shape, data.class_names().len(), config.seed, &training)?;
    let mut optimizer = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.02).init();
    let mut shuffle = NoiseSource::with_stream(config.seed, 1);
    let batch_size = config.batch_size.clamp(1, data.len());
    let total = config.epochs * data.len().div_ceil(batch_size);
    let outside = if data.has_light_ground() { 1.0 } else { -1.0 };
    let mut order: Vec<usize> = (0..data.len()).collect();
    let mut step = 0;
    for _ in 0..config.epochs {
        shuffle.shuffle(&mut order);
        for batch in order.chunks(batch_size) {
            step += 1;
            let share = 1.0 / batch.len() as f32;
            let jobs = batch.chunks(JOB).enumerate().map(|(i, part)| (i as u64, part)).collect();
            let loss = |net: &Net, (job, part): (u64, &[usize])| {
                // Every job has a stream of its own: threads do not share a generator.
                let stream = ((step as u64) << 16 | job) + 2;
                let noise = NoiseSource::with_stream(config.seed, stream);
                let strength = config.design.distortion();
                Ok(job_loss(net, data, part, noise, (strength, outside), &training) * (part.len() as f32 * share))
            };
            let (loss, gradients) =
                gradients::of_jobs(&net, &training, jobs, config.threads, loss, |_, gradients| Ok(gradients))?;
            if !loss.is_finite() {
                return Err(Error::LossNotFinite { step, loss });
            }
            let gradients = sum(&net, gradients);
            net = optimizer.step(learning_rate(config, step, total), net, gradients);
            on_step(Progress { step, total, loss, images: batch.len() });
        }
    }
    let card = Card {
        design: config.design,
        class_names: data.class_names().to_vec(),
        image_size: data.size(),
        channels: data.channels(),
        seed: config.seed,
        epochs: config.epochs,
        train_images: data.len(),
        ..Card::default()
    };
    Ok(Classifier::new(net.valid(), card, device.clone()))
}

/// Mean cross-entropy over some distorted pictures.
fn job_loss(
    net: &Net,
    data: &Dataset,
    part: &[usize],
    mut noise: NoiseSource,
    (strength, outside): ([f32; 2], f32),
    device: &Device,
) -> Tensor<1> {
    let (size, channels) = (data.size(), data.channels());
    let (mut images, labels) = data.batch(part);
    for image in images.chunks_exact_mut(channels * size * size) {
        // The channels of a picture move together.
        let before = noise.clone();
        for plane in image.chunks_exact_mut(size * size) {
            noise = before.clone();
            augment::distort(plane, size, strength, outside, &mut noise);
        }
    }
    let images = Tensor::<1>::from_floats(&images[..], device).reshape([part.len(), channels, size, size]);
    let labels: Vec<i32> = labels.into_iter().map(i32::from).collect();
    let labels = Tensor::<1, Int>::from_ints(&labels[..], device);
    CrossEntropyLossConfig::new().init(device).forward(net.forward(images), labels)
}

/// One cycle: up over the first fifth, then down to zero along a cosine (Smith and Topin, arXiv 1708.07120).
fn learning_rate(config: &ClassifierConfig, step: usize, total: usize) -> f64 {
    const RISE: f64 = 0.2;
    let done = step as f64 / (total + 1) as f64;
    let part =
        if done < RISE { done / RISE } else { 0.5 + 0.5 * ((done - RISE) / (1.0 - RISE) * std::f64::consts::PI).cos() };
    config.learning_rate * part
}

/// The sum of the gradients of one module.
fn sum<M: Module>(module: &M, parts: Vec<GradientsParams>) -> GradientsParams {
    let mut sum = Sum { parts, total: GradientsParams::new() };
    module.visit(&mut sum);
    sum.total
}

struct Sum {
    parts: Vec<GradientsParams>,
    total: GradientsParams,
}

impl ModuleVisitor for Sum {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let parts = self.parts.iter_mut().filter_map(|part| part.remove::<D>(param.id));
        if let Some(total) = parts.reduce(|total, part| total + part) {
            self.total.register(param.id, total);
        }
    }
}
