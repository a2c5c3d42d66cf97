//! The network's conditioning: the timestep as sinusoids, the class as one-hot rows.
//!
//! Tests: `tests/it/unet.rs`, `tests/it/requests.rs`.

use crate::config::ModelInfo;
use crate::error::{RequestError, Result};

/// Sinusoids of each timestep, `[b, dim]` in `[cos, sin]` halves (arXiv 1706.03762, section 3.5; DDPM appendix B).
/// Computed on the host: a few numbers a step, and the same on every platform.
pub fn sinusoids(timesteps: &[f32], dim: usize) -> Vec<f32> {
    let half = dim / 2;
    let slope = -libm::log(10_000.0) as f32;
    let frequency: Vec<f32> = (0..half).map(|i| libm::exp(f64::from(slope * i as f32 / half as f32)) as f32).collect();
    let mut values = Vec::with_capacity(timesteps.len() * dim);
    for &t in timesteps {
        values.extend(frequency.iter().map(|f| libm::cos(f64::from(t * f)) as f32));
        values.extend(frequency.iter().map(|f| libm::sin(f64::from(t * f)) as f32));
    }
    values
}

/// One-hot rows `[b, tokens, (classes + 1) * tokens]`: what diffusers' `text_proj` is fed, so that the
/// class-token table is an ordinary Linear of the UNet file.
pub fn class_rows(labels: &[usize], info: &ModelInfo) -> Result<Vec<f32>> {
    let (tokens, width) = (info.tokens_per_class, info.encoder_hid_dim());
    let mut values = vec![0f32; labels.len() * tokens * width];
    for (row, &label) in labels.iter().enumerate() {
        if label > info.null_class() {
            return Err(RequestError::Class { found: label, last: info.num_classes() - 1 }.into());
        }
        for token in 0..tokens {
            values[(row * tokens + token) * width + label * tokens + token] = 1.0;
        }
    }
    Ok(values)
}
