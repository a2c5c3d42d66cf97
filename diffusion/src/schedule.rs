//! Noise schedules: how much of the picture is left at each timestep.
//!
//! Tests: `tests/it/schedules.rs`.

use serde::{Deserialize, Serialize};

use crate::error::{ConfigError, Error, Result, shown};
use crate::json;

const FILE: &str = "scheduler_config.json";

/// More are a mistake, and would only be noticed when memory runs out.
const MOST_TIMESTEPS: usize = 1_000_000;

/// How the variances beta_t are spaced over the timesteps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaSchedule {
    /// Evenly from `beta_start` to `beta_end` (DDPM, arXiv 2006.11239).
    Linear,
    /// Square of evenly spaced square roots (latent diffusion, arXiv 2112.10752).
    ScaledLinear,
    /// Cosine (arXiv 2102.09672, eq. 17), each beta at most 0.999.
    SquaredcosCapV2,
}

/// What the network was trained to predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PredictionType {
    /// The noise eps.
    Epsilon,
    /// The velocity `sqrt(abar) eps - sqrt(1 - abar) x_0` (arXiv 2202.00512, eq. 11 with phi = t).
    VPrediction,
    /// The clean picture x_0.
    Sample,
}

/// `scheduler_config.json`, the part of it that decides values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleConfig {
    /// T, the number of timesteps the network was trained on.
    pub num_train_timesteps: usize,
    /// Spacing of the betas.
    pub beta_schedule: BetaSchedule,
    /// First beta (unused by the cosine schedule).
    pub beta_start: f64,
    /// Last beta (unused by the cosine schedule).
    pub beta_end: f64,
    /// What the network predicts.
    pub prediction_type: PredictionType,
    /// Whether DDPM and DDIM keep the predicted x_0 within ±1.
    pub clip_sample: bool,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_schedule: BetaSchedule::Linear,
            beta_start: 1e-4,
            beta_end: 0.02,
            prediction_type: PredictionType::Epsilon,
            clip_sample: true,
        }
    }
}

impl ScheduleConfig {
    /// Reads a diffusers `scheduler_config.json`.
    pub fn from_json(text: &str) -> Result<Self> {
        let raw = json::read_any_number(FILE, text)?;
        let refuse = |source: ConfigError| Err(Error::Config { file: FILE, source });
        if let Some(value) = raw.get("variance_type").and_then(|v| v.as_str())
            && value != "fixed_small"
        {
            return refuse(ConfigError::unsupported("variance_type", format!("\"{value}\""), "\"fixed_small\""));
        }
        for key in ["thresholding", "rescale_betas_zero_snr"] {
            if raw.get(key).and_then(|v| v.as_bool()) == Some(true) {
                return refuse(ConfigError::unsupported(key, true, false));
            }
        }
        for (key, accepted) in [("clip_sample_range", 1.0), ("steps_offset", 0.0)] {
            if let Some(found) = raw.get(key).and_then(|v| v.as_f64()).filter(|v| *v != accepted) {
                return refuse(ConfigError::unsupported(key, found, accepted));
            }
        }
        if let Some(value) = raw.get("trained_betas").filter(|value| !value.is_null()) {
            let key = "trained_betas".into();
            return refuse(ConfigError::Unsupported { key, found: shown(value), accepted: None });
        }
        let config: Self = serde_json::from_value(raw).map_err(|source| Error::Json { file: FILE, source })?;
        config.validate()?;
        Ok(config)
    }

    /// Refuses numbers that no schedule can be made of.
    pub fn validate(&self) -> Result<()> {
        let refuse = |source: ConfigError| Err(Error::Config { file: FILE, source });
        let t = self.num_train_timesteps;
        if !(2..=MOST_TIMESTEPS).contains(&t) {
            let accepted = format!("at least 2 and at most {MOST_TIMESTEPS}");
            return refuse(ConfigError::value("num_train_timesteps", accepted, t));
        }
        let ordered = self.beta_start > 0.0 && self.beta_end < 1.0 && self.beta_start <= self.beta_end;
        if !ordered {
            let reason = "the betas must satisfy 0 < beta_start <= beta_end < 1".into();
            return refuse(ConfigError::Invalid { reason });
        }
        Ok(())
    }

