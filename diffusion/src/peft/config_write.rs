//! Writing `adapter_config.json`, and the copy of it in a weights file.
//!
//! Tests: `tests/it/lora_files.rs`.

use serde_json::{Map, Value};

use crate::json::indented;

use super::config::PeftConfig;
use super::kind::PeftType;

impl PeftConfig {
    /// Writes an `adapter_config.json` that `PeftModel.from_pretrained` loads.
    pub fn to_json(&self) -> String {
        let modules_to_save = match self.modules_to_save.is_empty() {
            true => Value::Null,
            false => self.modules_to_save.clone().into(),
        };
        let mut fixed = vec![
            ("auto_mapping", Value::Null),
            ("base_model_name_or_path", "".into()),
            ("inference_mode", true.into()),
            ("modules_to_save", modules_to_save),
            ("peft_type", self.peft_type.word().into()),
            ("task_type", Value::Null),
        ];
        match self.peft_type == PeftType::Lora {
            true => fixed.extend([
                ("bias", if self.bias.is_empty() { "none" } else { self.bias.as_str() }.into()),
                ("fan_in_fan_out", false.into()),
                ("init_lora_weights", true.into()),
                ("lora_dropout", self.lora_dropout.into()),
                ("use_dora", self.use_dora.into()),
            ]),
            false => fixed.extend(self.settings.iter().map(|(key, value)| (key.as_str(), value.clone()))),
        }
        format!("{}\n", indented(&self.written(&fixed, "")))
    }

    /// The same for the header of the weights file, which diffusers and lone files live from.
    pub(super) fn to_metadata(&self, prefix: &str) -> String {
        self.written(&[], prefix)
    }

    /// The configuration as it is written: keys in alphabetical order, patterns in their own, which [`Value`] does not keep.
    fn written(&self, fixed: &[(&str, Value)], prefix: &str) -> String {
        let is_lora = self.peft_type == PeftType::Lora;
        let (r, lora_alpha) = (Value::from(self.r), whole_if_possible(self.lora_alpha));
        let only = |yes: bool, value: Value| if yes { value } else { Value::Null };
        let settings = [
            ("r", r),
            (self.peft_type.alpha().unwrap_or("lora_alpha"), only(self.peft_type.alpha().is_some(), lora_alpha)),
            ("use_rslora", only(is_lora, self.use_rslora.into())),
            // diffusers looks for it where the weights are.
            ("use_dora", only(self.use_dora && !prefix.is_empty(), true.into())),
            ("lora_bias", only(self.lora_bias, true.into())),
            ("target_modules", self.target_modules.clone()),
            ("exclude_modules", self.exclude_modules.clone()),
            ("layers_to_transform", self.layers_to_transform.clone()),
            ("layers_pattern", self.layers_pattern.clone()),
        ];
        let mut fields = Map::new();
        for (key, value) in settings {
            if !value.is_null() || key == "target_modules" {
                fields.insert(key.to_owned(), value);
            }
        }
        for (key, value) in fixed {
            fields.insert((*key).to_owned(), value.clone());
        }
        const PATTERNS: [&str; 2] = ["rank_pattern", "alpha_pattern"];
        if self.peft_type.alpha().is_some() {
            PATTERNS.iter().for_each(|key| drop(fields.insert((*key).to_owned(), Value::Null)));
        }
        let mut written = String::new();
        for (key, value) in fields {
            let value = match PATTERNS.iter().position(|known| *known == key) {
                Some(0) => self.rank_pattern.to_json(),
                Some(_) => self.alpha_pattern.to_json(),
                // Of numbers, words and lists, which JSON has a form for.
                None => serde_json::to_string(&value).unwrap_or_default(),
            };
            let comma = if written.is_empty() { "" } else { "," };
            written += &format!("{comma}\"{prefix}{key}\":{value}");
        }
        format!("{{{written}}}")
    }
}

fn whole_if_possible(number: f32) -> Value {
    if number.fract() == 0.0 { Value::from(number as i64) } else { Value::from(number) }
}
