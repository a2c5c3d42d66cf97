//! Reading `adapter_config.json`, and the copy of it in a weights file.
//!
//! Tests: `tests/it/lora_files.rs`, `tests/it/patterns.rs`.

use serde::de::Error as _;
use serde_json::{Map, Value};

use crate::error::{ConfigError, Error, Result, decimal, shown};
use crate::json;
use crate::tensors::read_tensors;

use super::config::PeftConfig;
use super::kind::PeftType;
use super::names::{CONFIG_FILE as FILE, DIFFUSERS_METADATA, PEFT_PREFIX, is_text_encoder};

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

/// A whole number.
fn whole(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok())
}

/// A number, as it is computed with.
fn float(value: &Value) -> Option<f32> {
    value.as_f64().map(|number| number as f32)
}

/// Ways of starting the factors that take their product away from the base's weights.
const CHANGES_THE_BASE: [&str; 5] = ["pissa", "olora", "corda", "loftq", "lora_ga"];

impl PeftConfig {
    /// Reads `adapter_config.json`, refusing what would change the result and is not supported.
    pub fn from_json(text: &str) -> Result<Self> {
        let json = json::read(FILE, text)?;
        Ok(Self::from_value(json.clone())?.in_order_of(text, &json))
    }

    /// With the patterns in the order of the text, which [`Value`] does not keep, whatever stands in front of their keys.
    fn in_order_of(mut self, text: &str, json: &Value) -> Self {
        json::inner_keys(&json::standard(text), &mut |outer, key| {
            let value = &json[outer][key];
            match outer.rsplit('.').next().filter(|_| !is_text_encoder(outer)) {
                Some("rank_pattern") => {
                    whole(value).into_iter().for_each(|rank| self.rank_pattern.set(key.to_owned(), rank))
                }
                Some("alpha_pattern") => {
                    float(value).into_iter().for_each(|alpha| self.alpha_pattern.set(key.to_owned(), alpha));
                }
                _ => {}
            }
        });
        self
    }

    /// The configuration that a weights file of PEFT or diffusers carries itself.
    pub fn of_file(bytes: &[u8]) -> Result<Option<Self>> {
        let (_, metadata) = read_tensors(bytes)?;
        metadata.get(DIFFUSERS_METADATA).map(|text| Self::from_metadata(text)).transpose()
    }

    pub(super) fn from_metadata(text: &str) -> Result<Self> {
        let mut plain = Map::new();
        let json = json::read(DIFFUSERS_METADATA, text)?;
        match json.clone() {
            Value::Object(fields) => {
                // Of text encoders diffusers keeps the settings in the same place.
                for (key, value) in fields.into_iter().filter(|(key, _)| !is_text_encoder(key)) {
                    let prefixes = [PEFT_PREFIX, "unet."];
                    let name = prefixes.iter().find_map(|prefix| key.strip_prefix(prefix)).unwrap_or(&key);
                    plain.insert(name.to_owned(), value);
                }
            }
            other => {
                let source = serde_json::Error::custom(format!("{}, not an object", shown(&other)));
                return Err(json::json_error(DIFFUSERS_METADATA)(source));
            }
        }
        Ok(Self::from_value(Value::Object(plain))?.in_order_of(text, &json))
    }

    fn from_value(mut json: Value) -> Result<Self> {
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
        let alpha = peft_type.alpha().unwrap_or("lora_alpha");
        for key in ["r", alpha] {
            if json.get(key).is_none() && peft_type == PeftType::Lora {
                return refuse(ConfigError::Value {
                    key: key.to_owned(),
                    accepted: "a number".to_owned(),
                    found: None,
                });
            }
        }
        let number = |key: &str, otherwise: f32| json.get(key).and_then(float).unwrap_or(otherwise);
        let words = |key: &str| json.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        // PEFT's defaults, where it has any.
        let has_default = peft_type.alpha().is_some_and(|alpha| alpha != "lora_alpha");
        let mut config = Self {
            peft_type,
            r: json.get("r").map_or(Some(8), whole).unwrap_or_default(),
            lora_alpha: number(alpha, if has_default { 8.0 } else { 0.0 }),
            lora_dropout: number("lora_dropout", 0.0),
            use_rslora: is_true("use_rslora"),
            use_dora: is_true("use_dora"),
            lora_bias: is_true("lora_bias"),
            bias: text("bias").filter(|bias| *bias != "none").unwrap_or_default().to_owned(),
            modules_to_save: words("modules_to_save").map(str::to_owned).collect(),
            start,
            ..Self::default()
        };
        let mut take = |key: &str| json.get_mut(key).map(Value::take);
        config.target_modules = take("target_modules").unwrap_or_default();
        config.exclude_modules = take("exclude_modules").unwrap_or_default();
        config.layers_to_transform = take("layers_to_transform").unwrap_or_default();
        config.layers_pattern = take("layers_pattern").unwrap_or_default();
        for key in peft_type.settings().iter().filter(|_| peft_type != PeftType::Lora) {
            if let Some(value) = take(key) {
                config.settings.insert((*key).to_owned(), value);
            }
        }
        if config.r == 0 && peft_type.has_rank() {
            return refuse(ConfigError::value("r", "at least 1", 0));
        }
        if !config.lora_alpha.is_finite() {
            return refuse(ConfigError::value("lora_alpha", "a number", decimal(config.lora_alpha.into())));
        }
        Ok(config)
    }
}
