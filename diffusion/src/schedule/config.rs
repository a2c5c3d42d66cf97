//! `scheduler_config.json`, the part of it that decides values.
//!
//! Tests: `tests/it/configs.rs`, `tests/it/scheduler_settings.rs`.

use serde_json::{Map, Value, json};

use crate::error::{ConfigError, Error, Result, decimal};

use super::names::{BetaSchedule, FinalSigmasType, InterpolationType, PredictionType, TimestepSpacing, TimestepType};

/// Its name in sentences.
pub(crate) const FILE: &str = "scheduler_config.json";

/// More are a mistake, and would only be noticed when memory runs out.
const MOST_TIMESTEPS: usize = 1_000_000;

/// What a sampler needs to know. Each sampler takes the settings that its class in diffusers has, and what is not said is
/// that class's default; docs/formats.md has the table.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleConfig {
    /// T, the number of timesteps the network was trained on.
    pub num_train_timesteps: usize,
    /// Spacing of the betas.
    pub beta_schedule: BetaSchedule,
    /// First beta (unused by the cosine and Laplace schedules).
    pub beta_start: f64,
    /// Last beta (unused by the cosine and Laplace schedules).
    pub beta_end: f64,
    /// The betas themselves, T of them, in place of a schedule.
    pub trained_betas: Option<Vec<f32>>,
    /// Whether the betas are rescaled until nothing of the picture is left at the last timestep (arXiv 2305.08891).
    pub rescale_betas_zero_snr: bool,
    /// What the network predicts.
    pub prediction_type: PredictionType,
    /// Which timesteps are visited; by default "leading" for DDPM and DDIM, "linspace" for the others.
    pub timestep_spacing: Option<TimestepSpacing>,
    /// Added to the timesteps of "leading".
    pub steps_offset: usize,
    /// Whether DDPM and DDIM keep the predicted x_0 within a range.
    pub clip_sample: bool,
    /// That range, plus and minus.
    pub clip_sample_range: f64,
    /// Whether DDPM, DDIM and DPM-Solver keep a quantile of |x_0| within 1 (arXiv 2205.11487, section 2.3).
    pub thresholding: bool,
    /// Which quantile.
    pub dynamic_thresholding_ratio: f64,
    /// The largest value that is brought to 1.
    pub sample_max_value: f64,
    /// DDPM's variance, by diffusers' name.
    pub variance_type: String,
    /// Whether DDIM's last step lands on abar = 1, not on that of timestep 0.
    pub set_alpha_to_one: bool,
    /// Sigmas of arXiv 2206.00364, eq. 5, with rho 7 (Euler, DPM-Solver, as the next four).
    pub use_karras_sigmas: bool,
    /// Sigmas evenly spaced in log sigma.
    pub use_exponential_sigmas: bool,
    /// Sigmas by quantiles of a beta distribution (arXiv 2407.12173).
    pub use_beta_sigmas: bool,
    /// The smallest of these sigmas, if not that of the schedule.
    pub sigma_min: Option<f64>,
    /// The largest of these sigmas, if not that of the schedule.
    pub sigma_max: Option<f64>,
    /// Log sigmas evenly spaced, with DPM-Solver's own timesteps.
    pub use_lu_lambdas: bool,
    /// The noise level on which the last step of Euler and DPM-Solver lands.
    pub final_sigmas_type: FinalSigmasType,
    /// How Euler finds the sigmas between timesteps.
    pub interpolation_type: InterpolationType,
    /// Which number tells the network the time in Euler.
    pub timestep_type: TimestepType,
    /// DPM-Solver's order, 1 to 3.
    pub solver_order: usize,
    /// Which DPM-Solver, by diffusers' name.
    pub algorithm_type: String,
    /// Its second-order update, by diffusers' name.
    pub solver_type: String,
    /// Whether its last steps are of a lower order in runs of fewer than 15.
    pub lower_order_final: bool,
    /// Whether its last step is of first order.
    pub euler_at_final: bool,
    /// The lowest log(alpha / sigma) at which it begins.
    pub lambda_min_clipped: f64,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_schedule: BetaSchedule::Linear,
            beta_start: 1e-4,
            beta_end: 0.02,
            trained_betas: None,
            rescale_betas_zero_snr: false,
            prediction_type: PredictionType::Epsilon,
            timestep_spacing: None,
            steps_offset: 0,
            clip_sample: true,
            clip_sample_range: 1.0,
            thresholding: false,
            dynamic_thresholding_ratio: 0.995,
            sample_max_value: 1.0,
            variance_type: "fixed_small".into(),
            set_alpha_to_one: true,
            use_karras_sigmas: false,
            use_exponential_sigmas: false,
            use_beta_sigmas: false,
            sigma_min: None,
            sigma_max: None,
            use_lu_lambdas: false,
            final_sigmas_type: FinalSigmasType::Zero,
            interpolation_type: InterpolationType::Linear,
            timestep_type: TimestepType::Discrete,
            solver_order: 2,
            algorithm_type: "dpmsolver++".into(),
            solver_type: "midpoint".into(),
            lower_order_final: true,
            euler_at_final: false,
            lambda_min_clipped: f64::NEG_INFINITY,
        }
    }
}

