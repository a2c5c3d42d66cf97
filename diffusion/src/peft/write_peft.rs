//! Writing PEFT's file.
//!
//! Tests: `tests/it/lora_files.rs`.

use crate::error::Result;
use crate::lora::Adapter;
use crate::state::StateDict;
use crate::tensors::{Metadata, Precision, write_tensors};

use super::config::LoraConfig;
use super::names::{BASE_SHA256, DIFFUSERS_METADATA, PEFT_PREFIX};

/// Writes `adapter_model.safetensors` so that PEFT, diffusers and this program read the same adapter.
pub fn write_adapter(adapter: &Adapter, config: &LoraConfig, title: &str, precision: Precision) -> Result<Vec<u8>> {
    let mut tensors = StateDict::new();
    for (path, factors) in &adapter.modules {
        tensors.insert(format!("{PEFT_PREFIX}{path}.lora_A.weight"), factors.a.clone());
        tensors.insert(format!("{PEFT_PREFIX}{path}.lora_B.weight"), factors.b.clone());
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
