//! One run: the only file where sampler, guidance and network meet. It yields steps; the caller logs, draws, and cancels
//! by stopping.
//!
//! Tests: `tests/it/pipeline.rs`, `tests/it/samplers.rs`.

use std::ops::Range;
use std::sync::Arc;

use crate::error::{DeviceError, Error, RequestError, Result};
use crate::guidance::{Guidance, GuidanceInput};
use crate::model::Model;
use crate::noise::NoiseSource;
use crate::request::Request;
use crate::sampler::Sampler;
use crate::schedule::PredictionType;
use crate::unet::backend::ConditionedUNet;
use crate::unet::cpu::{ClassContext, CpuUNet};

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

/// The network's input at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInput {
    /// Noisy latents, scaled as the network expects them.
    pub sample: Vec<f32>,
    /// Shape of `sample`, `[b, c, h, w]`.
    pub shape: [usize; 4],
    /// Of each of the b pictures.
    pub timesteps: Vec<f32>,
    /// The class of each.
    pub labels: Vec<usize>,
}

/// A run in progress.
#[derive(Debug)]
pub struct Generation {
    /// For the steps without guidance, if there are any.
    unguided: Option<ConditionedUNet>,
    /// For the steps with guidance, if there are any: on a batch twice as large, the null class first.
    guided: Option<ConditionedUNet>,
    attention: Option<AttentionMaps>,
    /// `[channels, height, width]` of the latents of one picture.
    shape: [usize; 3],
    guidance: Guidance,
    prediction: PredictionType,
    batch: usize,
    /// The class of each row of a step with guidance; those of one without are the later half.
    labels: Vec<usize>,
    sampler: Box<dyn Sampler>,
    noise: Vec<NoiseSource>,
    sample: Vec<f32>,
    done: usize,
}

impl Model {
    /// Starts a run with the weights as they are now.
    ///
    /// # Errors
    /// [`Error::Request`] says which part of the request is out of range; [`Error::Device`] where the backend fails.
    pub fn generate(&self, request: Request) -> Result<Generation> {
        Generation::new(self, request)
    }
}

