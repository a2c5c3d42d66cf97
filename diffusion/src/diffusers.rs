//! Base folders as diffusers lays them out: the files of a [`Base`].

use crate::error::Result;
use crate::model::Base;
use crate::tensors::{Metadata, Precision, write_tensors};

/// `digit_diffusion.json`.
pub const INFO: &str = "digit_diffusion.json";
/// The network's configuration.
pub const UNET_CONFIG: &str = "unet/config.json";
/// The network's weights.
pub const WEIGHTS: &str = "unet/diffusion_pytorch_model.safetensors";
/// The noise schedule.
pub const SCHEDULER_CONFIG: &str = "scheduler/scheduler_config.json";

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
