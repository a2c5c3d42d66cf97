//! Configuration files: TOML with the sections `[model]`, `[autoencoder]`, `[lora]`, `[turbo]`, `[train]` and `[run]`, one file
//! here for each. What a file leaves out keeps its default; what it misspells is refused. A run writes its own `config.toml`
//! beside the weights, so that it can be repeated.

mod autoencoder;
mod data;
mod file;
mod lora;
mod model;
mod run;
mod run_settings;
mod train;
mod turbo;

pub use autoencoder::AutoencoderSettings;
pub use data::{AutoWord, Choice, Count, DataSettings, FitName, GroundColour};
pub use file::{PRESETS, Preset, differences, load, run_settings, sets, to_toml};
pub use lora::{AdapterKind, LoraSettings};
pub use model::ModelConfig;
pub use run::{AdapterConfig, AutoencoderRunConfig, BaseConfig, TurboConfig};
pub use run_settings::{Keep, RunSettings};
pub use train::{LossKind, TrainConfig};
pub use turbo::TurboSettings;
