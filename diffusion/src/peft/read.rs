//! Reading adapter files of any dialect.
//!
//! Tests: `tests/it/lora_files.rs`, `tests/it/adapter_names.rs`.

use std::sync::Arc;

use serde_json::Value;

use crate::adapter::{Adapter, Unused, Update};
use crate::error::{AdapterError, ConfigError, Error, Result, shown};
use crate::json;
use crate::state::{HostTensor, StateDict};
use crate::tensors::{Metadata, must_be_numbers, read_tensors};
use crate::turbo::{self, Turbo};

use super::build;
use super::config::PeftConfig;
use super::module::{Module, Tensors};
use super::names::{
    ALPHA, BASE_SHA256, BIAS, DIFFUSERS_METADATA, GUIDANCE_SCALE, KOHYA_ALPHA, PEFT_PREFIX, Role, WEIGHT, flat_path,
    is_text_encoder, split,
};

/// Reads an adapter for this base. `config` is the text of `adapter_config.json`; without it a file of PEFT must
/// carry its settings itself (diffusers' metadata). Files named as diffusers and kohya name them may leave alpha out: it
/// is the rank then, as it is for diffusers, sd-scripts and ComfyUI, whatever kohya's metadata say.
///
/// # Errors
/// Bytes that are no safetensors file, tensors that are of no known kind, do not go together or with the base, or are no
/// numbers; a configuration of something else, or one that leaves out modules that the file has.
pub fn read_adapter(bytes: &[u8], config: Option<&str>, base: &StateDict) -> Result<Adapter> {
    read(bytes, config, base, false)
}

/// Reads what fits this base, and notes the rest in [`Adapter::unused`].
///
/// # Errors
/// As [`read_adapter`], but not for tensors of text encoders, of unknown kinds, and of modules that the base has not, or
/// has in another shape. Where nothing fits, the first reason.
pub fn read_adapter_partially(bytes: &[u8], config: Option<&str>, base: &StateDict) -> Result<Adapter> {
    read(bytes, config, base, true)
}

/// What stands in a header of the adapter's guidance.
fn guidance_scale(text: &str) -> Result<f64> {
    let value = json::read(GUIDANCE_SCALE, text)?;
    value.as_f64().filter(|scale| (*scale as f32).is_finite()).ok_or_else(|| Error::Config {
        file: GUIDANCE_SCALE,
        source: ConfigError::value("guidance_scale", "a finite number", shown(&value)),
    })
}

fn read(bytes: &[u8], config: Option<&str>, base: &StateDict, partial: bool) -> Result<Adapter> {
    let (tensors, metadata) = read_tensors(bytes)?;
    let config = match (config, metadata.get(DIFFUSERS_METADATA)) {
        (Some(text), _) => Some(PeftConfig::from_json(text)?),
        (None, Some(text)) => Some(PeftConfig::from_metadata(text)?),
        (None, None) => None,
    };
    let is_peft = tensors.keys().any(|name| name.starts_with(PEFT_PREFIX));
    let turbo = metadata.get(turbo::KEY).map(|text| Turbo::from_json(text)).transpose()?;
    let guidance_scale = metadata.get(GUIDANCE_SCALE).map(|text| guidance_scale(text)).transpose()?;
    let base_sha256 = metadata.get(BASE_SHA256).cloned();
    let mut adapter = Adapter { base_sha256, turbo, guidance_scale, ..Adapter::default() };
    let refuse = |names: &[String], error: Error, unused: &mut Vec<Unused>| {
        if !partial {
            return Err(error);
        }
        let error = Arc::new(error);
        unused.extend(names.iter().map(|name| Unused { tensor: name.clone(), error: Arc::clone(&error) }));
        Ok(())
    };
    let Groups { modules, others } = by_module(tensors, config.as_ref(), base);
    for (name, error) in others {
        refuse(&[name], error, &mut adapter.unused)?;
    }
    if !partial {
        must_be_there(&modules, base)?;
    }
    let mut silent = true;
    for (path, parts) in modules {
        let (names, has_alpha) = (parts.names, parts.tensors.has(ALPHA));
        let update = must_be_there_one(&path, base).and_then(|pristine| {
            if let Some(config) = config.as_ref().filter(|_| parts.tensors.roles().any(|role| !own(role))) {
                config.must_target(&parts.full)?;
            }
            must_be_numbers(
                parts.tensors.iter().filter(|(role, _)| *role != ALPHA).map(|(_, tensor)| (&path, tensor)),
            )?;
            if parts.tensors.get(ALPHA).is_some_and(|alpha| alpha.values.iter().any(|value| !value.is_finite())) {
                return Err(AdapterError::Alpha { path: path.clone() }.into());
            }
            build::update(Module {
                path: &path,
                full: &parts.full,
                pristine,
                weight: &pristine.shape,
                has_bias: base.contains_key(&format!("{path}.bias")),
                config: config.as_ref(),
                is_peft,
                tensors: parts.tensors,
            })
        });
        match update {
            Ok(update) => {
                silent &= !has_alpha;
                adapter.used += names.len();
                adapter.modules.insert(path, update);
            }
            Err(error) => refuse(&names, error, &mut adapter.unused)?,
        }
    }
    if silent && config.is_none() {
        adapter.ignored_alpha = ignored_alpha(&metadata, &adapter);
    }
    if !adapter.modules.is_empty() {
        return Ok(adapter);
    }
    // The first reason there was: all tensors that share it are given up with the list.
    let first = adapter.unused.drain(..).next().map(|unused| unused.error);
    Err(first.and_then(Arc::into_inner).unwrap_or_else(|| AdapterError::Empty.into()))
}

