//! Section `[autoencoder]`: its network, and what its losses weigh. Tests: here.

use diffusion::config::AutoencoderConfig;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Section `[autoencoder]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoencoderSettings {
    /// Channels of each resolution, finest first: a latent stands for 2^(resolutions - 1) pixels a side.
    pub channels: Vec<usize>,
    /// ResNet blocks of each resolution of the encoder (the decoder has one more).
    pub layers_per_block: usize,
    /// Channels of a latent.
    pub latent_channels: usize,
    /// Groups of the normalisation.
    pub norm_groups: usize,
    /// Whether pixels attend to each other at the coarsest resolution.
    pub attention: bool,
    /// Whether pictures are drawn as ink on paper; otherwise they are learnt as they are.
    pub ink: bool,
    /// Side of the pictures that it is trained on.
    pub image_size: usize,
    /// Side of the squares that it is trained on, cut out of the pictures at random places; 0 for whole pictures, as where they
    /// are no larger. Convolutions learn the same from a part, for a part of the time (arXiv 2112.10752, E, trains on crops
    /// of 256 pixels).
    #[serde(default)]
    pub crop: usize,
    /// Part of the run in which squares are cut out. Then norms and attention get used to whole pictures.
    #[serde(default = "always")]
    pub crop_share: f64,
    /// Weight of the latents' distance from a standard normal distribution (KL), whose sum over a picture's latents is divided by
    /// the picture's values, as those of the other losses are (arXiv 2112.10752, G, has 1e-6).
    pub kl_weight: f64,
    /// Weight of the loss between the pictures' edges: between the differences of neighbouring pixels, at three sizes.
    pub edge_weight: f64,
}

/// Of runs that began before there was another choice.
fn always() -> f64 {
    1.0
}

impl Default for AutoencoderSettings {
    fn default() -> Self {
        let AutoencoderConfig {
            block_out_channels: channels,
            layers_per_block,
            latent_channels,
            norm_num_groups,
            mid_block_add_attention,
            sample_size,
            ..
        } = AutoencoderConfig::default();
        Self {
            channels,
            layers_per_block,
            latent_channels,
            norm_groups: norm_num_groups,
            attention: mid_block_add_attention,
            ink: true,
            image_size: sample_size,
            crop: 32,
            crop_share: 0.9,
            kl_weight: 1e-6,
            edge_weight: 0.5,
        }
    }
}

impl AutoencoderSettings {
    /// The network for pictures of so many channels.
    ///
    /// # Errors
    /// Numbers that do not divide as they must.
    pub fn network(&self, picture_channels: usize) -> Result<AutoencoderConfig> {
        let config = AutoencoderConfig {
            in_channels: picture_channels,
            out_channels: picture_channels,
            block_out_channels: self.channels.clone(),
            layers_per_block: self.layers_per_block,
            latent_channels: self.latent_channels,
            norm_num_groups: self.norm_groups,
            mid_block_add_attention: self.attention,
            sample_size: self.image_size,
            ..AutoencoderConfig::default()
        };
        config.validate()?;
        let (side, factor) = (self.image_size, config.factor());
        if side == 0 || side > 1024 || !side.is_multiple_of(factor) {
            let reason = format!("image_size must be a multiple of {factor} up to 1024, not {side}");
            return Err(Error::Setting { reason });
        }
        if !self.crop.is_multiple_of(factor) {
            let reason = format!("crop must be a multiple of {factor}, or 0 for whole pictures, not {}", self.crop);
            return Err(Error::Setting { reason });
        }
        if !(0.0..=1.0).contains(&self.crop_share) {
            return Err(Error::Setting { reason: format!("crop_share must be from 0 to 1, not {}", self.crop_share) });
        }
        for (name, weight) in [("kl_weight", self.kl_weight), ("edge_weight", self.edge_weight)] {
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(Error::Setting { reason: format!("{name} must be a number of at least 0, not {weight}") });
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let settings = AutoencoderSettings::default();
        assert_eq!(settings.network(3).unwrap(), AutoencoderConfig::default());
        let refused = |settings: AutoencoderSettings| settings.network(3).unwrap_err().to_string();
        let side = refused(AutoencoderSettings { image_size: 30, ..settings.clone() });
        assert!(side.contains("multiple of 4") && side.contains("30"), "{side}");
        let crop = refused(AutoencoderSettings { crop: 34, ..settings.clone() });
        assert!(crop.contains("crop must") && crop.contains("34"), "{crop}");
        assert!(refused(AutoencoderSettings { crop_share: 1.1, ..settings.clone() }).contains("crop_share"));
        assert!(refused(AutoencoderSettings { kl_weight: f64::NAN, ..settings.clone() }).contains("kl_weight"));
        assert!(refused(AutoencoderSettings { edge_weight: -1.0, ..settings.clone() }).contains("edge_weight"));
        assert!(refused(AutoencoderSettings { norm_groups: 5, ..settings }).contains("16 channels"));
    }
}