/// A setting that cannot be used.
pub(crate) fn refuse<T>(source: ConfigError) -> Result<T> {
    Err(Error::Config { file: FILE, source })
}

impl ScheduleConfig {
    /// Refuses numbers that no schedule can be made of.
    pub fn validate(&self) -> Result<()> {
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
        if let Some(betas) = &self.trained_betas {
            let whole = betas.len() == t;
            let fits = |(i, beta): (usize, &f32)| *beta > 0.0 && (*beta < 1.0 || (*beta == 1.0 && i + 1 == t));
            if !whole || !betas.iter().enumerate().all(fits) {
                let reason = format!(
                    "trained_betas must be as many numbers as num_train_timesteps, {t}, between 0 and 1; it has {}",
                    betas.len()
                );
                return refuse(ConfigError::Invalid { reason });
            }
        }
        for (key, value) in [("clip_sample_range", self.clip_sample_range), ("sample_max_value", self.sample_max_value)]
        {
            if value <= 0.0 {
                return refuse(ConfigError::value(key, "a number above 0", decimal(value)));
            }
        }
        if !(0.0..=1.0).contains(&self.dynamic_thresholding_ratio) {
            let (key, found) = ("dynamic_thresholding_ratio", self.dynamic_thresholding_ratio);
            return refuse(ConfigError::value(key, "between 0 and 1", decimal(found)));
        }
        let (low, high) = (self.sigma_min.unwrap_or(f64::MIN_POSITIVE), self.sigma_max.unwrap_or(f64::MAX));
        if low <= 0.0 || low >= high {
            let reason = "the sigmas must satisfy 0 < sigma_min < sigma_max".into();
            return refuse(ConfigError::Invalid { reason });
        }
        Ok(())
    }

    /// Writes a `scheduler_config.json` that diffusers' `DDPMScheduler` loads. What only other classes have, and
    /// `timestep_spacing`, is written where it was set: else every diffusers scheduler made from the file keeps its own
    /// default, which is what ours do.
    pub fn to_json(&self) -> String {
        let value = json!({
            "_class_name": "DDPMScheduler",
            "_diffusers_version": "0.42.1",
            "num_train_timesteps": self.num_train_timesteps,
            "beta_schedule": self.beta_schedule.name(),
            "beta_start": self.beta_start,
            "beta_end": self.beta_end,
            "prediction_type": self.prediction_type.name(),
            "clip_sample": self.clip_sample,
            "clip_sample_range": self.clip_sample_range,
            "rescale_betas_zero_snr": self.rescale_betas_zero_snr,
            "steps_offset": self.steps_offset,
            "thresholding": self.thresholding,
            "trained_betas": self.trained_betas,
            "variance_type": self.variance_type,
        });
        let mut fields = match value {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let defaults = Self::default().of_some_samplers();
        let set = self.of_some_samplers().into_iter().zip(defaults).filter(|(own, default)| own != default);
        fields.extend(set.map(|((key, value), _)| (key.to_owned(), value)));
        format!("{:#}\n", Value::Object(fields))
    }

    /// What `to_json` writes only where it is not the default.
    fn of_some_samplers(&self) -> [(&'static str, Value); 19] {
        [
            ("timestep_spacing", json!(self.timestep_spacing.map(TimestepSpacing::name))),
            ("dynamic_thresholding_ratio", json!(self.dynamic_thresholding_ratio)),
            ("sample_max_value", json!(self.sample_max_value)),
            ("set_alpha_to_one", json!(self.set_alpha_to_one)),
            ("use_karras_sigmas", json!(self.use_karras_sigmas)),
            ("use_exponential_sigmas", json!(self.use_exponential_sigmas)),
            ("use_beta_sigmas", json!(self.use_beta_sigmas)),
            ("use_lu_lambdas", json!(self.use_lu_lambdas)),
            ("sigma_min", json!(self.sigma_min)),
            ("sigma_max", json!(self.sigma_max)),
            ("final_sigmas_type", json!(self.final_sigmas_type.name())),
            ("interpolation_type", json!(self.interpolation_type.name())),
            ("timestep_type", json!(self.timestep_type.name())),
            ("solver_order", json!(self.solver_order)),
            ("algorithm_type", json!(self.algorithm_type)),
            ("solver_type", json!(self.solver_type)),
            ("lower_order_final", json!(self.lower_order_final)),
            ("euler_at_final", json!(self.euler_at_final)),
            // Infinite by default, which JSON has no word for.
            ("lambda_min_clipped", json!(self.lambda_min_clipped)),
        ]
    }
}
