//! Reading adapter files of any dialect.
//!
//! Tests: `tests/it/lora_files.rs`.

use std::collections::BTreeMap;

use crate::error::{AdapterError, Result};
use crate::lora::{Adapter, LoraFactors};
use crate::state::{HostTensor, StateDict};
use crate::tensors::{must_be_numbers, read_tensors};

use super::config::LoraConfig;
use super::names::{
    BASE_SHA256, DIFFUSERS_METADATA, KOHYA_ALPHA, KOHYA_PREFIX, PEFT_PREFIX, Part, is_text_encoder, split_name,
    split_stem,
};

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
    let is_peft = tensors.keys().any(|name| name.starts_with(PEFT_PREFIX));
    // By the parser that is in the browser's engine already: the standard library's own is 13 KB of brotli.
    let kohya_alpha = |text: &String| {
        serde_json::from_str::<f32>(text).map_err(|_| AdapterError::MetadataAlpha { text: text.clone() })
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
            return Err(AdapterError::MissingFactor { path }.into());
        };
        if a.shape.len() != 2 || b.shape.len() != 2 || a.shape[0] != b.shape[1] || a.shape[0] == 0 {
            return Err(AdapterError::Factors { path, a: a.shape, b: b.shape }.into());
        }
        let rank = a.shape[0];
        let scaling = match (parts.alpha, &config) {
            (Some(alpha), _) => alpha / rank as f32,
            (None, Some(config)) => config.scaling(&path, rank)?,
            (None, None) if !is_peft => {
                metadata.get(KOHYA_ALPHA).map(kohya_alpha).transpose()?.unwrap_or(rank as f32) / rank as f32
            }
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
        let path = stem.strip_prefix(KOHYA_PREFIX).unwrap_or(stem);
        let side = sides.entry(format!("{path}.weight")).or_default();
        match (part, &tensor.shape[..]) {
            (Part::A, [_, inner]) => side[1] = *inner,
            (Part::B, [out, _]) => side[0] = *out,
            _ => {}
        }
    }
    Ok(sides.into_iter().map(|(name, shape)| (name, HostTensor { shape: shape.to_vec(), values: vec![] })).collect())
}

/// The tensors of one module.
#[derive(Default)]
struct Parts {
    a: Option<HostTensor>,
    b: Option<HostTensor>,
    alpha: Option<f32>,
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
