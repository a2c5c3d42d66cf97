//! The whole configuration of a run: of `trainer base`, `trainer autoencoder`, `trainer lora`, and `trainer turbo`.

use serde::{Deserialize, Serialize};

use super::autoencoder::AutoencoderSettings;
use super::lora::LoraSettings;
use super::model::ModelConfig;
use super::run_settings::RunSettings;
use super::train::TrainConfig;
use super::turbo::TurboSettings;

/// The configuration of a base run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseConfig {
    /// Network and schedule.
    pub model: ModelConfig,
    /// Training.
    pub train: TrainConfig,
    /// Data, device, intervals.
    pub run: RunSettings,
}

/// The configuration of an autoencoder's run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoencoderRunConfig {
    /// Network and weights of the losses.
    pub autoencoder: AutoencoderSettings,
    /// Training.
    pub train: TrainConfig,
    /// Data, device, intervals.
    pub run: RunSettings,
}

/// The configuration of an adapter run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterConfig {
    /// The adapter.
    pub lora: LoraSettings,
    /// Training.
    pub train: TrainConfig,
    /// Data, device, intervals.
    pub run: RunSettings,
}

/// The configuration of the run of an adapter that is taught to draw in few steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurboConfig {
    /// Steps and teacher.
    pub turbo: TurboSettings,
    /// The adapter.
    pub lora: LoraSettings,
    /// Training.
    pub train: TrainConfig,
    /// Base, device, intervals.
    pub run: RunSettings,
}

impl Default for TurboConfig {
    fn default() -> Self {
        let targets = ["conv1", "conv2", "conv_in", "conv_out", "to_q", "to_k", "to_v", "to_out.0", "ff.net.2"];
        let target_modules = targets.map(String::from).to_vec();
        let lora = LoraSettings { rank: 8, alpha: 16.0, target_modules, ..LoraSettings::default() };
        Self { turbo: TurboSettings::default(), lora, train: TrainConfig::turbo(), run: RunSettings::default() }
    }
}

impl Default for BaseConfig {
    fn default() -> Self {
        Self { model: ModelConfig::default(), train: TrainConfig::base(), run: RunSettings::default() }
    }
}

impl Default for AutoencoderRunConfig {
    fn default() -> Self {
        let (autoencoder, train) = (AutoencoderSettings::default(), TrainConfig::autoencoder());
        Self { autoencoder, train, run: RunSettings::default() }
    }
}

impl Default for AdapterConfig {
    fn default() -> Self {
        Self { lora: LoraSettings::default(), train: TrainConfig::lora(), run: RunSettings::default() }
    }
}
