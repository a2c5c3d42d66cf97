//! Adapter files: PEFT folders and kohya's files read and written, diffusers' names read.
//!
//! Tests: `tests/it/lora_files.rs`.

mod config;
mod kohya;

use std::collections::{BTreeMap, BTreeSet};

pub use config::LoraConfig;
pub use kohya::write_kohya;

use crate::error::{AdapterError, Result};
use crate::lora::{Adapter, LoraFactors};
use crate::state::{HostTensor, StateDict};
use crate::tensors::{Metadata, Precision, must_be_numbers, read_tensors, write_tensors};

const PREFIX: &str = "base_model.model.";
/// Where diffusers looks for alpha; without it, it silently takes alpha = rank.
const DIFFUSERS_METADATA: &str = "lora_adapter_metadata";
const BASE_SHA256: &str = "digit_diffusion.base_sha256";
/// Where kohya says what alpha is, beside the `.alpha` tensors.
const KOHYA_ALPHA: &str = "ss_network_alpha";

/// Reads an adapter for this base. `config` is the text of `adapter_config.json`; without it a file of PEFT must
/// carry its alphas itself (diffusers' metadata). Files named as diffusers and kohya name them may leave alpha out: it
/// is the rank then, as it is for diffusers and for sd-scripts.
pub fn read_adapter(bytes: &[u8], config: Option<&str>, base: &StateDict) -> Result<Adapter> {
    let (tensors, metadata) = read_tensors(bytes)?;
    let config = match (config, metadata.get(DIFFUSERS_METADATA)) {
        (Some(text), _) => Some(LoraConfig::from_json(text)?),
        (None, Some(text)) => Some(LoraConfig::from_metadata(text)?),
        (None, None) => None,
    };
    let is_peft = tensors.keys().any(|name| name.starts_with(PREFIX));
    // By the parser that is in the browser's engine already: the standard library's own is 13 KB of brotli.
    let kohya_alpha = metadata.get(KOHYA_ALPHA).and_then(|text| serde_json::from_str::<f32>(text).ok());
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
            return Err(AdapterError::MissingFactor { path }.into());
        };
        if a.shape.len() != 2 || b.shape.len() != 2 || a.shape[0] != b.shape[1] || a.shape[0] == 0 {
            return Err(AdapterError::Factors { path, a: a.shape, b: b.shape }.into());
        }
        let rank = a.shape[0];
        let scaling = match (parts.alpha, &config) {
            (Some(alpha), _) => alpha / rank as f32,
            (None, Some(config)) => config.scaling(&path, rank)?,
            (None, None) if !is_peft => kohya_alpha.unwrap_or(rank as f32) / rank as f32,
            (None, None) => return Err(AdapterError::UnknownAlpha.into()),
        };
        if !scaling.is_finite() {
            return Err(AdapterError::Alpha { path }.into());
        }
        adapter.modules.insert(path, LoraFactors { a, b, scaling });
    }
    adapter.check(base)?;
    must_be_numbers(adapter.modules.iter().flat_map(|(path, factors)| [(path, &factors.a), (path, &factors.b)]))?;
    Ok(adapter)
}

/// The weights that a file's factors fit, by their own names and without values: a base to read the file with where
/// its own is not there. kohya's names keep their underscores.
pub fn implied_base(bytes: &[u8]) -> Result<StateDict> {
    let mut sides = BTreeMap::<String, [usize; 2]>::new();
    for (name, tensor) in read_tensors(bytes)?.0 {
        let Some((stem, part)) = split_stem(&name) else { continue };
        let path = stem.strip_prefix(kohya::PREFIX).unwrap_or(stem);
        let side = sides.entry(format!("{path}.weight")).or_default();
        match (part, &tensor.shape[..]) {
            (Part::A, [_, inner]) => side[1] = *inner,
            (Part::B, [out, _]) => side[0] = *out,
            _ => {}
        }
    }
    Ok(sides.into_iter().map(|(name, shape)| (name, HostTensor { shape: shape.to_vec(), values: vec![] })).collect())
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

fn not_a_factor(name: &str) -> AdapterError {
    let is_dora = ["lora_magnitude_vector", "dora_scale"].iter().any(|part| name.contains(part));
    let tensor = name.to_owned();
    if is_dora {
        AdapterError::Dora { tensor }
    } else if is_text_encoder(name) {
        AdapterError::TextEncoder { tensor }
    } else {
        AdapterError::NotAFactor { tensor }
    }
}

/// kohya's and diffusers' names of what Stable Diffusion reads prompts with.
fn is_text_encoder(name: &str) -> bool {
    ["lora_te", "text_encoder"].iter().any(|prefix| name.starts_with(prefix))
}

/// Module path and role of a tensor, in any of the three dialects.
fn split_name(name: &str, base: &StateDict) -> Option<(String, Part)> {
    let (stem, part) = split_stem(name)?;
    let Some(flat) = stem.strip_prefix(kohya::PREFIX) else {
        return (!is_text_encoder(stem)).then(|| (stem.to_owned(), part));
    };
    // kohya writes the path with "_" for "." : only the base's own names tell which is which.
    let known: BTreeSet<&str> = base.keys().filter_map(|key| key.strip_suffix(".weight")).collect();
    known.into_iter().find(|path| path.replace('.', "_") == flat).map(|path| (path.to_owned(), part))
}

/// The name without what stands around a module's path, and the role.
fn split_stem(name: &str) -> Option<(&str, Part)> {
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
    Some(([PREFIX, "unet."].iter().fold(stem, |s, prefix| s.strip_prefix(prefix).unwrap_or(s)), part))
}
