//! One run of the sampler: the single place where samplers, guidance and the network meet.
//! It yields steps; whoever pulls them logs, draws, cancels (by stopping).

use std::sync::Arc;

use crate::codec::PatchCodec;
use crate::cpu::{Classes, CpuUNet};
use crate::error::{DeviceError, Error, RequestError, Result};
use crate::guidance::{Guidance, Moment};
use crate::model::Model;
use crate::network::NetworkRun;
use crate::noise::NoiseSource;
use crate::sampler::{Sampler, SamplerKind};
use crate::schedule::PredictionType;

/// What to draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Class index of each picture (the null class is allowed).
    pub labels: Vec<usize>,
    /// Seed of each picture: its starting noise and, for stochastic samplers, its later noise.
    pub seeds: Vec<u64>,
    /// Number of denoising steps.
    pub num_inference_steps: usize,
    /// Which sampler.
    pub sampler: SamplerKind,
    /// Classifier-free guidance; 1 is off.
    pub guidance_scale: f32,
    /// Share of the run before which there is no guidance, at least 0 and below 1 (arXiv 2404.07724). f64, so that the steps are
    /// the very ones that diffusers' guiders choose by their `start` and `stop`.
    pub guidance_start: f64,
    /// Share of the run from which on there is no guidance, `guidance_start` to 1.
    pub guidance_stop: f64,
    /// How much of what guidance adds along the predicted picture itself, its ink, is kept, 0 to 1 (arXiv 2410.02416); 1 is plain
    /// guidance.
    pub guidance_eta: f32,
    /// DDIM's amount of fresh noise.
    pub eta: f32,
    /// Starting noise (standard normal, `[b, c, h, w]`) instead of the seeds'.
    pub latents: Option<Vec<f32>>,
    /// Whether each step tells what the pixels attend to: one more forward on the CPU, without guidance.
    pub attention: bool,
}

impl Request {
    /// One picture with the defaults: 12 steps of DPM-Solver++(2M), guidance 1.6 from the third to the ninth, which adds no ink.
    pub fn new(label: usize, seed: u64) -> Self {
        Self {
            labels: vec![label],
            seeds: vec![seed],
            num_inference_steps: 12,
            sampler: SamplerKind::DpmPlusPlus2M,
            guidance_scale: 1.6,
            guidance_start: 0.2,
            guidance_stop: 0.75,
            guidance_eta: 0.0,
            eta: 0.0,
            latents: None,
            attention: false,
        }
    }
}

/// What one step gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// 1 for the first step.
    pub step: usize,
    /// Number of steps.
    pub total: usize,
    /// Timestep at which the network was asked.
    pub timestep: f32,
    /// x_t after the step, latents of all pictures.
    pub sample: Vec<f32>,
    /// The predicted x_0, latents of all pictures.
    pub pred_original_sample: Vec<f32>,
    /// What the pixels of each picture gave to each token of its class, if that was asked: `[b, tokens, h, w]`.
    pub attention: Option<Vec<f32>>,
    /// Factor that brings `sample` to the scale of pictures (Euler works on larger numbers).
    pub display_scale: f32,
}

/// A run in progress.
#[derive(Debug)]
pub struct Generation {
    /// For the steps without guidance, if there are any.
    plain: Option<NetworkRun>,
    /// For the steps with guidance, on a batch twice as large, if there are any.
    doubled: Option<NetworkRun>,
    attention: Option<Attention>,
    codec: PatchCodec,
    guidance: Guidance,
    prediction: PredictionType,
    batch: usize,
    sampler: Box<dyn Sampler>,
    noise: Vec<NoiseSource>,
    sample: Vec<f32>,
    done: usize,
}

impl Generation {
    pub(crate) fn new(model: &Model, request: Request) -> Result<Self> {
        let base = model.base();
        let codec = base.codec();
        let batch = request.labels.len();
        if batch == 0 || request.seeds.len() != batch {
            return Err(RequestError::Batch { labels: batch, seeds: request.seeds.len() }.into());
        }
        let guidance = Guidance::new(&request, base.info.null_class_trained)?;
        let sampler = request.sampler.start(model.schedule(), request.num_inference_steps, request.eta)?;

        let mut noise: Vec<NoiseSource> = request.seeds.iter().map(|&seed| NoiseSource::new(seed)).collect();
        let drawn: Vec<f32> = noise.iter_mut().flat_map(|source| source.normals(codec.len())).collect();
        let mut sample = match request.latents {
            None => drawn,
            Some(latents) if latents.len() == batch * codec.len() => latents,
            Some(latents) => {
                let [c, h, w] = codec.latent_shape();
                return Err(RequestError::Latents { expected: [batch, c, h, w], found: latents.len() }.into());
            }
        };
        if sample.iter().any(|value| !value.is_finite()) {
            return Err(RequestError::LatentsNotFinite.into());
        }
        let sigma = sampler.init_noise_sigma();
        sample.iter_mut().for_each(|x| *x *= sigma);

        let rows = [vec![base.info.null_class(); batch], request.labels.clone()].concat();
        let start = |rows: &[usize]| model.network().start(rows, &base.info);
        Ok(Self {
            plain: (guidance.steps().len() < sampler.timesteps().len()).then(|| start(&request.labels)).transpose()?,
            doubled: (!guidance.steps().is_empty()).then(|| start(&rows)).transpose()?,
            attention: if request.attention { Some(Attention::new(model, &request.labels)?) } else { None },
            codec,
            guidance,
            prediction: model.schedule().config().prediction_type,
            batch,
            sampler,
            noise,
            sample,
            done: 0,
        })
    }

