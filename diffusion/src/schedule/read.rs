//! Reading a `scheduler_config.json`: every setting is taken or refused, none is passed over.
//!
//! Tests: `tests/it/configs.rs`.

use serde_json::Value;

use crate::error::{ConfigError, Result, shown};
use crate::json::{number, read_any_number};

use super::config::{FILE, ScheduleConfig, refuse};
use super::names::{BetaSchedule, FinalSigmasType, InterpolationType, PredictionType, TimestepSpacing, TimestepType};

/// diffusers' classes that describe this process: discrete timesteps, alphas from betas, variance preserved. Others (flow
/// matching, EDM, score SDEs) describe another one, which other networks are trained for.
const CLASSES: [&str; 21] = [
    "DDIMInverse",
    "DDIMParallel",
    "DDIM",
    "DDPMParallel",
    "DDPM",
    "DEISMultistep",
    "DPMSolverMultistepInverse",
    "DPMSolverMultistep",
    "DPMSolverSDE",
    "DPMSolverSinglestep",
    "EulerAncestralDiscrete",
    "EulerDiscrete",
    "HeunDiscrete",
    "KDPM2AncestralDiscrete",
    "KDPM2Discrete",
    "LCM",
    "LMSDiscrete",
    "PNDM",
    "SASolver",
    "TCD",
    "UniPCMultistep",
];

/// Settings of other schedulers of diffusers, which the classes of our four samplers have not: diffusers passes over them
/// too when it makes one of these from the file.
const OF_OTHERS: [&str; 16] = [
    "corrector_order",
    "disable_corrector",
    "flow_shift",
    "noise_sampler_seed",
    "original_inference_steps",
    "predict_x0",
    "predictor_order",
    "shift_terminal",
    "skip_prk_steps",
    "solver_p",
    "tau_func",
    "tensor_format",
    "time_shift_type",
    "timestep_scaling",
    "timestep_values",
    "use_dynamic_shifting",
];

