//! A base model: its folder's files, as diffusers lays them out, and the pristine weights in memory.
//!
//! Tests: `tests/it/base_files.rs`, `tests/it/hostile.rs`.

use serde_json::Value;

use std::sync::Arc;

use crate::autoencoder::{Autoencoder, AutoencoderCodec};
use crate::codec::Codec;
use crate::config::{ModelInfo, UNetConfig};
use crate::error::{ConfigError, Error, Result, TensorsError};
use crate::json;
use crate::schedule::ScheduleConfig;
use crate::state::{HostTensor, StateDict};
use crate::tensors::{Metadata, Precision, must_be_numbers, read_tensors, write_tensors};

/// `digit_diffusion.json`.
pub const INFO: &str = "digit_diffusion.json";
/// The network's configuration.
pub const UNET_CONFIG: &str = "unet/config.json";
/// The network's weights.
pub const WEIGHTS: &str = "unet/diffusion_pytorch_model.safetensors";
/// The same in fewer bits, beside it; see [`quantized`](crate::quantized).
pub const QUANTIZED_WEIGHTS: &str = "unet/diffusion_pytorch_model.quantized.safetensors";
/// The list of the shards that larger weights are cut into: which tensor is in which file.
pub const WEIGHTS_INDEX: &str = "unet/diffusion_pytorch_model.safetensors.index.json";
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
    /// `unet/diffusion_pytorch_model.safetensors`, or its shards.
    pub weights: &'a [&'a [u8]],
}

/// The shards' names, in alphabetical order, from `diffusion_pytorch_model.safetensors.index.json`.
///
/// # Errors
/// Text that is no such list, names that lead out of its folder.
pub fn shards(index: &str) -> Result<Vec<String>> {
    const FILE: &str = "diffusion_pytorch_model.safetensors.index.json";
    let json = json::read(FILE, index)?;
    let files = json.get("weight_map").and_then(Value::as_object).into_iter().flatten();
    let mut names: Vec<&str> = Vec::new();
    for (_, file) in files {
        let name = file.as_str().unwrap_or_default();
        if let Err(at) = names.binary_search(&name) {
            names.insert(at, name);
        }
    }
    let bad = |name: &&&str| name.is_empty() || name.contains(['/', '\\', ':']) || name.starts_with('.');
    if let Some(found) = names.iter().find(bad).copied().or(names.is_empty().then_some("")) {
        let found = if found.is_empty() { "nothing" } else { found };
        let source = ConfigError::value("weight_map", "the names of files beside it, by tensor", found);
        return Err(Error::Config { file: FILE, source });
    }
    Ok(names.into_iter().map(str::to_owned).collect())
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
    /// What makes the latents, where they are no folded pixels.
    pub autoencoder: Option<Arc<AutoencoderCodec>>,
}

impl Base {
    /// Reads the files of a base without an autoencoder, and checks that they belong together.
    ///
    /// # Errors
    /// Files that are none, or do not go together; a base that needs its autoencoder.
    pub fn read(files: &BaseFiles<'_>) -> Result<Self> {
        let base = Self::read_network(files)?;
        match base.info.latent_channels {
            None => Ok(base),
            Some(channels) => Err(misfit(format!(
                "latent_channels {channels} are those of an autoencoder, and this program draws from patches of pixels alone"
            ))),
        }
    }

    /// The same of a base with the autoencoder of its folder: the text of `vae/config.json`, and the weights beside it.
    ///
    /// # Errors
    /// As [`read`](Self::read); an autoencoder that is not supported, or makes other latents than the network takes.
    pub fn read_with_autoencoder(files: &BaseFiles<'_>, config: &str, weights: &[&[u8]]) -> Result<Self> {
        let base = Self::read_network(files)?;
        base.with_autoencoder(Autoencoder::read(config, weights)?)
    }

    /// The base with what makes its latents.
    ///
    /// # Errors
    /// One that makes other latents than the network takes.
    pub fn with_autoencoder(self, autoencoder: Autoencoder) -> Result<Self> {
        let (info, config) = (&self.info, &autoencoder.config);
        let wanted = (info.latent_channels, info.patch_size, info.channels, info.channels);
        let found = (Some(config.latent_channels), config.factor(), config.in_channels, config.out_channels);
        if wanted != found {
            return Err(misfit(format!(
                "vae/config.json makes latents of {} channels of {1} x {1} pixels in {2} channels, which is not what \
                 latent_channels, patch_size and channels say",
                config.latent_channels,
                config.factor(),
                config.in_channels,
            )));
        }
        let codec = AutoencoderCodec::new(autoencoder, info.image_size)?.with_latent_rgb(info.latent_rgb.clone());
        Ok(Self { autoencoder: Some(Arc::new(codec)), ..self })
    }

    /// The same without the autoencoder, whether it needs one or not: enough for adapters, which are of the network alone.
    /// Where it needs one it draws nothing.
    ///
    /// # Errors
    /// As [`read`](Self::read), but for that.
    pub fn read_network(files: &BaseFiles<'_>) -> Result<Self> {
        let info = ModelInfo::from_json(files.info)?;
        let unet = UNetConfig::from_json(files.unet_config)?;
        info.check(&unet)?;
        let schedule = ScheduleConfig::from_json(files.scheduler_config)?;
        let mut state = StateDict::new();
        for shard in files.weights {
            for (name, tensor) in read_tensors(shard)?.0 {
                if state.insert(name.clone(), tensor).is_some() {
                    return Err(Error::SafeTensors(TensorsError::Twice { tensor: name }));
                }
            }
        }
        // With `use_linear_projection` these are Linears, which compute the same.
        let linear = |name: &str, tensor: &HostTensor| {
            tensor.shape.len() == 2 && [".proj_in.weight", ".proj_out.weight"].iter().any(|end| name.ends_with(end))
        };
        state
            .iter_mut()
            .filter(|(name, tensor)| linear(name, tensor))
            .for_each(|(_, tensor)| tensor.shape.extend([1, 1]));
        must_be_numbers(&state)?;
        Ok(Self { info, unet, schedule, state, autoencoder: None })
    }

    /// How pictures become latents.
    pub fn codec(&self) -> Codec {
        match &self.autoencoder {
            Some(autoencoder) => Codec::Autoencoder(Arc::clone(autoencoder)),
            None => Codec::Patches(self.info.patches()),
        }
    }
}

fn misfit(reason: String) -> Error {
    Error::Config { file: INFO, source: ConfigError::Invalid { reason } }
}

/// Path inside the folder and contents of every file of a base folder.
pub fn base_files(base: &Base, precision: Precision) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let metadata = Metadata::from([("format".to_owned(), "pt".to_owned())]);
    let mut files = Vec::new();
    if let Some(autoencoder) = &base.autoencoder {
        files.extend(autoencoder.autoencoder().files(precision)?);
    }
    files.extend([
        (INFO, base.info.to_json().into_bytes()),
        (UNET_CONFIG, base.unet.to_json().into_bytes()),
        (SCHEDULER_CONFIG, base.schedule.to_json().into_bytes()),
        (WEIGHTS, write_tensors(&base.state, metadata, precision)?),
    ]);
    Ok(files)
}
