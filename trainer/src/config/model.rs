//! Section `[model]`: the network and its noise schedule. Tests: here.

use diffusion::Base;
use diffusion::config::{AutoencoderConfig, ModelInfo, UNetConfig};
use diffusion::schedule::{BetaSchedule, PredictionType, ScheduleConfig};
use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::error::{Error, Result};

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
    /// Squares of pixels of this side become channels (space to depth).
    pub patch_size: usize,
    /// What the network predicts.
    pub prediction_type: PredictionType,
    /// Spacing of the betas.
    pub beta_schedule: BetaSchedule,
    /// Timesteps of the noise schedule, T.
    pub num_train_timesteps: usize,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
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
        }
    }
}

impl ModelConfig {
    /// The section that describes an existing base. Where a base of another program has levels with different numbers of
    /// heads, the first level's is given: nothing is built from it.
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

    /// The configurations of a base folder for data of these classes and this size; of one that works behind an autoencoder, for
    /// pictures of its side.
    ///
    /// # Errors
    /// Values that contradict each other, do not fit the pictures, or that no network can be made of.
    pub fn describe(
        &self,
        data: &Dataset,
        autoencoder: Option<(&AutoencoderConfig, usize)>,
    ) -> Result<(ModelInfo, UNetConfig, ScheduleConfig)> {
        let levels = self.channels.len();
        if self.only_cross_attention.len() != levels {
            return Err(Error::Setting {
                reason: format!(
                    "only_cross_attention needs {levels} values, one for each of channels, not {}",
                    self.only_cross_attention.len()
                ),
            });
        }
        let (image_size, patch_size, channels) = match autoencoder {
            Some((config, side)) => (side, config.factor(), config.in_channels),
            None => (data.size(), self.patch_size, data.channels()),
        };
        if patch_size == 0 || !image_size.is_multiple_of(patch_size) {
            return Err(Error::Setting {
                reason: format!("patch_size {patch_size} does not divide pictures of {image_size}"),
            });
        }
        let info = ModelInfo {
            format: 1,
            labels: data.class_names().to_vec(),
            tokens_per_class: self.tokens_per_class,
            image_size,
            patch_size,
            latent_channels: autoencoder.map(|(config, _)| config.latent_channels),
            latent_rgb: None,
            channels,
            null_class_trained: true,
            guidance_scale: None,
        };
        info.validate()?;
        let [channels, side, _] = info.latent_shape();
        let unet = UNetConfig {
            dropout: 0.0,
            sample_size: side,
            in_channels: channels,
            out_channels: channels,
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
            // Latents are not within the limits of pixels.
            clip_sample: autoencoder.is_none(),
            ..ScheduleConfig::default()
        };
        schedule.validate()?;
        Ok((info, unet, schedule))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_model_that_cannot_be_is_refused() {
        let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/mnist-64.idx3");
        let data = Dataset::from_idx(&pictures, &pictures.with_extension("idx1")).unwrap();
        let refused = |text: &str| {
            let mut model = toml::Table::try_from(ModelConfig::default()).unwrap();
            model.extend(toml::from_str::<toml::Table>(text).unwrap());
            model.try_into::<ModelConfig>().unwrap().describe(&data, None).unwrap_err().to_string()
        };
        assert!(refused("tokens_per_class = 0").contains("tokens_per_class"));
        assert!(refused("num_train_timesteps = 1").contains("num_train_timesteps"));
        assert!(refused("patch_size = 3").contains("patch_size 3"));
        assert!(refused("tokens_per_class = 6000").contains("at most 65536, not 66000"));
        assert!(refused("channels = [32]").contains("only_cross_attention"));
        assert!(refused("channels = [12, 64]").contains("12"));
    }
}
