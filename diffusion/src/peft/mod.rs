//! Adapter files: PEFT folders and kohya's files read and written, diffusers' names read.

mod config;
mod kohya;

use std::collections::{BTreeMap, BTreeSet};

pub use config::LoraConfig;
pub use kohya::write_kohya;

use crate::error::{Error, Result};
use crate::lora::{Adapter, LoraFactors};
use crate::state::{HostTensor, StateDict};
use crate::tensors::{Metadata, Precision, read_tensors, write_tensors};

const PREFIX: &str = "base_model.model.";
/// Where diffusers looks for alpha; without it, it silently takes alpha = rank.
const DIFFUSERS_METADATA: &str = "lora_adapter_metadata";
const BASE_SHA256: &str = "digit_diffusion.base_sha256";

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
        let (path, part) = split_name(&name, base).ok_or_else(|| not_a_factor(&name))?;
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
                    "alpha is unknown: give adapter_config.json too, or a file that carries lora_adapter_metadata"
                        .into(),
                ));
            }
        };
        if !scaling.is_finite() {
            return Err(Error::Adapter(format!("the alpha of {path} must be a number")));
        }
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

fn not_a_factor(name: &str) -> Error {
    let is_dora = ["lora_magnitude_vector", "dora_scale"].iter().any(|part| name.contains(part));
    let reason = if is_dora { "DoRA is not supported" } else { "only factors of Linears of this base are" };
    Error::Adapter(format!("tensor {name} is not a LoRA factor: {reason}"))
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
    let stem = [PREFIX, "unet."].iter().fold(stem, |s, prefix| s.strip_prefix(prefix).unwrap_or(s));
    let Some(flat) = stem.strip_prefix(kohya::PREFIX) else {
        return Some((stem.to_owned(), part));
    };
    // kohya writes the path with "_" for "." : only the base's own names tell which is which.
    let known: BTreeSet<&str> = base.keys().filter_map(|key| key.strip_suffix(".weight")).collect();
    known.into_iter().find(|path| path.replace('.', "_") == flat).map(|path| (path.to_owned(), part))
}
