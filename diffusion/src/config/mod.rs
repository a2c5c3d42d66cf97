//! What a base folder says about itself: `digit_diffusion.json`, `unet/config.json`, and `vae/config.json` of one with an
//! autoencoder.
//!
//! Tests: `tests/it/configs.rs`, `tests/it/autoencoder.rs`.

mod autoencoder;
mod info;
mod reader;
mod unet;

pub use autoencoder::AutoencoderConfig;
pub use info::ModelInfo;
pub use unet::UNetConfig;
