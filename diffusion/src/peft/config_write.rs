//! Writing `adapter_config.json`, and the copy of it in a weights file.
//!
//! Tests: `tests/it/lora_files.rs`.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::config::PeftConfig;
use super::kind::PeftType;

impl PeftConfig {
    /// Writes an `adapter_config.json` that `PeftModel.from_pretrained` loads.
    pub fn to_json(&self) -> String {
        let mut fixed = json!({
            "auto_mapping": null,
            "base_model_name_or_path": "",
            "inference_mode": true,
            "modules_to_save": if self.modules_to_save.is_empty() { Value::Null } else { json!(self.modules_to_save) },
            "peft_type": self.peft_type.word(),
            "task_type": null,
        });
        if self.peft_type == PeftType::Lora {
            fixed["bias"] = json!(if self.bias.is_empty() { "none" } else { &self.bias });
            fixed["fan_in_fan_out"] = json!(false);
            fixed["init_lora_weights"] = json!(true);
            fixed["lora_dropout"] = json!(self.lora_dropout);
            fixed["use_dora"] = json!(self.use_dora);
        }
        for (key, value) in self.settings.iter().filter(|_| self.peft_type != PeftType::Lora) {
            fixed[key] = value.clone();
        }
        let fields = Written { config: self, fixed: &fixed, prefix: "" };
        // Of numbers, words and lists, which JSON has a form for.
        format!("{}\n", serde_json::to_string_pretty(&fields).unwrap_or_default())
    }

    /// The same for the header of the weights file, which diffusers and lone files live from.
    pub(super) fn to_metadata(&self, prefix: &str) -> String {
        let fields = Written { config: self, fixed: &Value::Null, prefix };
        serde_json::to_string(&fields).unwrap_or_default()
    }
}

/// A configuration as it is written: keys in alphabetical order, patterns in their own.
struct Written<'a> {
    config: &'a PeftConfig,
    fixed: &'a Value,
    prefix: &'a str,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let PeftConfig { r, lora_alpha, use_rslora, rank_pattern, alpha_pattern, .. } = self.config;
        let PeftConfig { target_modules, exclude_modules, layers_to_transform, layers_pattern, .. } = self.config;
        let is_lora = self.config.peft_type == PeftType::Lora;
        let (r, lora_alpha) = (Value::from(*r), whole_if_possible(*lora_alpha));
        let only = |yes: bool, value: Value| if yes { value } else { Value::Null };
        let use_rslora = only(is_lora, Value::from(*use_rslora));
        let lora_bias = only(self.config.lora_bias, Value::from(true));
        // diffusers looks for it where the weights are.
        let use_dora = only(self.config.use_dora && !self.prefix.is_empty(), Value::from(true));
        let lora_alpha = only(self.config.peft_type.alpha().is_some(), lora_alpha);
        let settings = [
            ("r", &r),
            (self.config.peft_type.alpha().unwrap_or("lora_alpha"), &lora_alpha),
            ("use_rslora", &use_rslora),
            ("use_dora", &use_dora),
            ("lora_bias", &lora_bias),
            ("target_modules", target_modules),
            ("exclude_modules", exclude_modules),
            ("layers_to_transform", layers_to_transform),
            ("layers_pattern", layers_pattern),
        ];
        let optional = |(key, value): &(&str, &Value)| !value.is_null() || *key == "target_modules";
        let mut fields: BTreeMap<&str, Option<&Value>> =
            settings.into_iter().filter(optional).map(|(key, value)| (key, Some(value))).collect();
        fields.extend(self.fixed.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), Some(value))));
        if self.config.peft_type.alpha().is_some() {
            fields.extend([("rank_pattern", None), ("alpha_pattern", None)]);
        }
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
