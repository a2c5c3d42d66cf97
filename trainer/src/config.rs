//! Configuration files: TOML with the sections `[model]`, `[lora]` and `[train]`. What a file leaves out keeps its
//! default; what it misspells is refused. A run writes its own beside the weights, so that it can be repeated.

use std::fs;
use std::path::Path;

use diffusion::Base;
use diffusion::config::{ModelInfo, UNetConfig};
use diffusion::schedule::{BetaSchedule, PredictionType, ScheduleConfig};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::train::TrainConfig;

/// Configurations that come with the program, by name.
pub const PRESETS: [(&str, &str); 3] = [
    ("seed", include_str!("../presets/seed.toml")),
    ("small", include_str!("../presets/small.toml")),
    ("shipped", include_str!("../presets/shipped.toml")),
];

/// A base run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseConfig {
    /// Network and schedule.
    pub model: ModelConfig,
    /// Training.
    pub train: TrainConfig,
}

/// An adapter run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterConfig {
    /// The adapter.
    pub lora: LoraSettings,
    /// Training.
    pub train: TrainConfig,
}

/// Section `[model]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Channels of each resolution, finest first.
    pub channels: Vec<usize>,
    /// ResNet and transformer blocks of each resolution.
    pub layers_per_block: usize,
    /// Attention heads.
    pub heads: usize,
    /// Resolutions whose pixels attend to the class tokens only, not to each other. Attention among the pixels of the
    /// finest one costs a third of a step and shows in no measure.
    pub only_cross_attention: Vec<bool>,
    /// Context tokens per class.
    pub tokens_per_class: usize,
    /// Width of a context token.
    pub cross_attention_dim: usize,
    /// Pixels are folded into channels in squares of this side.
    pub patch_size: usize,
    /// What the network predicts.
    pub prediction_type: PredictionType,
    /// Spacing of the betas.
    pub beta_schedule: BetaSchedule,
    /// T.
    pub num_train_timesteps: usize,
}

/// Section `[lora]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraSettings {
    /// Rank of the factors.
    pub rank: usize,
    /// Numerator of the scaling.
    pub alpha: f32,
    /// Scaling alpha / sqrt(rank) instead of alpha / rank (arXiv 2312.03732).
    pub use_rslora: bool,
    /// Modules that get factors: names (endings of module paths) or patterns of whole paths.
    pub target_modules: Vec<String>,
    /// Probability that an input of the factors is dropped in training.
    pub dropout: f32,
}

impl Default for BaseConfig {
    fn default() -> Self {
        let model = ModelConfig {
            channels: vec![32, 64],
            layers_per_block: 1,
            heads: 4,
            only_cross_attention: vec![true, false],
            tokens_per_class: 8,
            cross_attention_dim: 64,
            patch_size: 2,
            prediction_type: PredictionType::VPrediction,
            beta_schedule: BetaSchedule::SquaredcosCapV2,
            num_train_timesteps: 1000,
        };
        Self { model, train: TrainConfig::base() }
    }
}

impl Default for AdapterConfig {
    fn default() -> Self {
        let lora = LoraSettings {
            rank: 4,
            alpha: 8.0,
            use_rslora: false,
            target_modules: ["to_q", "to_k", "to_v"].map(String::from).to_vec(),
            dropout: 0.0,
        };
        Self { lora, train: TrainConfig::lora() }
    }
}

impl ModelConfig {
    /// What an existing base is made of.
    pub fn of(base: &Base) -> Self {
        let Base { info, unet, schedule, .. } = base;
        Self {
            channels: unet.block_out_channels.clone(),
            layers_per_block: unet.layers_per_block,
            heads: unet.num_heads.first().copied().unwrap_or_default(),
            only_cross_attention: unet.only_cross_attention.clone(),
            tokens_per_class: info.tokens_per_class,
            cross_attention_dim: unet.cross_attention_dim,
            patch_size: info.patch_size,
            prediction_type: schedule.prediction_type,
            beta_schedule: schedule.beta_schedule,
            num_train_timesteps: schedule.num_train_timesteps,
        }
    }

