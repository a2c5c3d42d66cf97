//! Reading adapter files of any dialect.
//!
//! Tests: `tests/it/lora_files.rs`, `tests/it/adapter_names.rs`.

use std::collections::BTreeMap;

use crate::error::{AdapterError, Result};
use crate::lora::{Adapter, LoraFactors};
use crate::state::{HostTensor, StateDict};
use crate::tensors::{Metadata, must_be_numbers, read_tensors};

use super::config::LoraConfig;
use super::names::{
    BASE_SHA256, DIFFUSERS_METADATA, KOHYA_ALPHA, PEFT_PREFIX, Part, flat_paths, is_text_encoder, split,
};

/// Reads an adapter for this base. `config` is the text of `adapter_config.json`; without it a file of PEFT must
/// carry its alphas itself (diffusers' metadata). Files named as diffusers and kohya name them may leave alpha out: it
/// is the rank then, as it is for diffusers, sd-scripts and ComfyUI, whatever kohya's metadata say.
///
/// # Errors
/// Bytes that are no safetensors file, tensors that are no factors, factors that do not fit the base or are no numbers,
/// a configuration that asks for something else than LoRA, or leaves out modules that the file has.
pub fn read_adapter(bytes: &[u8], config: Option<&str>, base: &StateDict) -> Result<Adapter> {
    let (tensors, metadata) = read_tensors(bytes)?;
    let config = match (config, metadata.get(DIFFUSERS_METADATA)) {
        (Some(text), _) => Some(LoraConfig::from_json(text)?),
        (None, Some(text)) => Some(LoraConfig::from_metadata(text)?),
        (None, None) => None,
    };
    let is_peft = tensors.keys().any(|name| name.starts_with(PEFT_PREFIX));
    let modules = by_module(tensors, base)?;
    let mut adapter = Adapter { base_sha256: metadata.get(BASE_SHA256).cloned(), ..Adapter::default() };
    let mut silent = true;
    for (path, parts) in modules {
        let (Some(a), Some(b)) = (parts.a, parts.b) else {
            return Err(AdapterError::MissingFactor { path }.into());
        };
        // A convolution's are [rank, in, height, width] and [out, rank, 1, 1].
        let matrices = a.shape.len() == b.shape.len()
            && matches!(a.shape.len(), 2 | 4)
            && a.shape[0] == b.shape[1]
            && b.shape[2..].iter().all(|side| *side == 1);
        if !matrices || a.shape.contains(&0) || b.shape.contains(&0) {
            return Err(AdapterError::Factors { path, a: a.shape, b: b.shape }.into());
        }
        let rank = a.shape[0];
        if let Some(config) = &config {
            config.must_target(&parts.full)?;
        }
        silent &= parts.alpha.is_none();
        let scaling = match (parts.alpha, &config) {
            (Some(alpha), _) => alpha / rank as f32,
            (None, Some(config)) => config.scaling(&parts.full, rank)?,
            (None, None) if !is_peft => 1.0,
            (None, None) => return Err(AdapterError::UnknownAlpha.into()),
        };
        if !scaling.is_finite() {
            return Err(AdapterError::Alpha { path }.into());
        }
        adapter.modules.insert(path, LoraFactors { a, b, scaling });
    }
    if silent && config.is_none() {
        adapter.ignored_alpha = ignored_alpha(&metadata, &adapter);
    }
    adapter.fit(base)?;
    must_be_numbers(adapter.modules.iter().flat_map(|(path, factors)| [(path, &factors.a), (path, &factors.b)]))?;
    Ok(adapter)
}

/// The tensors by the paths of the base's modules; names that the base does not have stay as they are.
fn by_module(tensors: StateDict, base: &StateDict) -> Result<BTreeMap<String, Parts>> {
    let flat_paths = flat_paths(base);
    let mut modules: BTreeMap<String, Parts> = BTreeMap::new();
    for (name, tensor) in tensors {
        let split = split(&name).filter(|split| !is_text_encoder(&split.path));
        let split = split.ok_or_else(|| not_a_factor(&name))?;
        let path = if split.flat { flat_paths.get(&split.path).copied().unwrap_or(&split.path) } else { &split.path };
        let entry = modules.entry(path.to_owned()).or_default();
        entry.full = if split.flat { path.to_owned() } else { split.full };
        let alpha = if let [alpha] = tensor.values[..] { alpha } else { f32::NAN };
        let taken = match split.part {
            Part::A => entry.a.replace(tensor).is_some(),
            Part::B => entry.b.replace(tensor).is_some(),
            Part::Alpha => entry.alpha.replace(alpha).is_some(),
        };
        if taken {
            return Err(AdapterError::Twice { path: path.to_owned() }.into());
        }
    }
    Ok(modules)
}

/// What kohya's metadata say alpha is, where nothing makes it so.
fn ignored_alpha(metadata: &Metadata, adapter: &Adapter) -> Option<String> {
    let said = metadata.get(KOHYA_ALPHA)?;
    // By the parser that is in the browser's engine already: the standard library's own is 13 KB of brotli.
    let number = serde_json::from_str::<f32>(said).ok();
    let is_rank = |factors: &LoraFactors| number == Some(factors.rank() as f32);
    (!adapter.modules.values().all(is_rank)).then(|| said.clone())
}

/// The weights that a file's factors fit, by their own names and without values: a base to read the file with where
/// its own is not there. kohya's names keep their underscores.
pub fn implied_base(bytes: &[u8]) -> Result<StateDict> {
    let mut sides = BTreeMap::<String, Vec<usize>>::new();
    for (name, tensor) in read_tensors(bytes)?.0 {
        let Some(split) = split(&name) else { continue };
        let side = sides.entry(format!("{}.weight", split.path)).or_insert_with(|| vec![0, 0]);
        match (split.part, &tensor.shape[..]) {
            (Part::A, [_, inner @ ..]) if !inner.is_empty() => drop(side.splice(1.., inner.iter().copied())),
            (Part::B, [out, _, ..]) => side[0] = *out,
            _ => {}
        }
    }
    Ok(sides.into_iter().map(|(name, shape)| (name, HostTensor { shape, values: vec![] })).collect())
}

/// The tensors of one module.
#[derive(Default)]
struct Parts {
    full: String,
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