impl Generation {
    fn new(model: &Model, request: Request) -> Result<Self> {
        let base = model.base();
        let shape = base.info.latent_shape();
        let len: usize = shape.iter().product();
        let batch = request.labels.len();
        if batch == 0 || request.seeds.len() != batch {
            return Err(RequestError::Batch { labels: batch, seeds: request.seeds.len() }.into());
        }
        let sampler = request.sampler(model.schedule(), len)?;
        // As many steps as there are, which may be fewer than were asked for.
        let request = Request { num_inference_steps: sampler.timesteps().len(), ..request };
        let guidance = Guidance::new(&request, &base.info)?;

        let mut noise: Vec<NoiseSource> = request.seeds.iter().map(|&seed| NoiseSource::new(seed)).collect();
        let drawn: Vec<f32> = noise.iter_mut().flat_map(|source| source.normals(len)).collect();
        let mut sample = match request.latents {
            None => drawn,
            Some(latents) if latents.len() == batch * len => latents,
            Some(latents) => {
                let [c, h, w] = shape;
                return Err(RequestError::Latents { expected: [batch, c, h, w], found: latents.len() }.into());
            }
        };
        if sample.iter().any(|value| !value.is_finite()) {
            return Err(RequestError::LatentsNotFinite.into());
        }
        let sigma = sampler.init_noise_sigma();
        sample.iter_mut().for_each(|x| *x *= sigma);

        let rows = [vec![base.info.null_class(); batch], request.labels.clone()].concat();
        Ok(Self {
            unguided: (guidance.steps().len() < sampler.timesteps().len())
                .then(|| model.condition(&request.labels))
                .transpose()?,
            guided: (!guidance.steps().is_empty()).then(|| model.condition(&rows)).transpose()?,
            attention: if request.attention { Some(AttentionMaps::new(model, &request.labels)?) } else { None },
            shape,
            guidance,
            prediction: model.schedule().config().prediction_type,
            batch,
            labels: rows,
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

    /// `[channels, height, width]` of the latents of one picture; [`Base::codec`](crate::Base::codec) makes pictures of them.
    pub fn latent_shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The latents as they stand (before the first step: the starting noise).
    pub fn sample(&self) -> &[f32] {
        &self.sample
    }

    /// The network's input at the next step; `None` when the run is over. At a step with guidance the batch is twice as
    /// large: first all pictures with the null class, then with their own.
    pub fn model_input(&self) -> Option<ModelInput> {
        let timestep = *self.sampler.timesteps().get(self.done)?;
        let scale = self.sampler.input_scale(self.done);
        let copies = self.copies(self.done);
        let input: Vec<f32> = (0..copies).flat_map(|_| self.sample.iter().map(|x| x * scale)).collect();
        let [c, h, w] = self.shape;
        let rows = copies * self.batch;
        let labels = self.labels[self.labels.len() - rows..].to_vec();
        Some(ModelInput { sample: input, shape: [rows, c, h, w], timesteps: vec![timestep; rows], labels })
    }

    /// The network's output for some rows of [`model_input`](Self::model_input), so that others can compute the rest: the same bits,
    /// however the rows are divided. `None` when the run is over, or computes elsewhere than on the CPU.
    pub fn predict_rows(&mut self, rows: Range<usize>) -> Option<Result<Vec<f32>>> {
        let ModelInput { sample, shape, timesteps, .. } = self.model_input()?;
        self.unet()?.predict_rows(&sample, shape, &timesteps, rows)
    }

    /// What predicts rows beside this run, on another thread. `None` when it computes elsewhere than on the CPU.
    pub fn row_predictor(&self) -> Option<RowPredictor> {
        let beside = |unet: &Option<ConditionedUNet>| match unet {
            Some(unet) => unet.beside().map(Some),
            None => Some(None),
        };
        Some(RowPredictor { unguided: beside(&self.unguided)?, guided: beside(&self.guided)?, batch: self.batch })
    }

    /// A step, with the network's output for [`model_input`](Self::model_input). After an error the run is over.
    ///
    /// # Errors
    /// [`Error::Request`] after the last step, [`Error::Device`] where the output has another length,
    /// [`Error::NotFinite`] where it has values that are not finite.
    pub fn step(&mut self, output: Vec<f32>) -> Result<Step> {
        let index = self.done;
        let timestep = *self.sampler.timesteps().get(index).ok_or(RequestError::Over)?;
        self.done = self.total();
        let model_output = self.model_output(output, index)?;
        let attention = match &self.attention {
            Some(attention) => {
                Some(attention.maps(&self.sample, self.sampler.input_scale(index), timestep, self.shape)?)
            }
            None => None,
        };
        let fresh: Vec<f32> = if self.sampler.needs_noise(index) {
            let len = self.len();
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
        let (signal, sigma) = self.sampler.signal_and_noise(index);
        let input = GuidanceInput { sample: &sample, signal, sigma, prediction: self.prediction, len: self.len() };
        Ok(self.guidance.apply(&output[..len], &output[len..], &input))
    }

    /// Values of the latents of one picture.
    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// How many rows of the batch each picture has at step `index`: 2 with guidance.
    fn copies(&self, index: usize) -> usize {
        if self.guidance.steps().contains(&index) { 2 } else { 1 }
    }

    /// The network of the next step.
    fn unet(&mut self) -> Option<&mut ConditionedUNet> {
        if self.copies(self.done) == 2 { self.guided.as_mut() } else { self.unguided.as_mut() }
    }

    /// The next step, waiting for the device without blocking: for the browser.
    pub async fn next_async(&mut self) -> Option<Result<Step>> {
        let ModelInput { sample, shape, timesteps, .. } = self.model_input()?;
        let output = self.unet()?.predict_async(sample, shape, &timesteps).await;
        Some(self.take(output))
    }

    fn take(&mut self, output: Result<Vec<f32>>) -> Result<Step> {
        match output {
            Ok(output) => self.step(output),
            Err(error) => {
                self.done = self.total();
                Err(error)
            }
        }
    }
}

/// The network of a run, for a thread that computes some of its rows. It has the weights of when the run was started.
#[derive(Debug)]
pub struct RowPredictor {
    unguided: Option<ConditionedUNet>,
    guided: Option<ConditionedUNet>,
    /// Pictures of the run.
    batch: usize,
}

impl RowPredictor {
    /// As [`Generation::predict_rows`], of an input that the run gave; `None` for any other.
    pub fn predict(&mut self, input: &ModelInput, rows: Range<usize>) -> Option<Result<Vec<f32>>> {
        let unet = if input.shape[0] == self.batch { &mut self.unguided } else { &mut self.guided };
        unet.as_mut()?.predict_rows(&input.sample, input.shape, &input.timesteps, rows)
    }
}

/// Computes what the pixels attend to: on the CPU, whatever backend draws.
#[derive(Debug)]
struct AttentionMaps {
    unet: Arc<CpuUNet>,
    /// Of each picture.
    classes: Vec<ClassContext>,
    tokens: usize,
}

impl AttentionMaps {
    fn new(model: &Model, labels: &[usize]) -> Result<Self> {
        let (unet, info) = (model.on_cpu()?, &model.base().info);
        let classes = labels.iter().map(|&label| unet.classes(&[label], info)).collect::<Result<_>>()?;
        Ok(Self { unet, classes, tokens: info.tokens_per_class })
    }

    /// At the step that begins with these latents.
    fn maps(&self, sample: &[f32], scale: f32, timestep: f32, shape: [usize; 3]) -> Result<Vec<f32>> {
        let [channels, height, width] = shape;
        let pictures = sample.chunks_exact(channels * height * width).zip(&self.classes).map(|(latents, class)| {
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
        let ModelInput { sample, shape, timesteps, .. } = self.model_input()?;
        let output = self.unet()?.predict(sample, shape, &timesteps);
        Some(self.take(output))
    }
}
