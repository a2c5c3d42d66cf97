//! What to draw, and how: the request of a run, with the defaults.
//!
//! Tests: `tests/it/requests.rs`.

use crate::config::ModelInfo;
use crate::error::Result;
use crate::sampler::{Sampler, SamplerKind};
use crate::schedule::{NoiseSchedule, TimestepSpacing};

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
    /// Which timesteps it visits; without it what the base's scheduler says, or else the sampler's own default.
    pub timestep_spacing: Option<TimestepSpacing>,
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
    /// The sampler of its run on pictures of `len` values, at the beginning.
    ///
    /// # Errors
    /// As [`SamplerKind::start`].
    pub fn sampler(&self, schedule: &NoiseSchedule, len: usize) -> Result<Box<dyn Sampler>> {
        let start = |schedule| self.sampler.start(schedule, self.num_inference_steps, len, self.eta);
        match self.timestep_spacing {
            Some(spacing) => start(&schedule.spaced(spacing)),
            None => start(schedule),
        }
    }

    /// One picture with the defaults: 12 steps of DPM-Solver++(2M), guidance 1.6 from the third to the ninth, which adds no ink.
    pub fn new(label: usize, seed: u64) -> Self {
        Self {
            labels: vec![label],
            seeds: vec![seed],
            num_inference_steps: 12,
            sampler: SamplerKind::DpmPlusPlus2M,
            timestep_spacing: None,
            guidance_scale: 1.6,
            guidance_start: 0.2,
            guidance_stop: 0.75,
            guidance_eta: 0.0,
            eta: 0.0,
            latents: None,
            attention: false,
        }
    }

    /// The same with the guidance that a base asks for, where it does.
    #[must_use]
    pub fn for_base(self, info: &ModelInfo) -> Self {
        Self { guidance_scale: info.guidance_scale.map_or(self.guidance_scale, |scale| scale as f32), ..self }
    }
}