    /// The files of a base folder for data of these classes and this size.
    pub fn describe(&self, data: &Dataset) -> Result<(ModelInfo, UNetConfig, ScheduleConfig)> {
        let levels = self.channels.len();
        if self.only_cross_attention.len() != levels {
            return Err(Error::Setting {
                reason: format!(
                    "only_cross_attention needs {levels} values, one for each of channels, not {}",
                    self.only_cross_attention.len()
                ),
            });
        }
        if self.patch_size == 0 || !data.size().is_multiple_of(self.patch_size) {
            return Err(Error::Setting {
                reason: format!("patch_size {} does not divide pictures of {}", self.patch_size, data.size()),
            });
        }
        let info = ModelInfo {
            format: 1,
            labels: data.class_names().to_vec(),
            tokens_per_class: self.tokens_per_class,
            image_size: data.size(),
            patch_size: self.patch_size,
            null_class_trained: true,
        };
        info.validate()?;
        let unet = UNetConfig {
            sample_size: data.size() / self.patch_size,
            in_channels: self.patch_size * self.patch_size,
            out_channels: self.patch_size * self.patch_size,
            block_out_channels: self.channels.clone(),
            layers_per_block: self.layers_per_block,
            down_attention: vec![true; levels],
            up_attention: vec![true; levels],
            transformer_layers_per_block: 1,
            norm_num_groups: 8,
            norm_eps: 1e-5,
            num_heads: vec![self.heads; levels],
            only_cross_attention: self.only_cross_attention.clone(),
            cross_attention_dim: self.cross_attention_dim,
            encoder_hid_dim: info.encoder_hid_dim(),
        };
        unet.validate()?;
        info.check(&unet)?;
        let schedule = ScheduleConfig {
            beta_schedule: self.beta_schedule,
            prediction_type: self.prediction_type,
            num_train_timesteps: self.num_train_timesteps,
            ..ScheduleConfig::default()
        };
        schedule.validate()?;
        Ok((info, unet, schedule))
    }
}

impl LoraSettings {
    /// Refuses numbers that cannot work.
    pub fn check(&self) -> Result<()> {
        let refuse = |reason: &str| Err(Error::Setting { reason: reason.to_owned() });
        if self.rank == 0 {
            return refuse("rank must be at least 1");
        }
        if !(self.alpha.is_finite() && self.alpha != 0.0) {
            return refuse("alpha must be a number other than 0, which would switch the adapter off");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse("dropout must be at least 0 and below 1");
        }
        Ok(())
    }

    /// What the factors' product is multiplied by.
    pub fn scaling(&self) -> f32 {
        let rank = self.rank as f32;
        self.alpha / if self.use_rslora { rank.sqrt() } else { rank }
    }
}

/// `defaults` with the values of a configuration laid over them: a file, or a preset by name.
pub fn load<T: Serialize + DeserializeOwned>(defaults: T, file_or_preset: Option<&str>) -> Result<T> {
    let Some(name) = file_or_preset else { return Ok(defaults) };
    overlay(&defaults, &text_of(name)?).map_err(|reason| Error::Config { file: name.to_owned(), reason })
}

/// Whether a configuration says how long to train.
pub fn sets_length(file_or_preset: Option<&str>) -> Result<bool> {
    let text = file_or_preset.map(text_of).transpose()?;
    let given: toml::Table = text.and_then(|text| toml::from_str(&text).ok()).unwrap_or_default(); // `load` says what is wrong
    let train = given.get("train").and_then(toml::Value::as_table);
    Ok(train.is_some_and(|train| train.contains_key("epochs") || train.contains_key("max_train_steps")))
}

/// The whole configuration as TOML.
pub fn to_toml<T: Serialize>(config: &T) -> Result<String> {
    toml::to_string(config).map_err(|error| Error::Config { file: "config.toml".into(), reason: error.to_string() })
}

/// Settings of a section that differ, each with both values.
pub fn differences<T: Serialize>(before: &T, now: &T) -> Result<Vec<(String, String)>> {
    // By way of the text, in which a float is as short as it was given.
    let table = |section: &T| {
        let text = to_toml(section)?;
        toml::from_str::<toml::Table>(&text)
            .map_err(|error| Error::Config { file: "config.toml".into(), reason: error.to_string() })
    };
    let (before, now) = (table(before)?, table(now)?);
    let differing = before.into_iter().filter_map(|(name, before)| {
        let now = now.get(&name)?;
        (before != *now).then(|| (name.clone(), format!("{name} {before}, not {now}")))
    });
    Ok(differing.collect())
}

fn text_of(file_or_preset: &str) -> Result<String> {
    if let Some((_, text)) = PRESETS.iter().find(|(preset, _)| *preset == file_or_preset) {
        return Ok((*text).to_owned());
    }
    let path = Path::new(file_or_preset);
    if !path.exists() {
        let presets = PRESETS.map(|(name, _)| name).join(", ");
        let reason = format!("there is no such file, and the presets are {presets}");
        return Err(Error::Config { file: path.display().to_string(), reason });
    }
    fs::read_to_string(path).map_err(Error::io("read", path))
}

