//! `adapter_config.json`: what decides an adapter's values.
//!
//! Tests: `tests/it/lora_files.rs`.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{ConfigError, Error, Result, shown};
use crate::json;
use crate::lora::{Adapter, LoraFactors};
use crate::tensors::read_tensors;

use super::names::{DIFFUSERS_METADATA, PEFT_PREFIX};

const FILE: &str = "adapter_config.json";

/// Settings with which PEFT computes something else than `W + scaling · B A`.
const NOT_SUPPORTED: [&str; 10] = [
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "layer_replication",
    "lora_bias",
    "megatron_config",
    "modules_to_save",
    "trainable_token_indices",
    "use_bdlora",
    "use_qalora",
];

/// Ways of starting the factors that take their product away from the base's weights.
const CHANGES_THE_BASE: [&str; 5] = ["pissa", "olora", "corda", "loftq", "lora_ga"];

/// `adapter_config.json`, the part of it that decides values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoraConfig {
    /// Rank.
    pub r: usize,
    /// Numerator of the scaling.
    pub lora_alpha: f32,
    /// Dropout used in training; has no effect on sampling.
    #[serde(default)]
    pub lora_dropout: f32,
    /// Names (endings of module paths) or one pattern.
    #[serde(default)]
    pub target_modules: Value,
    /// Scaling by the rank's square root (arXiv 2312.03732).
    #[serde(default)]
    pub use_rslora: bool,
    /// Ranks of single modules.
    #[serde(default)]
    pub rank_pattern: BTreeMap<String, usize>,
    /// Alphas of single modules.
    #[serde(default)]
    pub alpha_pattern: BTreeMap<String, f32>,
}

