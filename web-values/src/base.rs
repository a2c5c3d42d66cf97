//! A base folder's files, as JavaScript hands them over.

use diffusion::{Base, BaseFiles};
use wasm_bindgen::JsValue;

use crate::arguments::{self, bytes, field, shards, text};

/// The contents of a base folder's files.
#[derive(Debug)]
pub struct Files {
    info: String,
    unet_config: String,
    scheduler_config: String,
    /// The weights' file, or its shards.
    pub weights: Vec<Vec<u8>>,
    /// Configuration and weights of the autoencoder that the base works behind.
    autoencoder: Option<(String, Vec<u8>)>,
}

impl Files {
    /// Reads `{ info, unetConfig, schedulerConfig, weights, vaeConfig?, vaeWeights? }`.
    ///
    /// # Errors
    /// Something else.
    pub fn of(files: &JsValue) -> arguments::Result<Self> {
        let string = |name: &str| text(&field(files, "files", name)?, &format!("files.{name}"));
        let autoencoder = match field(files, "files", "vaeWeights")? {
            weights if weights.is_undefined() => None,
            weights => Some((string("vaeConfig")?, bytes(&weights, "files.vaeWeights")?)),
        };
        Ok(Self {
            autoencoder,
            info: string("info")?,
            unet_config: string("unetConfig")?,
            scheduler_config: string("schedulerConfig")?,
            weights: shards(&field(files, "files", "weights")?, "files.weights")?,
        })
    }

    /// The base.
    ///
    /// # Errors
    /// Files that are not of one.
    pub fn base(&self) -> diffusion::Result<Base> {
        self.read(|files| match &self.autoencoder {
            Some((config, weights)) => Base::read_with_autoencoder(files, config, &[weights]),
            None => Base::read(files),
        })
    }

    /// Its network alone, which adapters are of: without what decodes.
    ///
    /// # Errors
    /// Files that are not of one.
    pub fn network(&self) -> diffusion::Result<Base> {
        self.read(Base::read_network)
    }

    fn read(&self, read: impl FnOnce(&BaseFiles<'_>) -> diffusion::Result<Base>) -> diffusion::Result<Base> {
        let Self { info, unet_config, scheduler_config, weights, .. } = self;
        let weights: Vec<&[u8]> = weights.iter().map(Vec::as_slice).collect();
        read(&BaseFiles { info, unet_config, scheduler_config, weights: &weights })
    }
}
