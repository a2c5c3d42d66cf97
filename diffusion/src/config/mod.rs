//! What a base folder says about itself: `digit_diffusion.json` and `unet/config.json`.
//!
//! Tests: `tests/it/configs.rs`.

mod info;
mod reader;
mod unet;

pub use info::ModelInfo;
pub use unet::UNetConfig;