fn string(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The file, of which every key that was asked for is taken out.
struct Fields {
    left: Vec<(String, Value)>,
    /// The first thing that was wrong. Kept, not returned by each of the many calls: that is half of their code.
    wrong: Result<()>,
}

impl Fields {
    /// The value of a key, where it is there; what it must be otherwise.
    fn set<T>(&mut self, key: &str, accepted: &str, get: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.out(key)?;
        let found = get(&value);
        if found.is_none() && self.wrong.is_ok() {
            self.wrong = refuse(ConfigError::value(key, accepted, shown(&value)));
        }
        found
    }

    /// Takes a key out.
    fn out(&mut self, key: &str) -> Option<Value> {
        let at = self.left.iter().position(|(name, _)| name == key)?;
        Some(self.left.remove(at).1)
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.left.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The same of a key that diffusers writes as null where it is not set.
    fn take<T>(&mut self, key: &str, accepted: &str, get: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let null = |value: &Value| if value.is_null() { Some(None) } else { get(value).map(Some) };
        self.set(key, accepted, null)?
    }

    fn finite(&mut self, key: &str) -> Option<f64> {
        self.take(key, "a finite number", Value::as_f64)
    }

    /// Null is false, as Python's None is.
    fn flag(&mut self, key: &str, into: &mut bool) {
        let truth = |value: &Value| if value.is_null() { Some(false) } else { value.as_bool() };
        *into = self.set(key, "true or false", truth).unwrap_or(*into);
    }

    fn real(&mut self, key: &str, into: &mut f64) {
        *into = self.set(key, "a finite number", Value::as_f64).unwrap_or(*into);
    }

    fn whole(&mut self, key: &str, into: &mut usize) {
        let whole = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
        *into = self.set(key, "a whole number", whole).unwrap_or(*into);
    }

    fn text(&mut self, key: &str, into: &mut String) {
        *into = self.set(key, "a name", string).unwrap_or(std::mem::take(into));
    }

    fn name<T: Copy>(&mut self, key: &str, names: &[(&str, T)], into: &mut T) {
        *into = self.name_if_any(key, names).unwrap_or(*into);
    }

    fn name_if_any<T: Copy>(&mut self, key: &str, names: &[(&str, T)]) -> Option<T> {
        let quoted: Vec<String> = names.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let find = |value: &Value| {
            let found = value.as_str()?;
            names.iter().find(|(name, _)| *name == found).map(|(_, named)| *named)
        };
        self.set(key, &quoted.join(" or "), find)
    }

    /// What describes another process, however the rest is set.
    fn refuse_other_processes(&mut self) -> Result<()> {
        let class = self.out("_class_name").filter(|value| !value.is_null());
        let name = class.as_ref().and_then(Value::as_str).and_then(|name| name.strip_suffix("Scheduler"));
        if let Some(class) = class.as_ref().filter(|_| !name.is_some_and(|name| CLASSES.contains(&name))) {
            return refuse(ConfigError::Process { key: "_class_name".into(), found: shown(class) });
        }
        // Flow matching, in classes that also know this process.
        let flow =
            |(key, value): (&'static str, Value)| self.get(key).filter(|found| **found == value).map(|_| (key, value));
        let of_flow = [("prediction_type", Value::from("flow_prediction")), ("use_flow_sigmas", Value::from(true))];
        if let Some((key, value)) = of_flow.into_iter().find_map(flow) {
            return refuse(ConfigError::Process { key: key.into(), found: shown(&value) });
        }
        // What old files said in place of `prediction_type`.
        if self.take("predict_epsilon", "true or false", Value::as_bool) == Some(false) {
            return refuse(ConfigError::unsupported("predict_epsilon", false, true));
        }
        Ok(())
    }

    /// Keys that nobody asked for and that mean something.
    fn refuse_the_rest(&self) -> Result<()> {
        let nothing = |value: &Value| matches!(value, Value::Null | Value::Bool(false));
        let known = |key: &str| key.starts_with('_') || OF_OTHERS.contains(&key);
        match self.left.iter().find(|(key, value)| !known(key) && !nothing(value)) {
            None => Ok(()),
            Some((key, value)) => {
                refuse(ConfigError::Unsupported { key: key.clone(), found: shown(value), accepted: None })
            }
        }
    }
}

impl ScheduleConfig {
    /// Reads a `scheduler_config.json` that diffusers wrote, of whichever class of the same process.
    ///
    /// # Errors
    /// What no sampler here can honour is refused by name; what one sampler cannot is refused when it starts.
    pub fn from_json(text: &str) -> Result<Self> {
        let mut config = Self::default();
        let mut fields = match read_any_number(FILE, text)? {
            Value::Object(fields) => Fields { left: fields.into_iter().collect(), wrong: Ok(()) },
            other => return refuse(ConfigError::value("the file", "an object with settings", shown(&other))),
        };
        fields.refuse_other_processes()?;
        fields.whole("num_train_timesteps", &mut config.num_train_timesteps);
        fields.name("beta_schedule", BetaSchedule::ALL, &mut config.beta_schedule);
        fields.real("beta_start", &mut config.beta_start);
        fields.real("beta_end", &mut config.beta_end);
        let beta = |value: &Value| value.as_f64().map(|beta| beta as f32);
        let betas = |value: &Value| value.as_array()?.iter().map(beta).collect();
        config.trained_betas = fields.take("trained_betas", "a list of finite numbers", betas);
        fields.flag("rescale_betas_zero_snr", &mut config.rescale_betas_zero_snr);
        fields.name("prediction_type", PredictionType::ALL, &mut config.prediction_type);
        config.timestep_spacing = fields.name_if_any("timestep_spacing", TimestepSpacing::ALL);
        fields.whole("steps_offset", &mut config.steps_offset);
        fields.flag("clip_sample", &mut config.clip_sample);
        fields.real("clip_sample_range", &mut config.clip_sample_range);
        fields.flag("thresholding", &mut config.thresholding);
        fields.real("dynamic_thresholding_ratio", &mut config.dynamic_thresholding_ratio);
        fields.real("sample_max_value", &mut config.sample_max_value);
        config.variance_type = fields.take("variance_type", "a name", string).unwrap_or(config.variance_type);
        fields.flag("set_alpha_to_one", &mut config.set_alpha_to_one);
        fields.flag("use_karras_sigmas", &mut config.use_karras_sigmas);
        fields.flag("use_exponential_sigmas", &mut config.use_exponential_sigmas);
        fields.flag("use_beta_sigmas", &mut config.use_beta_sigmas);
        fields.flag("use_lu_lambdas", &mut config.use_lu_lambdas);
        config.sigma_min = fields.finite("sigma_min");
        config.sigma_max = fields.finite("sigma_max");
        fields.name("final_sigmas_type", FinalSigmasType::ALL, &mut config.final_sigmas_type);
        fields.name("interpolation_type", InterpolationType::ALL, &mut config.interpolation_type);
        fields.name("timestep_type", TimestepType::ALL, &mut config.timestep_type);
        fields.whole("solver_order", &mut config.solver_order);
        fields.text("algorithm_type", &mut config.algorithm_type);
        fields.text("solver_type", &mut config.solver_type);
        fields.flag("lower_order_final", &mut config.lower_order_final);
        fields.flag("euler_at_final", &mut config.euler_at_final);
        let lambda = |value: &Value| number(value).filter(|lambda| *lambda < f64::INFINITY);
        let lambda = fields.set("lambda_min_clipped", "a number or -Infinity", lambda);
        config.lambda_min_clipped = lambda.unwrap_or(config.lambda_min_clipped);
        std::mem::replace(&mut fields.wrong, Ok(()))?;
        fields.refuse_the_rest()?;
        config.validate()?;
        Ok(config)
    }
}