/// The tensors of a file.
struct Groups {
    /// By the paths of the base's modules, in alphabetical order; names that the base does not have stay as they are.
    modules: Vec<(String, Parts)>,
    /// Tensors that belong to none, and why.
    others: Vec<(String, Error)>,
}

fn by_module(tensors: StateDict, config: Option<&PeftConfig>, base: &StateDict) -> Groups {
    let mut modules: Vec<(String, Parts)> = Vec::new();
    let mut others = Vec::new();
    // Whole layers stand beside something else, or are announced: a base is no adapter.
    let whole = config.is_some_and(|config| !config.modules_to_save.is_empty() || !config.bias.is_empty())
        || tensors.keys().any(|name| split(name).is_some_and(|split| !own(split.role)));
    for (name, tensor) in tensors {
        let split = split(&name).filter(|split| !is_text_encoder(&split.path) && (whole || !own(split.role)));
        let Some(split) = split else {
            let error = not_of_an_adapter(&name).into();
            others.push((name, error));
            continue;
        };
        let path = if split.flat { flat_path(base, &split.path).unwrap_or(&split.path) } else { &split.path };
        let at = match modules.binary_search_by(|(known, _)| known.as_str().cmp(path)) {
            Ok(at) => at,
            Err(at) => {
                modules.insert(at, (path.to_owned(), Parts::default()));
                at
            }
        };
        let parts = &mut modules[at].1;
        if parts.tensors.has(split.role) {
            others.push((name, AdapterError::Twice { path: path.to_owned() }.into()));
            continue;
        }
        parts.full = if split.flat { path.to_owned() } else { split.full };
        parts.tensors.add(split.role, tensor);
        parts.names.push(name);
    }
    Groups { modules, others }
}

/// Whether a tensor of this name is an adapter's.
pub fn is_of_adapter(name: &str) -> bool {
    is_text_encoder(name) || split(name).is_some_and(|split| !own(split.role))
}

/// Whether a tensor is one that a layer has itself.
fn own(role: Role) -> bool {
    [WEIGHT, BIAS].contains(&role)
}

/// Refuses modules that the base does not have: all of them at once.
fn must_be_there(modules: &[(String, Parts)], base: &StateDict) -> Result<()> {
    let paths = modules.iter().map(|(path, _)| path);
    let unknown: Vec<String> = paths.filter(|path| !base.contains_key(&format!("{path}.weight"))).cloned().collect();
    if unknown.is_empty() { Ok(()) } else { Err(unknown_modules(unknown, base)) }
}

/// A module's weight.
fn must_be_there_one<'a>(path: &str, base: &'a StateDict) -> Result<&'a HostTensor> {
    match base.get(&format!("{path}.weight")) {
        Some(weight) => Ok(weight),
        None => Err(unknown_modules(vec![path.to_owned()], base)),
    }
}

fn unknown_modules(paths: Vec<String>, base: &StateDict) -> Error {
    let known = base.keys().find_map(|key| key.strip_suffix(".to_q.weight")).map(|path| format!("{path}.to_q"));
    AdapterError::UnknownModules { paths, known: known.unwrap_or_default() }.into()
}

/// What kohya's metadata say alpha is, where nothing makes it so.
fn ignored_alpha(metadata: &Metadata, adapter: &Adapter) -> Option<String> {
    let said = metadata.get(KOHYA_ALPHA)?;
    // By the parser that is in the browser's engine already: the standard library's own is 13 KB of brotli.
    let number = serde_json::from_str::<Value>(said).ok().and_then(|number| number.as_f64()).map(|alpha| alpha as f32);
    let is_rank = |update: &Update| number == update.rank().map(|rank| rank as f32);
    (!adapter.modules.values().all(is_rank)).then(|| said.clone())
}

/// The tensors of one module.
#[derive(Default)]
struct Parts {
    /// The path as PEFT knows it.
    full: String,
    tensors: Tensors,
    /// Their names in the file.
    names: Vec<String>,
}

fn not_of_an_adapter(name: &str) -> AdapterError {
    let tensor = name.to_owned();
    if is_text_encoder(name) { AdapterError::TextEncoder { tensor } } else { AdapterError::NotAFactor { tensor } }
}