    /// Number of steps of the whole run.
    pub fn total(&self) -> usize {
        self.sampler.timesteps().len()
    }

    /// How latents become pictures.
    pub fn codec(&self) -> PatchCodec {
        self.codec
    }

    /// The latents as they stand (before the first step: the starting noise).
    pub fn sample(&self) -> &[f32] {
        &self.sample
    }

    /// What the network is asked at the next step: latents `[b, c, h, w]` with their shape and timesteps; at a step with guidance,
    /// first all pictures without their class. `None` when done.
    pub fn question(&self) -> Option<(Vec<f32>, [usize; 4], Vec<f32>)> {
        let timestep = *self.sampler.timesteps().get(self.done)?;
        let scale = self.sampler.input_scale(self.done);
        let copies = self.copies(self.done);
        let input: Vec<f32> = (0..copies).flat_map(|_| self.sample.iter().map(|x| x * scale)).collect();
        let [c, h, w] = self.codec.latent_shape();
        let rows = copies * self.batch;
        Some((input, [rows, c, h, w], vec![timestep; rows]))
    }

    /// Takes what the network said to [`question`](Self::question), and steps. After an error the run is over.
    pub fn advance(&mut self, output: Vec<f32>) -> Result<Step> {
        let index = self.done;
        let timestep = *self.sampler.timesteps().get(index).ok_or(RequestError::Over)?;
        self.done = self.total();
        let model_output = self.model_output(output, index)?;
        let attention = match &self.attention {
            Some(attention) => {
                Some(attention.maps(&self.sample, self.sampler.input_scale(index), timestep, self.codec)?)
            }
            None => None,
        };
        let fresh: Vec<f32> = if self.sampler.needs_noise(index) {
            let len = self.codec.len();
            self.noise.iter_mut().flat_map(|source| source.normals(len)).collect()
        } else {
            Vec::new()
        };
        let pred_original_sample = self.sampler.step(index, &model_output, &mut self.sample, &fresh);
        self.done = index + 1;
        let display_scale = if self.done < self.total() { self.sampler.input_scale(self.done) } else { 1.0 };
        Ok(Step {
            step: self.done,
            total: self.total(),
            timestep,
            sample: self.sample.clone(),
            pred_original_sample,
            attention,
            display_scale,
        })
    }

    /// The guided output of step `index`, on the host.
    fn model_output(&self, output: Vec<f32>, index: usize) -> Result<Vec<f32>> {
        let len = self.sample.len();
        let expected = self.copies(index) * len;
        if output.len() != expected {
            return Err(DeviceError::Length { found: output.len(), expected }.into());
        }
        if output.iter().any(|value| !value.is_finite()) {
            return Err(Error::NotFinite { step: index + 1 });
        }
        if self.copies(index) == 1 {
            return Ok(output);
        }
        let scale = self.sampler.input_scale(index);
        let sample: Vec<f32> = self.sample.iter().map(|x| x * scale).collect();
        let (signal, noise) = self.sampler.signal_and_noise(index);
        let moment = Moment { sample: &sample, signal, noise, prediction: self.prediction, len: self.codec.len() };
        Ok(self.guidance.apply(&output[..len], &output[len..], &moment))
    }

    /// How often step `index` asks about each picture.
    fn copies(&self, index: usize) -> usize {
        if self.guidance.steps().contains(&index) { 2 } else { 1 }
    }

    /// What answers at the next step.
    fn network(&mut self) -> Option<&mut NetworkRun> {
        if self.copies(self.done) == 2 { self.doubled.as_mut() } else { self.plain.as_mut() }
    }

    /// The next step, waiting for the device without blocking: for the browser.
    pub async fn next_async(&mut self) -> Option<Result<Step>> {
        let (sample, shape, timesteps) = self.question()?;
        let output = self.network()?.predict_async(sample, shape, &timesteps).await;
        Some(self.take(output))
    }

    fn take(&mut self, output: Result<Vec<f32>>) -> Result<Step> {
        match output {
            Ok(output) => self.advance(output),
            Err(error) => {
                self.done = self.total();
                Err(error)
            }
        }
    }
}

/// What is needed to tell what pixels attend to; always on the CPU, whatever draws.
#[derive(Debug)]
struct Attention {
    unet: Arc<CpuUNet>,
    /// Of each picture.
    classes: Vec<Classes>,
    tokens: usize,
}

impl Attention {
    fn new(model: &Model, labels: &[usize]) -> Result<Self> {
        let (unet, info) = (model.on_cpu()?, &model.base().info);
        let classes = labels.iter().map(|&label| unet.classes(&[label], info)).collect::<Result<_>>()?;
        Ok(Self { unet, classes, tokens: info.tokens_per_class })
    }

    /// At the step that begins with these latents.
    fn maps(&self, sample: &[f32], scale: f32, timestep: f32, codec: PatchCodec) -> Result<Vec<f32>> {
        let [_, height, width] = codec.latent_shape();
        let pictures = sample.chunks_exact(codec.len()).zip(&self.classes).map(|(latents, class)| {
            let latents: Vec<f32> = latents.iter().map(|x| x * scale).collect();
            self.unet.attention(&latents, [height, width], timestep, class, self.tokens)
        });
        Ok(pictures.collect::<Result<Vec<_>>>()?.concat())
    }
}

/// The next step, blocking: for native programs.
impl Iterator for Generation {
    type Item = Result<Step>;

    fn next(&mut self) -> Option<Self::Item> {
        let (sample, shape, timesteps) = self.question()?;
        let output = self.network()?.predict(sample, shape, &timesteps);
        Some(self.take(output))
    }
}
