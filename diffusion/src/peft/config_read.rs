//! Reading `adapter_config.json`, and the copy of it in a weights file.
//!
//! Tests: `tests/it/lora_files.rs`, `tests/it/patterns.rs`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{ConfigError, Error, Result, shown};
use crate::json;
use crate::tensors::read_tensors;

use super::config::PeftConfig;
use super::kind::PeftType;
use super::names::{CONFIG_FILE as FILE, DIFFUSERS_METADATA, PEFT_PREFIX, is_text_encoder};
use super::patterns::BothPatterns;

/// Settings of every kind that are read here, or only matter to training and to PEFT's own book-keeping. With all others
/// PEFT computes something else: `layer_replication`, `use_qalora`, ….
const TAKEN: [&str; 21] = [
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "ensure_weight_tying",
    "exclude_modules",
    "fan_in_fan_out",
    "inference_mode",
    "layers_pattern",
    "layers_to_transform",
    "merge_weights",
    "modules_to_save",
    "peft_type",
    "peft_version",
    "r",
    "rank_pattern",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
    "version",
];

/// Whether it is an object all of whose values fit, or null, which is an empty one.
fn all_in(value: &Value, fits: impl Fn(&Value) -> bool) -> bool {
    value.is_null() || value.as_object().is_some_and(|fields| fields.values().all(fits))
}

/// Ways of starting the factors that take their product away from the base's weights.
const CHANGES_THE_BASE: [&str; 5] = ["pissa", "olora", "corda", "loftq", "lora_ga"];

impl PeftConfig {
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
        let peft_type = match text("peft_type") {
            None => PeftType::Lora,
            Some(word) => match PeftType::ALL.into_iter().find(|kind| kind.word() == word) {
                Some(kind) => kind,
                None => {
                    let accepted = PeftType::ALL.map(|kind| format!("\"{}\"", kind.word())).join(", ");
                    return refuse(ConfigError::unsupported("peft_type", format!("\"{word}\""), accepted));
                }
            },
        };
        // Linears of the base are [out, in] in the file.
        if is_true("fan_in_fan_out") {
            return refuse(ConfigError::unsupported("fan_in_fan_out", true, false));
        }
        // What later versions add may change the result, too.
        for (key, value) in json.as_object().into_iter().flatten() {
            if !TAKEN.contains(&key.as_str()) && !peft_type.settings().contains(&key.as_str()) && is_set(key) {
                return refuse(ConfigError::Unsupported { key: key.into(), found: shown(value), accepted: None });
            }
        }
        if let Some(start) = text("init_lora_weights")
            && CHANGES_THE_BASE.iter().any(|method| start.starts_with(method))
            && !["pissa", "olora"].contains(&start)
        {
            return refuse(ConfigError::ChangesBase { method: start.to_owned() });
        }
        let start =
            text("init_lora_weights").filter(|start| ["pissa", "olora"].contains(start)).unwrap_or_default().to_owned();
        // serde's own message of a wrong type does not name the key.
        type Fits = fn(&Value) -> bool;
        let names =
            |value: &Value| value.is_null() || value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
        let kinds: [(&str, &str, Fits); 12] = [
            ("r", "a whole number", Value::is_u64),
            ("lora_alpha", "a number", Value::is_number),
            ("alpha", "a number", Value::is_number),
            ("lora_dropout", "a number", Value::is_number),
            ("use_rslora", "true or false", Value::is_boolean),
            ("use_dora", "true or false", Value::is_boolean),
            ("lora_bias", "true or false", Value::is_boolean),
            ("bias", "a word", Value::is_string),
            ("modules_to_save", "a list of names", names),
            ("eps", "a number", Value::is_number),
            ("rank_pattern", "an object of whole numbers", |value| all_in(value, Value::is_u64)),
            ("alpha_pattern", "an object of numbers", |value| all_in(value, Value::is_number)),
        ];
        for (key, accepted, fits) in kinds {
            if let Some(found) = json.get(key).filter(|value| !fits(value)) {
                return refuse(ConfigError::value(key, accepted, shown(found)));
            }
        }
        let mut fields = json.as_object().cloned().unwrap_or_default();
        let settings =
            peft_type.settings().iter().filter_map(|key| Some(((*key).to_owned(), fields.get(*key)?.clone())));
        let settings: Map<String, Value> = settings.filter(|_| peft_type != PeftType::Lora).collect();
        for (key, needed) in [("r", peft_type.has_rank()), (peft_type.alpha().unwrap_or("r"), true)] {
            if needed && !fields.contains_key(key) && peft_type == PeftType::Lora {
                return refuse(ConfigError::Value {
                    key: key.to_owned(),
                    accepted: "a number".to_owned(),
                    found: None,
                });
            }
        }
        // PEFT's defaults of the other kinds.
        fields.entry("r").or_insert_with(|| Value::from(8));
        if let Some(alpha) = peft_type.alpha().filter(|key| *key != "lora_alpha") {
            let alpha = fields.remove(alpha).unwrap_or_else(|| Value::from(8));
            fields.insert("lora_alpha".into(), alpha);
        }
        fields.retain(|key, value| !["settings", "start"].contains(&&key[..]) && !value.is_null());
        let config: Self =
            serde_json::from_value(Value::Object(fields)).map_err(|source| Error::Json { file: FILE, source })?;
        let bias = if config.bias == "none" { String::new() } else { config.bias };
        let config = Self { peft_type, settings, bias, start, ..config };
        if config.r == 0 && peft_type.has_rank() {
            return refuse(ConfigError::value("r", "at least 1", 0));
        }
        if !config.lora_alpha.is_finite() {
            return refuse(ConfigError::value("lora_alpha", "a number", config.lora_alpha));
        }
        Ok(config)
    }
}