fn overlay<T: Serialize + DeserializeOwned>(defaults: &T, text: &str) -> std::result::Result<T, String> {
    let given: toml::Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        format!("line {line}: {}", error.message().replace('\n', ", "))
    })?;
    let mut merged = toml::Table::try_from(defaults).map_err(|error| error.to_string())?;
    for (section, values) in given {
        if !["model", "lora", "train"].contains(&section.as_str()) {
            return Err(format!("[{section}] is not one of the sections [model], [lora], [train]"));
        }
        let toml::Value::Table(values) = values else {
            return Err(format!("{section} must be a section, [{section}]"));
        };
        // A file may hold both kinds of runs: `base` skips [lora], `lora` skips [model].
        if let Some(toml::Value::Table(known)) = merged.get_mut(&section) {
            for (key, value) in values {
                if !known.contains_key(&key) {
                    let names: Vec<&str> = known.keys().map(String::as_str).collect();
                    return Err(format!("[{section}] has no {key}; it has {}", names.join(", ")));
                }
                known.insert(key, value);
            }
        }
    }
    merged.try_into().map_err(|error: toml::de::Error| error.to_string().trim().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::LossKind;

    #[test]
    fn every_preset_is_a_base_run_and_an_adapter_run() {
        for (name, _) in PRESETS {
            let base = load(BaseConfig::default(), Some(name)).unwrap();
            base.train.check().unwrap();
            let lora = load(AdapterConfig::default(), Some(name)).unwrap();
            lora.lora.check().unwrap();
            lora.train.check().unwrap();
        }
    }

    #[test]
    fn the_seeds_recipe_is_what_the_article_says() {
        let config = load(BaseConfig::default(), Some("seed")).unwrap();
        assert_eq!(config.model.prediction_type, PredictionType::Epsilon);
        assert_eq!(config.model.num_train_timesteps, 1000);
        let TrainConfig { loss, lr, batch_size, lr_floor, weight_decay, .. } = config.train;
        assert_eq!((loss, lr, batch_size, lr_floor, weight_decay), (LossKind::L1, 1e-3, 50, 1.0, 0.0));
        let lora = load(AdapterConfig::default(), Some("seed")).unwrap();
        assert_eq!(lora.lora.target_modules, ["to_q", "to_k", "to_v"]);
    }

    #[test]
    fn a_written_configuration_is_read_again() {
        let mut config = BaseConfig::default();
        config.train.lr = 0.125;
        assert_eq!(overlay(&BaseConfig::default(), &to_toml(&config).unwrap()).unwrap(), config);
    }

    #[test]
    fn a_model_that_cannot_be_is_refused() {
        let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/mnist-64.idx3");
        let data = Dataset::from_idx(&pictures, &pictures.with_extension("idx1")).unwrap();
        let refused = |text: &str| {
            let config: BaseConfig = overlay(&BaseConfig::default(), text).unwrap();
            config.model.describe(&data).unwrap_err().to_string()
        };
        assert!(refused("[model]\ntokens_per_class = 0").contains("tokens_per_class"));
        assert!(refused("[model]\nnum_train_timesteps = 1").contains("num_train_timesteps"));
        assert!(refused("[model]\npatch_size = 3").contains("patch_size 3"));
        assert!(refused("[model]\ntokens_per_class = 6000").contains("at most 65536, not 66000"));
        assert!(refused("[model]\nchannels = [32]").contains("only_cross_attention"));
        assert!(refused("[model]\nchannels = [12, 64]").contains("12"));
    }

    #[test]
    fn what_a_file_gets_wrong_is_named() {
        let refused = |text: &str| overlay(&BaseConfig::default(), text).unwrap_err();
        assert!(refused("[train]\nlearning_rate = 1").contains("no learning_rate"));
        assert!(refused("[optimizer]\nlr = 1").contains("[optimizer]"));
        assert!(refused("train = 3").contains("[train]"));
        assert!(refused("[train]\nlr = \"fast\"").contains("lr"));
        assert!(refused("[train\n").contains("line 1"));
        assert!(refused("[train]\nlr = 1\nlr = 2\n").contains("line 3"));
        let message = load(BaseConfig::default(), Some("nowhere.toml")).unwrap_err().to_string();
        assert!(message.contains("nowhere.toml") && message.contains("seed"), "{message}");
    }
}
