//! The base that is taught on.
//!
//! Tests: `tests/page/train.test.mjs`.

use std::sync::Arc;

use diffusion::adapter::Adapter;
use diffusion::peft::read_adapter;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_values::arguments::{bytes, field, text};
use web_values::base::Files;

use crate::failure::Result;

/// A base in memory, without the autoencoder that it may work behind: nothing is drawn here, and nothing taught on such a base yet.
#[wasm_bindgen]
pub struct Base {
    pub(crate) base: Arc<diffusion::Base>,
}

#[wasm_bindgen]
impl Base {
    /// Reads a base folder's files.
    pub fn load(#[wasm_bindgen(unchecked_param_type = "EngineFiles")] files: &JsValue) -> Result<Base> {
        Ok(Self { base: Arc::new(Files::of(files)?.network()?) })
    }
}

impl Base {
    /// An adapter on it, of `{ weights, config }`.
    pub(crate) fn adapter(&self, files: &JsValue) -> Result<Adapter> {
        let config = text(&field(files, "adapter", "config")?, "adapter.config")?;
        let weights = bytes(&field(files, "adapter", "weights")?, "adapter.weights")?;
        let config = Some(config.as_str()).filter(|text| !text.is_empty());
        Ok(read_adapter(&weights, config, &self.base.state)?)
    }
}
