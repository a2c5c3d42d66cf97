//! One `unet/config.json` as it is read: each kind of value, and what is refused.
//!
//! Tests: `tests/it/configs.rs`.

use serde_json::{Value, json};

use crate::error::{ConfigError, Error, Result, shown};
use crate::json;

pub(super) const FILE: &str = "unet/config.json";

/// Larger numbers are mistakes, and would only be noticed when memory runs out.
pub(super) const LARGEST: usize = 65_536;

pub(super) struct Reader {
    json: Value,
}

/// A whole number of a size that a network can have.
pub(super) fn whole(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= LARGEST)
}

impl Reader {
    /// Parses the text, and refuses the settings that are not supported.
    pub(super) fn new(text: &str) -> Result<Self> {
        let reader = Self { json: json::read(FILE, text)? };
        reader.require_defaults()?;
        Ok(reader)
    }

    fn refuse<T>(&self, source: ConfigError) -> Result<T> {
        Err(Error::Config { file: FILE, source })
    }

    /// The value of `key` is not what it must be.
    fn refuse_value<T>(&self, key: &str, accepted: String) -> Result<T> {
        let found = self.json.get(key).map(shown);
        self.refuse(ConfigError::Value { key: key.into(), accepted, found })
    }

    /// Settings that change the computation and are supported with one value only.
    fn require_defaults(&self) -> Result<()> {
        let class = self.json.get("_class_name").and_then(Value::as_str);
        if class != Some("UNet2DConditionModel") {
            let found = self.json.get("_class_name").filter(|value| !value.is_null()).map(shown);
            let accepted = "\"UNet2DConditionModel\"".into();
            return self.refuse(ConfigError::Value { key: "_class_name".into(), accepted, found });
        }
        let only = [
            ("act_fn", json!("silu")),
            ("center_input_sample", json!(false)),
            ("downsample_padding", json!(1)),
            ("dual_cross_attention", json!(false)),
            ("encoder_hid_dim_type", json!("text_proj")),
            ("flip_sin_to_cos", json!(true)),
            ("freq_shift", json!(0)),
            ("mid_block_scale_factor", json!(1)),
            ("mid_block_type", json!("UNetMidBlock2DCrossAttn")),
            ("resnet_time_scale_shift", json!("default")),
            ("resnet_skip_time_act", json!(false)),
            ("resnet_out_scale_factor", json!(1.0)),
            ("time_embedding_type", json!("positional")),
            ("use_linear_projection", json!(false)),
            ("upcast_attention", json!(false)),
            ("class_embeddings_concat", json!(false)),
            ("conv_in_kernel", json!(3)),
            ("conv_out_kernel", json!(3)),
            ("dropout", json!(0.0)),
            ("attention_type", json!("default")),
        ];
        for (key, accepted) in only {
            match self.json.get(key) {
                None | Some(Value::Null) => {}
                Some(value) if *value == accepted || value.as_f64().is_some_and(|v| Some(v) == accepted.as_f64()) => {}
                Some(value) => return self.refuse(ConfigError::unsupported(key, shown(value), accepted)),
            }
        }
        let absent = [
            "addition_embed_type",
            "addition_time_embed_dim",
            "class_embed_type",
            "num_class_embeds",
            "num_attention_heads",
            "reverse_transformer_layers_per_block",
            "time_cond_proj_dim",
            "time_embedding_act_fn",
            "time_embedding_dim",
            "timestep_post_act",
            "cross_attention_norm",
            "projection_class_embeddings_input_dim",
        ];
        for key in absent {
            if let Some(value) = self.json.get(key).filter(|value| !value.is_null()) {
                return self.refuse(ConfigError::Unsupported { key: key.into(), found: shown(value), accepted: None });
            }
        }
        // diffusers lets a single `only_cross_attention: true` reach the middle block too.
        let middle = self.json.get("mid_block_only_cross_attention").and_then(Value::as_bool);
        let everywhere = self.json.get("only_cross_attention").and_then(Value::as_bool) == Some(true);
        if middle == Some(true) || (everywhere && middle.is_none()) {
            let reason = "the middle block must keep self-attention (mid_block_only_cross_attention false)".into();
            return self.refuse(ConfigError::Invalid { reason });
        }
        Ok(())
    }

    pub(super) fn number(&self, key: &str) -> Result<usize> {
        match self.json.get(key).and_then(whole) {
            Some(n) => Ok(n),
            None => self.refuse_value(key, format!("a whole number, at most {LARGEST}")),
        }
    }

    pub(super) fn number_or(&self, key: &str, default: usize) -> Result<usize> {
        match self.json.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(_) => self.number(key),
        }
    }

    pub(super) fn positive_or(&self, key: &str, default: f64) -> Result<f64> {
        match self.json.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => match value.as_f64() {
                Some(n) if n > 0.0 => Ok(n),
                _ => self.refuse_value(key, "a number above 0".into()),
            },
        }
    }

    pub(super) fn list(&self, key: &str) -> Result<Vec<usize>> {
        let items = self.json.get(key).and_then(Value::as_array);
        match items.and_then(|items| items.iter().map(whole).collect::<Option<Vec<_>>>()) {
            Some(list) if !list.is_empty() => Ok(list),
            _ => self.refuse_value(key, format!("a list of whole numbers, each at most {LARGEST}")),
        }
    }

    /// One value for each resolution, or one for all.
    pub(super) fn per_level<T: Clone>(
        &self,
        key: &str,
        levels: usize,
        default: T,
        get: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>> {
        let values = match self.json.get(key) {
            None | Some(Value::Null) => Some(vec![default; levels]),
            Some(Value::Array(items)) => items.iter().map(&get).collect(),
            Some(single) => get(single).map(|v| vec![v; levels]),
        };
        match values {
            Some(values) if values.len() == levels => Ok(values),
            _ => self.refuse_value(key, format!("one value, or one for each of the {levels} block_out_channels")),
        }
    }

    /// For each resolution, whether its block is of the kind with attention.
    pub(super) fn blocks(&self, key: &str, with: &str, without: &str, levels: usize) -> Result<Vec<bool>> {
        let kind = |value: &Value| match value.as_str() {
            Some(name) if name == with => Some(true),
            Some(name) if name == without => Some(false),
            _ => None,
        };
        let names = self.json.get(key).and_then(Value::as_array);
        let kinds = names.and_then(|names| names.iter().map(kind).collect::<Option<Vec<_>>>());
        match kinds {
            Some(kinds) if kinds.len() == levels => Ok(kinds),
            _ => self.refuse_value(key, format!("a list of {levels} times \"{with}\" or \"{without}\"")),
        }
    }
}