impl LoraConfig {
    /// Reads `adapter_config.json`, refusing what would change the result and is not supported.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::from_value(json::read(FILE, text)?)
    }

    /// The configuration that a weights file of PEFT or diffusers carries itself.
    pub fn of_file(bytes: &[u8]) -> Result<Option<Self>> {
        let (_, metadata) = read_tensors(bytes)?;
        metadata.get(DIFFUSERS_METADATA).map(|text| Self::from_metadata(text)).transpose()
    }

    /// The configuration of an adapter that came without one: the highest rank and its alpha, exceptions by pattern.
    pub fn describing(adapter: &Adapter) -> Self {
        let alpha = |factors: &LoraFactors| factors.scaling * factors.rank() as f32;
        let r = adapter.rank();
        let lora_alpha = adapter.modules.values().find(|factors| factors.rank() == r).map_or(0.0, alpha);
        // Keys are patterns: a dot in a path stands for itself.
        let other = |differs: &dyn Fn(&LoraFactors) -> bool| -> Vec<(String, LoraFactors)> {
            let modules = adapter.modules.iter().filter(|(_, factors)| differs(factors));
            modules.map(|(path, factors)| (regex_lite::escape(path), factors.clone())).collect()
        };
        Self {
            r,
            lora_alpha,
            lora_dropout: 0.0,
            target_modules: adapter.modules.keys().cloned().collect(),
            use_rslora: false,
            rank_pattern: other(&|f| f.rank() != r).into_iter().map(|(path, f)| (path, f.rank())).collect(),
            alpha_pattern: other(&|f| (alpha(f) - lora_alpha).abs() > 1e-6 * lora_alpha.abs())
                .into_iter()
                .map(|(path, f)| (path, alpha(&f)))
                .collect(),
        }
    }

    fn from_value(json: Value) -> Result<Self> {
        let refuse = |source: ConfigError| Err(Error::Config { file: FILE, source });
        let text = |key: &str| json.get(key).and_then(Value::as_str);
        let is_true = |key: &str| json.get(key).and_then(Value::as_bool) == Some(true);
        let is_set = |key: &str| match json.get(key) {
            None | Some(Value::Null) | Some(Value::Bool(false)) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(items)) => !items.is_empty(),
            Some(_) => true,
        };
        for (key, accepted) in [("peft_type", "LORA"), ("bias", "none")] {
            if let Some(found) = text(key).filter(|found| *found != accepted) {
                return refuse(ConfigError::unsupported(key, format!("\"{found}\""), format!("\"{accepted}\"")));
            }
        }
        for (key, name) in [("use_dora", "use_dora (DoRA)"), ("fan_in_fan_out", "fan_in_fan_out")] {
            if is_true(key) {
                return refuse(ConfigError::unsupported(name, true, false));
            }
        }
        for key in NOT_SUPPORTED {
            if let Some(value) = json.get(key).filter(|_| is_set(key)) {
                return refuse(ConfigError::Unsupported { key: key.into(), found: shown(value), accepted: None });
            }
        }
        if let Some(start) = text("init_lora_weights")
            && CHANGES_THE_BASE.iter().any(|method| start.starts_with(method))
        {
            return refuse(ConfigError::ChangesBase { method: start.to_owned() });
        }
        let config: Self = serde_json::from_value(json).map_err(|source| Error::Json { file: FILE, source })?;
        if config.r == 0 {
            return refuse(ConfigError::value("r", "at least 1", 0));
        }
        if !config.lora_alpha.is_finite() {
            return refuse(ConfigError::value("lora_alpha", "a number", config.lora_alpha));
        }
        Ok(config)
    }

    /// Scaling of one module with factors of this rank.
    pub(super) fn scaling(&self, path: &str, rank: usize) -> Result<f32> {
        let alpha = matching(&self.alpha_pattern, path)?.copied().unwrap_or(self.lora_alpha);
        let rank = rank as f32;
        Ok(if self.use_rslora { alpha / rank.sqrt() } else { alpha / rank })
    }

    /// Writes an `adapter_config.json` that `PeftModel.from_pretrained` loads.
    pub fn to_json(&self) -> String {
        let value = serde_json::json!({
            "alpha_pattern": self.alpha_pattern,
            "auto_mapping": null,
            "base_model_name_or_path": "",
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "lora_alpha": whole_if_possible(self.lora_alpha),
            "lora_dropout": self.lora_dropout,
            "modules_to_save": null,
            "peft_type": "LORA",
            "r": self.r,
            "rank_pattern": self.rank_pattern,
            "target_modules": self.target_modules,
            "task_type": null,
            "use_dora": false,
            "use_rslora": self.use_rslora,
        });
        format!("{value:#}\n")
    }

    /// The same for the header of the weights file, which diffusers and lone files live from.
    pub(super) fn to_metadata(&self) -> String {
        let fields = serde_json::json!({
            "r": self.r,
            "lora_alpha": whole_if_possible(self.lora_alpha),
            "target_modules": self.target_modules,
            "use_rslora": self.use_rslora,
            "rank_pattern": self.rank_pattern,
            "alpha_pattern": self.alpha_pattern,
        });
        let prefixed: BTreeMap<String, &Value> = fields
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (format!("{PEFT_PREFIX}{key}"), value))
            .collect();
        serde_json::json!(prefixed).to_string()
    }

    pub(super) fn from_metadata(text: &str) -> Result<Self> {
        let fields: BTreeMap<String, Value> = serde_json::from_value(json::read(DIFFUSERS_METADATA, text)?)
            .map_err(json::json_error(DIFFUSERS_METADATA))?;
        let plain = fields.into_iter().map(|(key, value)| {
            let name = [PEFT_PREFIX, "unet."].iter().find_map(|prefix| key.strip_prefix(prefix)).unwrap_or(&key);
            (name.to_owned(), value)
        });
        Self::from_value(Value::Object(plain.collect()))
    }
}

fn whole_if_possible(number: f32) -> Value {
    if number.fract() == 0.0 { Value::from(number as i64) } else { Value::from(number) }
}

/// PEFT's rule: a key is a pattern that must match the end of the module path, from a dot on
/// (or all of it, where the key begins with `^`).
fn matching<'a, T>(patterns: &'a BTreeMap<String, T>, path: &str) -> Result<Option<&'a T>> {
    for (key, value) in patterns {
        let pattern = Regex::new(&format!(r"^(?:.*\.)?(?:{key})$")).map_err(|_| Error::Config {
            file: FILE,
            source: ConfigError::Invalid {
                reason: format!("\"{key}\" in rank_pattern or alpha_pattern is not a pattern"),
            },
        })?;
        if pattern.is_match(path) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}
