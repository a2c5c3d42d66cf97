//! Base and adapter folders on disk.

use std::fs;
use std::path::Path;

use diffusion::diffusers::{INFO, SCHEDULER_CONFIG, UNET_CONFIG, WEIGHTS, base_files};
use diffusion::lora::Adapter;
use diffusion::peft::{LoraConfig, write_adapter};
use diffusion::tensors::Precision;
use diffusion::{Base, BaseFiles};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::files;

/// Weights of an adapter folder.
pub const ADAPTER_WEIGHTS: &str = "adapter_model.safetensors";
/// Configuration of an adapter folder.
pub const ADAPTER_CONFIG: &str = "adapter_config.json";

/// Reads a base folder.
pub fn read_base(dir: &Path) -> Result<Base> {
    let text = |name: &str| {
        let path = dir.join(name);
        fs::read_to_string(&path).map_err(Error::io("read", &path))
    };
    let (info, unet_config, scheduler_config) = (text(INFO)?, text(UNET_CONFIG)?, text(SCHEDULER_CONFIG)?);
    let weights = files::read(&dir.join(WEIGHTS))?;
    let files =
        BaseFiles { info: &info, unet_config: &unet_config, scheduler_config: &scheduler_config, weights: &weights };
    Base::read(&files).map_err(|source| Error::Folder { dir: dir.to_owned(), source })
}

/// Writes a base folder, every file whole or not at all, the weights last.
pub fn write_base(dir: &Path, base: &Base, precision: Precision) -> Result<()> {
    for (name, bytes) in base_files(base, precision)? {
        files::write_atomic(&dir.join(name), &bytes)?;
    }
    Ok(())
}

/// SHA-256 of a base folder's weights file: what an adapter remembers its base by.
pub fn base_sha256(dir: &Path) -> Result<String> {
    Ok(sha256(&files::read(&dir.join(WEIGHTS))?))
}

/// Lower-case hexadecimal SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An adapter's two files: the weights, and the configuration where there is one. `path` is a PEFT folder or a
/// lone `.safetensors` file.
pub fn read_adapter_files(path: &Path) -> Result<(Vec<u8>, Option<String>)> {
    if !path.is_dir() {
        return Ok((files::read(path)?, None));
    }
    let config = path.join(ADAPTER_CONFIG);
    let text = fs::read_to_string(&config).map_err(Error::io("read", &config))?;
    Ok((files::read(&path.join(ADAPTER_WEIGHTS))?, Some(text)))
}

/// Writes a PEFT folder.
pub fn write_adapter_folder(
    dir: &Path,
    adapter: &Adapter,
    config: &LoraConfig,
    title: &str,
    precision: Precision,
) -> Result<()> {
    files::write_atomic(&dir.join(ADAPTER_CONFIG), config.to_json().as_bytes())?;
    let bytes = write_adapter(adapter, config, title, precision)?;
    files::write_atomic(&dir.join(ADAPTER_WEIGHTS), &bytes)
}
