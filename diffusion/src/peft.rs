//! Adapter files: PEFT folders read and written, diffusers' and kohya's names read.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::lora::{Adapter, LoraFactors};
use crate::state::{HostTensor, StateDict};
use crate::tensors::{Metadata, Precision, read_tensors, write_tensors};

const FILE: &str = "adapter_config.json";
const PREFIX: &str = "base_model.model.";
/// Where diffusers looks for alpha; without it, it silently takes alpha = rank.
const DIFFUSERS_METADATA: &str = "lora_adapter_metadata";
const BASE_SHA256: &str = "digit_diffusion.base_sha256";

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
        let json: Value =
            serde_json::from_str(text).map_err(|e| Error::Json { file: FILE, reason: e.to_string() })?;
        Self::from_value(json)
    }

    fn from_value(json: Value) -> Result<Self> {
        let refuse = |reason: &str| Err(Error::Config { file: FILE, reason: reason.to_owned() });
        let text = |key: &str| json.get(key).and_then(Value::as_str);
        let is_true = |key: &str| json.get(key).and_then(Value::as_bool) == Some(true);
        let is_set = |key: &str| match json.get(key) {
            None | Some(Value::Null) | Some(Value::Bool(false)) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(items)) => !items.is_empty(),
            Some(_) => true,
        };
        if text("peft_type").is_some_and(|kind| kind != "LORA") {
            return refuse("peft_type must be \"LORA\"");
        }
        if is_true("use_dora") {
            return refuse("use_dora (DoRA) is not supported");
        }
        if text("bias").is_some_and(|bias| bias != "none") {
            return refuse("bias must be \"none\"");
        }
        if is_true("fan_in_fan_out") {
            return refuse("fan_in_fan_out is not supported");
        }
        for key in ["modules_to_save", "layer_replication", "lora_bias", "megatron_config", "trainable_token_indices"] {
            if is_set(key) {
                return refuse(&format!("{key} is not supported"));
            }
        }
        let config: Self =
            serde_json::from_value(json).map_err(|e| Error::Json { file: FILE, reason: e.to_string() })?;
        if config.r == 0 || !config.lora_alpha.is_finite() {
            return refuse("r must be at least 1 and lora_alpha a number");
        }
        Ok(config)
    }

    /// Scaling of one module with factors of this rank.
    fn scaling(&self, path: &str, rank: usize) -> Result<f32> {
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
    fn to_metadata(&self) -> String {
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
            .map(|(key, value)| (format!("{PREFIX}{key}"), value))
            .collect();
        serde_json::json!(prefixed).to_string()
    }

    fn from_metadata(text: &str) -> Result<Self> {
        let fields: BTreeMap<String, Value> = serde_json::from_str(text)
            .map_err(|e| Error::Json { file: DIFFUSERS_METADATA, reason: e.to_string() })?;
        let plain = fields.into_iter().map(|(key, value)| {
            let name = [PREFIX, "unet."].iter().find_map(|prefix| key.strip_prefix(prefix)).unwrap_or(&key);
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
            reason: format!("\"{key}\" in rank_pattern or alpha_pattern is not a pattern"),
        })?;
        if pattern.is_match(path) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Reads an adapter for this base. `config` is the text of `adapter_config.json`; without it the file must
/// carry its alphas itself (diffusers' metadata, or kohya's `.alpha` tensors).
pub fn read_adapter(bytes: &[u8], config: Option<&str>, base: &StateDict) -> Result<Adapter> {
    let (tensors, metadata) = read_tensors(bytes)?;
    let config = match (config, metadata.get(DIFFUSERS_METADATA)) {
        (Some(text), _) => Some(LoraConfig::from_json(text)?),
        (None, Some(text)) => Some(LoraConfig::from_metadata(text)?),
        (None, None) => None,
    };
    let mut parts: BTreeMap<String, Parts> = BTreeMap::new();
    for (name, tensor) in tensors {
        let (path, part) = split_name(&name, base).ok_or_else(|| {
            Error::Adapter(format!("tensor {name} is not a LoRA factor of a Linear of this base"))
        })?;
        let entry = parts.entry(path).or_default();
        match part {
            Part::A => entry.a = Some(tensor),
            Part::B => entry.b = Some(tensor),
            Part::Alpha => entry.alpha = tensor.values.first().copied(),
        }
    }
    let mut adapter = Adapter { base_sha256: metadata.get(BASE_SHA256).cloned(), ..Adapter::default() };
    for (path, parts) in parts {
        let (Some(a), Some(b)) = (parts.a, parts.b) else {
            return Err(Error::Adapter(format!("{path} has only one of its two factors")));
        };
        if a.shape.len() != 2 || b.shape.len() != 2 || a.shape[0] != b.shape[1] || a.shape[0] == 0 {
            return Err(Error::Adapter(format!(
                "{path} has factors {:?} and {:?}: only Linears are supported, lora_A [rank, in] and lora_B [out, rank]",
                a.shape, b.shape
            )));
        }
        let rank = a.shape[0];
        let scaling = match (parts.alpha, &config) {
            (Some(alpha), _) => alpha / rank as f32,
            (None, Some(config)) => config.scaling(&path, rank)?,
            (None, None) => {
                return Err(Error::Adapter(
                    "alpha is unknown: give adapter_config.json too, or a file that carries lora_adapter_metadata".into(),
                ));
            }
        };
        adapter.modules.insert(path, LoraFactors { a, b, scaling });
    }
    adapter.check(base)?;
    Ok(adapter)
}

/// Writes `adapter_model.safetensors` so that PEFT, diffusers and this program read the same adapter.
pub fn write_adapter(adapter: &Adapter, config: &LoraConfig, title: &str, precision: Precision) -> Result<Vec<u8>> {
    let mut tensors = StateDict::new();
    for (path, factors) in &adapter.modules {
        tensors.insert(format!("{PREFIX}{path}.lora_A.weight"), factors.a.clone());
        tensors.insert(format!("{PREFIX}{path}.lora_B.weight"), factors.b.clone());
    }
    let mut metadata = Metadata::from([
        ("format".into(), "pt".into()),
        (DIFFUSERS_METADATA.into(), config.to_metadata()),
        ("modelspec.sai_model_spec".into(), "1.0.0".into()),
        ("modelspec.architecture".into(), "digit-diffusion-unet/lora".into()),
        ("modelspec.implementation".into(), "diffusers".into()),
        ("modelspec.title".into(), title.into()),
    ]);
    if let Some(sha256) = &adapter.base_sha256 {
        metadata.insert(BASE_SHA256.into(), sha256.clone());
    }
    write_tensors(&tensors, metadata, precision)
}

#[derive(Default)]
struct Parts {
    a: Option<HostTensor>,
    b: Option<HostTensor>,
    alpha: Option<f32>,
}

#[derive(Clone, Copy)]
enum Part {
    A,
    B,
    Alpha,
}

/// Module path and role of a tensor, in any of the three dialects.
fn split_name(name: &str, base: &StateDict) -> Option<(String, Part)> {
    const ENDINGS: [(&str, Part); 9] = [
        (".lora_A.weight", Part::A),
        (".lora_B.weight", Part::B),
        (".lora_A.default.weight", Part::A),
        (".lora_B.default.weight", Part::B),
        (".lora_down.weight", Part::A),
        (".lora_up.weight", Part::B),
        (".lora.down.weight", Part::A),
        (".lora.up.weight", Part::B),
        (".alpha", Part::Alpha),
    ];
    let (stem, part) = ENDINGS.iter().find_map(|(ending, part)| Some((name.strip_suffix(ending)?, *part)))?;
    let stem = ["base_model.model.", "unet."].iter().fold(stem, |s, prefix| s.strip_prefix(prefix).unwrap_or(s));
    let Some(flat) = stem.strip_prefix("lora_unet_") else {
        return Some((stem.to_owned(), part));
    };
    // kohya writes the path with "_" for "." : only the base's own names tell which is which.
    let known: BTreeSet<&str> = base.keys().filter_map(|key| key.strip_suffix(".weight")).collect();
    known.into_iter().find(|path| path.replace('.', "_") == flat).map(|path| (path.to_owned(), part))
}
