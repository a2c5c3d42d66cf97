//! A base model: its folder's files, as diffusers lays them out, and the pristine weights in memory.
//!
//! Tests: `tests/it/base_files.rs`, `tests/it/hostile.rs`.

use crate::codec::PatchCodec;
use crate::config::{ModelInfo, UNetConfig};
use crate::error::Result;
use crate::schedule::ScheduleConfig;
use crate::state::StateDict;
use crate::tensors::{Metadata, Precision, must_be_numbers, read_tensors, write_tensors};

/// `digit_diffusion.json`.
pub const INFO: &str = "digit_diffusion.json";
/// The network's configuration.
pub const UNET_CONFIG: &str = "unet/config.json";
/// The network's weights.
pub const WEIGHTS: &str = "unet/diffusion_pytorch_model.safetensors";
/// The noise schedule.
pub const SCHEDULER_CONFIG: &str = "scheduler/scheduler_config.json";

/// The files of a base folder, read by whoever can read files.
#[derive(Debug, Clone, Copy)]
pub struct BaseFiles<'a> {
    /// `digit_diffusion.json`.
    pub info: &'a str,
    /// `unet/config.json`.
    pub unet_config: &'a str,
    /// `scheduler/scheduler_config.json`.
    pub scheduler_config: &'a str,
    /// `unet/diffusion_pytorch_model.safetensors`.
    pub weights: &'a [u8],
}

/// A base folder in memory: the pristine weights, never written after loading.
#[derive(Debug, Clone)]
pub struct Base {
    /// Classes and picture.
    pub info: ModelInfo,
    /// Network.
    pub unet: UNetConfig,
    /// Noise schedule.
    pub schedule: ScheduleConfig,
    /// Weights by name, f32.
    pub state: StateDict,
}

impl Base {
    /// Reads the files, and checks that they belong together.
    pub fn read(files: &BaseFiles<'_>) -> Result<Self> {
        let info = ModelInfo::from_json(files.info)?;
        let unet = UNetConfig::from_json(files.unet_config)?;
        info.check(&unet)?;
        let schedule = ScheduleConfig::from_json(files.scheduler_config)?;
        let (state, _) = read_tensors(files.weights)?;
        must_be_numbers(&state)?;
        Ok(Self { info, unet, schedule, state })
    }

    /// How pictures become latents.
    pub fn codec(&self) -> PatchCodec {
        PatchCodec { image_size: self.info.image_size, patch_size: self.info.patch_size }
    }
}

/// Path inside the folder and contents of every file of a base folder.
pub fn base_files(base: &Base, precision: Precision) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let metadata = Metadata::from([("format".to_owned(), "pt".to_owned())]);
    Ok(vec![
        (INFO, base.info.to_json().into_bytes()),
        (UNET_CONFIG, base.unet.to_json().into_bytes()),
        (SCHEDULER_CONFIG, base.schedule.to_json().into_bytes()),
        (WEIGHTS, write_tensors(&base.state, metadata, precision)?),
    ])
}