    /// Writes a `scheduler_config.json` that diffusers' `DDPMScheduler` loads. `timestep_spacing` is left out:
    /// every diffusers scheduler made from the file then keeps its own default, which is what ours do.
    pub fn to_json(&self) -> String {
        let value = serde_json::json!({
            "_class_name": "DDPMScheduler",
            "_diffusers_version": "0.42.1",
            "num_train_timesteps": self.num_train_timesteps,
            "beta_schedule": self.beta_schedule,
            "beta_start": self.beta_start,
            "beta_end": self.beta_end,
            "prediction_type": self.prediction_type,
            "clip_sample": self.clip_sample,
            "clip_sample_range": 1.0,
            "rescale_betas_zero_snr": false,
            "steps_offset": 0,
            "thresholding": false,
            "trained_betas": null,
            "variance_type": "fixed_small",
        });
        format!("{value:#}\n")
    }
}

/// The values of a schedule, all f32 as in diffusers.
#[derive(Debug, Clone)]
pub struct NoiseSchedule {
    config: ScheduleConfig,
    betas: Vec<f32>,
    alphas_cumprod: Vec<f32>,
}

impl NoiseSchedule {
    /// Computes the betas and their cumulative products.
    pub fn new(config: ScheduleConfig) -> Self {
        let n = config.num_train_timesteps;
        let betas: Vec<f32> = match config.beta_schedule {
            BetaSchedule::Linear => linspace(config.beta_start as f32, config.beta_end as f32, n),
            BetaSchedule::ScaledLinear => {
                // The roots are taken in f64, as Python does, before torch makes f32 of them.
                linspace(libm::sqrt(config.beta_start) as f32, libm::sqrt(config.beta_end) as f32, n)
                    .into_iter()
                    .map(|b| b * b)
                    .collect()
            }
            BetaSchedule::SquaredcosCapV2 => {
                let alpha_bar = |t: f64| {
                    let c = libm::cos((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2);
                    c * c
                };
                (0..n)
                    .map(|i| {
                        let (t1, t2) = (i as f64 / n as f64, (i + 1) as f64 / n as f64);
                        (1.0 - alpha_bar(t2) / alpha_bar(t1)).min(0.999) as f32
                    })
                    .collect()
            }
        };
        let alphas_cumprod = betas
            .iter()
            .scan(1.0f64, |product, beta| {
                // torch.cumprod accumulates in f64 and rounds each entry.
                *product *= f64::from(1.0 - beta);
                Some(*product as f32)
            })
            .collect();
        Self { config, betas, alphas_cumprod }
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &ScheduleConfig {
        &self.config
    }

    /// T.
    pub fn num_train_timesteps(&self) -> usize {
        self.betas.len()
    }

    /// beta_t, for t in `0..T`.
    pub fn betas(&self) -> &[f32] {
        &self.betas
    }

    /// abar_t = product of (1 - beta_s) for s <= t.
    pub fn alphas_cumprod(&self) -> &[f32] {
        &self.alphas_cumprod
    }

    /// (sqrt(abar_t), sqrt(1 - abar_t)): what is left of the picture, and how much noise.
    pub fn signal_and_noise(&self, timestep: usize) -> (f32, f32) {
        let abar = self.alphas_cumprod[timestep];
        (abar.sqrt(), (1.0 - abar).sqrt())
    }

    /// Signal-to-noise ratio abar / (1 - abar).
    pub fn snr(&self, timestep: usize) -> f32 {
        let abar = self.alphas_cumprod[timestep];
        abar / (1.0 - abar)
    }

    /// `x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps` (DDPM eq. 4) of one picture.
    pub fn add_noise(&self, original: &[f32], noise: &[f32], timestep: usize) -> Vec<f32> {
        let (signal, sigma) = self.signal_and_noise(timestep);
        original.iter().zip(noise).map(|(x, e)| signal * x + sigma * e).collect()
    }

    /// `v_t = sqrt(abar_t) eps - sqrt(1 - abar_t) x_0` of one picture.
    pub fn velocity(&self, original: &[f32], noise: &[f32], timestep: usize) -> Vec<f32> {
        let (signal, sigma) = self.signal_and_noise(timestep);
        original.iter().zip(noise).map(|(x, e)| signal * e - sigma * x).collect()
    }
}

/// torch.linspace in f32: from both ends towards the middle, each value rounded once.
fn linspace(start: f32, end: f32, n: usize) -> Vec<f32> {
    let step = f64::from((end - start) / (n - 1) as f32);
    let (start, end) = (f64::from(start), f64::from(end));
    (0..n)
        .map(|i| if i < n / 2 { start + step * i as f64 } else { end - step * (n - 1 - i) as f64 })
        .map(|value| value as f32)
        .collect()
}
