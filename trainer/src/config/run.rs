//! The whole configuration of a run: of `trainer base`, and of `trainer lora`.

use serde::{Deserialize, Serialize};

use super::lora::LoraSettings;
use super::model::ModelConfig;
use super::run_settings::RunSettings;
use super::train::TrainConfig;

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

impl Default for BaseConfig {
    fn default() -> Self {
        Self { model: ModelConfig::default(), train: TrainConfig::base(), run: RunSettings::default() }
    }
}

impl Default for AdapterConfig {
    fn default() -> Self {
        Self { lora: LoraSettings::default(), train: TrainConfig::lora(), run: RunSettings::default() }
    }
}
