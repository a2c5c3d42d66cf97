//! `adapter_config.json`: what decides an adapter's values.
//!
//! Tests: `tests/it/lora_files.rs`, `tests/it/patterns.rs`.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::error::{ConfigError, Error, Result, shown};
use crate::json;
use crate::lora::{Adapter, LoraFactors};
use crate::tensors::read_tensors;

use super::names::{CONFIG_FILE as FILE, DIFFUSERS_METADATA, PEFT_PREFIX, is_text_encoder};
use super::pattern::escape;
use super::patterns::{BothPatterns, Patterns};

/// Settings that are read here, or only matter to training and to PEFT's own book-keeping. With all others PEFT computes
/// something else than `W + scaling · B A`: `modules_to_save`, `lora_bias`, `layer_replication`, `use_qalora`, ….
const TAKEN: [&str; 32] = [
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "exclude_modules",
    "fan_in_fan_out",
    "inference_mode",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_alpha",
    "lora_dropout",
    "lora_ga_config",
    "megatron_core",
    "merge_weights",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
    "use_dora",
    "use_rslora",
    "velora_config",
    "version",
];

/// Whether it is an object all of whose values fit, or null, which is an empty one.
fn all_in(value: &Value, fits: impl Fn(&Value) -> bool) -> bool {
    value.is_null() || value.as_object().is_some_and(|fields| fields.values().all(fits))
}

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
    pub rank_pattern: Patterns<usize>,
    /// Alphas of single modules.
    #[serde(default)]
    pub alpha_pattern: Patterns<f32>,
    /// What the targets leave out: names or one pattern.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub exclude_modules: Value,
    /// Numbers of the layers that are meant, where the targets are names.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub layers_to_transform: Value,
    /// What stands before those numbers.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub layers_pattern: Value,
}

