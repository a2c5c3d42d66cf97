//! Writing PEFT's file, and diffusers'.
//!
//! Tests: `tests/it/lora_files.rs`.

use crate::adapter::full::Full;
use crate::adapter::{Adapter, Change};
use crate::error::{Error, Result, WriteError};
use crate::state::StateDict;
use crate::tensors::{Precision, write_tensors};

use super::config::PeftConfig;
use super::names::{DIFFUSERS_METADATA, DIFFUSERS_PREFIX, PEFT_PREFIX};
use super::write::{self, Dialect};

/// Writes `adapter_model.safetensors` so that PEFT, diffusers and this program read the same adapter.
///
/// # Errors
/// A kind that PEFT has no names for; values that the precision does not hold.
pub fn write_adapter(adapter: &Adapter, config: &PeftConfig, title: &str, precision: Precision) -> Result<Vec<u8>> {
    write(adapter, config, title, precision, ("PEFT", PEFT_PREFIX))
}

/// Writes `pytorch_lora_weights.safetensors` as diffusers' `save_lora_weights` does, for `load_lora_weights` and
/// `load_lora_adapter`: the same tensors behind `unet.`, and settings in the header alone.
///
/// # Errors
/// Other kinds than LoRA and DoRA, whole layers and biases; values that the precision does not hold.
pub fn write_diffusers(adapter: &Adapter, config: &PeftConfig, title: &str, precision: Precision) -> Result<Vec<u8>> {
    for (path, update) in &adapter.modules {
        let refuse = |kind| {
            let (path, dialect) = (path.clone(), "diffusers");
            Err(Error::Unwritable(WriteError::Dialect { path, kind, dialect }))
        };
        match (&update.weight, &update.bias) {
            (Some(Change::Lora(_)), Some(Full::Replacement(_))) | (None, Some(_)) => return refuse("a whole bias"),
            (Some(Change::Lora(_)), _) => {}
            _ => return refuse(update.kind()),
        }
    }
    write(adapter, config, title, precision, ("diffusers", DIFFUSERS_PREFIX))
}

fn write(
    adapter: &Adapter,
    config: &PeftConfig,
    title: &str,
    precision: Precision,
    (dialect, prefix): (&'static str, &'static str),
) -> Result<Vec<u8>> {
    write::must_be_of_one_kind(adapter, dialect)?;
    let mut tensors = StateDict::new();
    for (path, update) in &adapter.modules {
        let named = write::tensors(path, update, Dialect::Peft)?;
        tensors.extend(named.into_iter().map(|(end, tensor)| (format!("{prefix}{path}.{end}"), tensor)));
    }
    let metadata = [
        ("format", "pt"),
        (DIFFUSERS_METADATA, &config.to_metadata(prefix)),
        ("modelspec.implementation", "diffusers"),
    ];
    write_tensors(&tensors, write::metadata(adapter, title, &metadata), precision)
}
