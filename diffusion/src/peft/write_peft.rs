//! Writing PEFT's file.
//!
//! Tests: `tests/it/lora_files.rs`.

use crate::adapter::Adapter;
use crate::error::Result;
use crate::state::StateDict;
use crate::tensors::{Metadata, Precision, write_tensors};

use super::config::PeftConfig;
use super::names::{BASE_SHA256, DIFFUSERS_METADATA, PEFT_PREFIX};
use super::write::{self, Dialect};

/// Writes `adapter_model.safetensors` so that PEFT, diffusers and this program read the same adapter.
///
/// # Errors
/// A kind that PEFT has no names for; values that the precision does not hold.
pub fn write_adapter(adapter: &Adapter, config: &PeftConfig, title: &str, precision: Precision) -> Result<Vec<u8>> {
    let mut tensors = StateDict::new();
    for (path, update) in &adapter.modules {
        let named = write::tensors(path, update, Dialect::Peft)?;
        tensors.extend(named.into_iter().map(|(end, tensor)| (format!("{PEFT_PREFIX}{path}.{end}"), tensor)));
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
