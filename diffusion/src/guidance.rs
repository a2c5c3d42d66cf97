//! Classifier-free guidance: how strongly the class counts, and at which steps.
//!
//! Tests: `tests/it/pipeline.rs`.

use std::ops::Range;

use crate::config::ModelInfo;
use crate::error::{RequestError, Result};
use crate::prediction::predict;
use crate::request::Request;
use crate::schedule::PredictionType;

/// Classifier-free guidance (arXiv 2207.12598): `uncond + scale (cond - uncond)`; 1 means off.
pub fn guide(unconditional: &[f32], conditional: &[f32], scale: f32) -> Vec<f32> {
    unconditional.iter().zip(conditional).map(|(u, c)| u + scale * (c - u)).collect()
}

/// The network's input at a step.
#[derive(Debug)]
pub(crate) struct GuidanceInput<'a> {
    /// x_t of all pictures, scaled as the network expects it.
    pub sample: &'a [f32],
    /// `x_t = signal x_0 + sigma eps`.
    pub signal: f32,
    pub sigma: f32,
    pub prediction: PredictionType,
    /// Number of values of one picture.
    pub len: usize,
}

/// A request's guidance, checked.
#[derive(Debug)]
pub(crate) struct Guidance {
    scale: f32,
    eta: f32,
    /// What is added to a predicted picture to have it as light over black; nothing to latents, which are none.
    above: f32,
    steps: Range<usize>,
}

impl Guidance {
    /// For a base; without a trained null class there is nothing to guide away from, and no step has guidance.
    pub(crate) fn new(request: &Request, base: &ModelInfo) -> Result<Self> {
        let Request { guidance_scale: scale, guidance_start: start, guidance_stop: stop, guidance_eta: eta, .. } =
            *request;
        if !scale.is_finite() {
            return Err(RequestError::GuidanceScale { found: scale }.into());
        }
        if !(0.0..1.0).contains(&start) {
            return Err(RequestError::GuidanceStart { found: start }.into());
        }
        if !(start..=1.0).contains(&stop) {
            return Err(RequestError::GuidanceStop { start, found: stop }.into());
        }
        if !(0.0..=1.0).contains(&eta) {
            return Err(RequestError::GuidanceEta { found: eta }.into());
        }
        // Cut as diffusers' guiders cut it.
        let step = |share: f64| (share * request.num_inference_steps as f64) as usize;
        let steps = if scale == 1.0 || !base.null_class_trained { 0..0 } else { step(start)..step(stop) };
        let above = if base.latent_channels.is_some() { 0.0 } else { 1.0 };
        Ok(Self { scale, eta, above, steps })
    }

    /// The steps with guidance.
    pub(crate) fn steps(&self) -> Range<usize> {
        self.steps.clone()
    }

    /// The guided output. Below eta 1 it is projected (adaptive projected guidance, arXiv 2410.02416, in data prediction):
    /// the part of the difference that is parallel to the predicted picture, as light over black, only adds ink in the same
    /// place, and is amplified by eta of the rest's factor. Latents of an autoencoder are taken as they are, as in the paper.
    pub(crate) fn apply(&self, unconditional: &[f32], conditional: &[f32], input: &GuidanceInput<'_>) -> Vec<f32> {
        let mut guided = guide(unconditional, conditional, self.scale);
        if self.eta == 1.0 {
            return guided;
        }
        let GuidanceInput { sample, signal, sigma, prediction, len } = *input;
        let mut light = predict(prediction, conditional, sample, signal, sigma).original;
        light.iter_mut().for_each(|x| *x += self.above);
        // x_0 is linear in the output, so the share is the same for both.
        for (((guided, u), c), light) in guided
            .chunks_exact_mut(len)
            .zip(unconditional.chunks_exact(len))
            .zip(conditional.chunks_exact(len))
            .zip(light.chunks_exact(len))
        {
            let along: f64 = light.iter().zip(c).zip(u).map(|((q, c), u)| f64::from(*q) * f64::from(c - u)).sum();
            let square: f64 = light.iter().map(|&q| f64::from(q) * f64::from(q)).sum();
            if square > 0.0 {
                let less = (self.scale - 1.0) * (1.0 - self.eta) * (along / square) as f32;
                guided.iter_mut().zip(light).for_each(|(guided, q)| *guided -= less * q);
            }
        }
        guided
    }
}
