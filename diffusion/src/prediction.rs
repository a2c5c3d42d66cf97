//! From what the network predicts to x_0 and the noise, in one place, so that samplers never branch on it.
//!
//! Tests: `tests/it/samplers.rs`, `tests/it/scheduler_settings.rs`.

use crate::schedule::{PredictionType, ScheduleConfig};

/// x_0 and eps of one step.
#[derive(Debug)]
pub struct Predicted {
    /// The predicted clean picture.
    pub original: Vec<f32>,
    /// The predicted noise.
    pub epsilon: Vec<f32>,
}

/// Solves `x_t = signal x_0 + sigma eps` for what the network did not predict
/// (signal = sqrt(abar), sigma = sqrt(1 - abar); v = signal eps - sigma x_0).
pub fn predict(kind: PredictionType, output: &[f32], sample: &[f32], signal: f32, sigma: f32) -> Predicted {
    let both = |original: fn(f32, f32, f32, f32) -> f32, epsilon: fn(f32, f32, f32, f32) -> f32| Predicted {
        original: output.iter().zip(sample).map(|(&o, &x)| original(o, x, signal, sigma)).collect(),
        epsilon: output.iter().zip(sample).map(|(&o, &x)| epsilon(o, x, signal, sigma)).collect(),
    };
    match kind {
        PredictionType::Epsilon => both(|o, x, signal, sigma| (x - sigma * o) / signal, |o, _, _, _| o),
        PredictionType::Sample => both(|o, _, _, _| o, |o, x, signal, sigma| (x - signal * o) / sigma),
        PredictionType::VPrediction => {
            both(|o, x, signal, sigma| signal * x - sigma * o, |o, x, signal, sigma| signal * o + sigma * x)
        }
    }
}

/// What keeps the predicted x_0 near the range of pictures.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    None,
    /// Plus and minus this.
    Clip(f32),
    /// This quantile of the |x_0| of a picture of `len` values, if it is above 1 and at most `most`, becomes 1 (dynamic
    /// thresholding, arXiv 2205.11487, section 2.3).
    Quantile {
        ratio: f32,
        most: f32,
        len: usize,
    },
}

impl Limit {
    /// That of a scheduler; only some clip.
    pub(crate) fn of(config: &ScheduleConfig, clips: bool, len: usize) -> Self {
        if config.thresholding {
            let (ratio, most) = (config.dynamic_thresholding_ratio as f32, config.sample_max_value as f32);
            Self::Quantile { ratio, most, len }
        } else if clips && config.clip_sample {
            Self::Clip(config.clip_sample_range as f32)
        } else {
            Self::None
        }
    }

    /// Whether it is the threshold, which also changes the predicted noise where a sampler works with that.
    pub(crate) fn is_threshold(self) -> bool {
        matches!(self, Self::Quantile { .. })
    }

    pub(crate) fn apply(self, values: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Clip(range) => values.iter_mut().for_each(|value| *value = limited(*value, range)),
            Self::Quantile { ratio, most, len } => {
                for picture in values.chunks_mut(len) {
                    let threshold = quantile(picture, ratio).max(1.0).min(most);
                    picture.iter_mut().for_each(|value| *value = limited(*value, threshold) / threshold);
                }
            }
        }
    }
}

/// Between `-most` and `most`; what is no number stays so. `f32::clamp` would bring the printing of floats for its panic.
fn limited(value: f32, most: f32) -> f32 {
    match value {
        value if value > most => most,
        value if value < -most => -most,
        value => value,
    }
}

/// The absolute value that `place` others come before, in order. Floats that are not negative are in the order of their
/// bits, which are found one after the other: a sort is ten times this code, which a browser would load.
fn nth(values: &[f32], place: usize) -> f32 {
    let mut found = 0u32;
    for bit in (0..31).rev() {
        let next = found | 1 << bit;
        if values.iter().filter(|value| value.abs().to_bits() < next).count() <= place {
            found = next;
        }
    }
    f32::from_bits(found)
}

/// A quantile of the absolute values, linear between two of them as torch.quantile is.
fn quantile(values: &[f32], ratio: f32) -> f32 {
    let last = values.len().saturating_sub(1);
    let rank = ratio * last as f32;
    let [low, high] = [rank as usize, rank as usize + 1].map(|place| nth(values, place.min(last)));
    let weight = rank - rank.floor();
    if weight < 0.5 { low + weight * (high - low) } else { high - (high - low) * (1.0 - weight) }
}
