//! Classifier-free guidance: how much the label counts, and at which steps.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::generate::Request;

/// Classifier-free guidance (arXiv 2207.12598): `uncond + scale (cond - uncond)`; 1 means off.
pub fn guide(unconditional: &[f32], conditional: &[f32], scale: f32) -> Vec<f32> {
    unconditional.iter().zip(conditional).map(|(u, c)| u + scale * (c - u)).collect()
}

/// The steps with guidance, first to behind the last, cut as diffusers' guiders cut them.
pub(crate) fn guided_steps(request: &Request) -> Result<Range<usize>> {
    let Request { guidance_scale: scale, guidance_start: start, guidance_stop: stop, .. } = *request;
    if !scale.is_finite() {
        return Err(Error::Request(format!("guidance must be a number, not {scale}")));
    }
    if !(0.0..1.0).contains(&start) {
        return Err(Error::Request(format!("the start of guidance must be at least 0 and below 1, not {start}")));
    }
    if !(start..=1.0).contains(&stop) {
        return Err(Error::Request(format!("the end of guidance must be {start}, its start, to 1, not {stop}")));
    }
    let step = |share: f64| (share * request.num_inference_steps as f64) as usize;
    Ok(if scale == 1.0 { 0..0 } else { step(start)..step(stop) })
}