impl LoraConfig {
    /// Reads `adapter_config.json`, refusing what would change the result and is not supported.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::from_value(json::read(FILE, text)?)?.in_order_of(FILE, text)
    }

    /// With the patterns in the order of the text, which [`Value`] does not keep.
    fn in_order_of(self, file: &'static str, text: &str) -> Result<Self> {
        let both = serde_json::from_str(&json::standard(text)).map_err(json::json_error(file));
        let BothPatterns { ranks, alphas } = both?;
        Ok(Self { rank_pattern: ranks, alpha_pattern: alphas, ..self })
    }

    /// The configuration that a weights file of PEFT or diffusers carries itself.
    pub fn of_file(bytes: &[u8]) -> Result<Option<Self>> {
        let (_, metadata) = read_tensors(bytes)?;
        metadata.get(DIFFUSERS_METADATA).map(|text| Self::from_metadata(text)).transpose()
    }

    /// The configuration of an adapter that came without one: the highest rank and its alpha, exceptions by pattern.
    pub fn describing(adapter: &Adapter) -> Self {
        let r = adapter.rank();
        let alpha = |factors: &LoraFactors| factors.scaling * factors.rank() as f32;
        let lora_alpha = adapter.modules.values().find(|factors| factors.rank() == r).map_or(0.0, alpha);
        let all = Self {
            r,
            lora_alpha,
            lora_dropout: 0.0,
            target_modules: Value::Null,
            use_rslora: false,
            rank_pattern: Patterns::default(),
            alpha_pattern: Patterns::default(),
            exclude_modules: Value::Null,
            layers_to_transform: Value::Null,
            layers_pattern: Value::Null,
        };
        all.spelt_out(adapter)
    }

    /// The configuration to write with this adapter, which has these modules, ranks and scalings: itself, if that is what
    /// PEFT understands by it, also after PEFT has written it anew with its patterns in alphabetical order; else one with
    /// the paths of the modules in place of patterns.
    pub fn fitting(self, adapter: &Adapter) -> Self {
        let sorted = Self {
            rank_pattern: self.rank_pattern.sorted(),
            alpha_pattern: self.alpha_pattern.sorted(),
            ..self.clone()
        };
        if self.describes(adapter) && sorted.describes(adapter) { self } else { self.spelt_out(adapter) }
    }

    /// Whether PEFT makes such modules by it.
    fn describes(&self, adapter: &Adapter) -> bool {
        adapter.modules.iter().all(|(path, factors)| {
            let rank = self.rank_pattern.matching(path).ok().map(|rank| rank.copied().unwrap_or(self.r));
            let close = |scaling: f32| (scaling - factors.scaling).abs() <= 1e-6 * factors.scaling.abs();
            rank == Some(factors.rank())
                && self.must_target(path).is_ok()
                && self.scaling(path, factors.rank()).is_ok_and(close)
        })
    }

    /// With the modules' paths as targets and patterns: no two of them match one module.
    fn spelt_out(self, adapter: &Adapter) -> Self {
        let (r, lora_alpha) = (self.r, self.lora_alpha);
        let alpha = |factors: &LoraFactors| factors.scaling * self.divisor(factors.rank());
        // Keys are patterns: a dot in a path stands for itself.
        let modules = || adapter.modules.iter().map(|(path, factors)| (escape(path), factors));
        Self {
            target_modules: adapter.modules.keys().cloned().collect(),
            rank_pattern: modules().filter(|(_, f)| f.rank() != r).map(|(key, f)| (key, f.rank())).collect(),
            alpha_pattern: modules()
                .filter(|(_, f)| (alpha(f) - lora_alpha).abs() > 1e-6 * lora_alpha.abs())
                .map(|(key, f)| (key, alpha(f)))
                .collect(),
            exclude_modules: Value::Null,
            layers_to_transform: Value::Null,
            layers_pattern: Value::Null,
            ..self
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
        // What later versions add may change the result, too.
        for (key, value) in json.as_object().into_iter().flatten() {
            if !TAKEN.contains(&key.as_str()) && is_set(key) {
                return refuse(ConfigError::Unsupported { key: key.into(), found: shown(value), accepted: None });
            }
        }
        if let Some(start) = text("init_lora_weights")
            && CHANGES_THE_BASE.iter().any(|method| start.starts_with(method))
        {
            return refuse(ConfigError::ChangesBase { method: start.to_owned() });
        }
        // serde's own message of a wrong type does not name the key.
        type Fits = fn(&Value) -> bool;
        let kinds: [(&str, &str, Fits); 6] = [
            ("r", "a whole number", Value::is_u64),
            ("lora_alpha", "a number", Value::is_number),
            ("lora_dropout", "a number", Value::is_number),
            ("use_rslora", "true or false", Value::is_boolean),
            ("rank_pattern", "an object of whole numbers", |value| all_in(value, Value::is_u64)),
            ("alpha_pattern", "an object of numbers", |value| all_in(value, Value::is_number)),
        ];
        for (key, accepted, fits) in kinds {
            if let Some(found) = json.get(key).filter(|value| !fits(value)) {
                return refuse(ConfigError::value(key, accepted, shown(found)));
            }
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
        let alpha = self.alpha_pattern.matching(path)?.copied().unwrap_or(self.lora_alpha);
        Ok(alpha / self.divisor(rank))
    }

    /// What alpha is divided by.
    fn divisor(&self, rank: usize) -> f32 {
        if self.use_rslora { (rank as f32).sqrt() } else { rank as f32 }
    }

    /// Writes an `adapter_config.json` that `PeftModel.from_pretrained` loads.
    pub fn to_json(&self) -> String {
        let fixed = serde_json::json!({
            "auto_mapping": null,
            "base_model_name_or_path": "",
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "lora_dropout": self.lora_dropout,
            "modules_to_save": null,
            "peft_type": "LORA",
            "task_type": null,
            "use_dora": false,
        });
        let fields = Written { config: self, fixed: &fixed, prefix: "" };
        // Of numbers, words and lists, which JSON has a form for.
        format!("{}\n", serde_json::to_string_pretty(&fields).unwrap_or_default())
    }

    /// The same for the header of the weights file, which diffusers and lone files live from.
    pub(super) fn to_metadata(&self) -> String {
        let fields = Written { config: self, fixed: &Value::Null, prefix: PEFT_PREFIX };
        serde_json::to_string(&fields).unwrap_or_default()
    }

    pub(super) fn from_metadata(text: &str) -> Result<Self> {
        let fields: BTreeMap<String, Value> = serde_json::from_value(json::read(DIFFUSERS_METADATA, text)?)
            .map_err(json::json_error(DIFFUSERS_METADATA))?;
        // Of text encoders diffusers keeps the settings in the same place.
        let fields = fields.into_iter().filter(|(key, _)| !is_text_encoder(key));
        let plain = fields.map(|(key, value)| {
            let name = [PEFT_PREFIX, "unet."].iter().find_map(|prefix| key.strip_prefix(prefix)).unwrap_or(&key);
            (name.to_owned(), value)
        });
        Self::from_value(Value::Object(plain.collect()))?.in_order_of(DIFFUSERS_METADATA, text)
    }
}

/// A configuration as it is written: keys in alphabetical order, patterns in their own.
struct Written<'a> {
    config: &'a LoraConfig,
    fixed: &'a Value,
    prefix: &'a str,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let LoraConfig { r, lora_alpha, use_rslora, rank_pattern, alpha_pattern, .. } = self.config;
        let LoraConfig { target_modules, exclude_modules, layers_to_transform, layers_pattern, .. } = self.config;
        let (r, lora_alpha) = (Value::from(*r), whole_if_possible(*lora_alpha));
        let use_rslora = Value::from(*use_rslora);
        let settings = [
            ("r", &r),
            ("lora_alpha", &lora_alpha),
            ("use_rslora", &use_rslora),
            ("target_modules", target_modules),
            ("exclude_modules", exclude_modules),
            ("layers_to_transform", layers_to_transform),
            ("layers_pattern", layers_pattern),
        ];
        let optional = |(key, value): &(&str, &Value)| !value.is_null() || *key == "target_modules";
        let mut fields: BTreeMap<&str, Option<&Value>> =
            settings.into_iter().filter(optional).map(|(key, value)| (key, Some(value))).collect();
        fields.extend(self.fixed.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), Some(value))));
        fields.extend([("rank_pattern", None), ("alpha_pattern", None)]);
        let mut map = serializer.serialize_map(Some(fields.len()))?;
        for (key, value) in fields {
            let name = format!("{}{key}", self.prefix);
            match value {
                Some(value) => map.serialize_entry(&name, value)?,
                None if key == "rank_pattern" => map.serialize_entry(&name, rank_pattern)?,
                None => map.serialize_entry(&name, alpha_pattern)?,
            }
        }
        map.end()
    }
}

fn whole_if_possible(number: f32) -> Value {
    if number.fract() == 0.0 { Value::from(number as i64) } else { Value::from(number) }
}
