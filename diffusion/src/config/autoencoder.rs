//! `vae/config.json`.
//!
//! Tests: `tests/it/autoencoder.rs`.

use serde_json::Value;

use super::reader::{LARGEST, Reader, Rules};
use crate::error::{ConfigError, Error, Result};

/// The file, as errors name it.
const FILE: &str = "vae/config.json";
/// Names of the only blocks that are supported.
const BLOCKS: [&str; 2] = ["DownEncoderBlock2D", "UpDecoderBlock2D"];

static RULES: Rules = Rules {
    file: FILE,
    class: "AutoencoderKL",
    only: || vec![("act_fn", Value::from("silu"), false)],
    read: &[
        "block_out_channels",
        "down_block_types",
        "in_channels",
        "latent_channels",
        "layers_per_block",
        "mid_block_add_attention",
        "norm_num_groups",
        "out_channels",
        "sample_size",
        "scaling_factor",
        "shift_factor",
        "up_block_types",
        "use_post_quant_conv",
        "use_quant_conv",
    ],
    // Of half precision only; of what its training scripts keep of an EMA.
    inert: &[
        "force_upcast",
        "decay",
        "inv_gamma",
        "min_decay",
        "optimization_step",
        "power",
        "update_after_step",
        "use_ema_warmup",
    ],
};

/// The part of diffusers' `AutoencoderKL` configuration that is supported.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoencoderConfig {
    /// Channels of a picture that comes in: 1 or 3 for the pictures here; files of others may have more.
    pub in_channels: usize,
    /// Channels of a picture that comes out.
    pub out_channels: usize,
    /// Channels of each resolution, finest first. A latent stands for a square of 2^(resolutions - 1) pixels a side.
    pub block_out_channels: Vec<usize>,
    /// ResNet blocks of each resolution of the encoder (the decoder has one more).
    pub layers_per_block: usize,
    /// Channels of a latent.
    pub latent_channels: usize,
    /// Groups of every GroupNorm.
    pub norm_num_groups: usize,
    /// Whether pixels attend to each other at the coarsest resolution.
    pub mid_block_add_attention: bool,
    /// Whether a 1 x 1 convolution follows the encoder.
    pub use_quant_conv: bool,
    /// Whether one comes before the decoder.
    pub use_post_quant_conv: bool,
    /// Side of the pictures it was trained on, for information.
    pub sample_size: usize,
    /// Latents minus [`shift_factor`](Self::shift_factor), times this, have about standard deviation 1 (arXiv 2112.10752, D.1).
    pub scaling_factor: f64,
    /// See [`scaling_factor`](Self::scaling_factor).
    pub shift_factor: Option<f64>,
}

impl Default for AutoencoderConfig {
    /// A small one for pictures in colour: a latent of 4 channels for 4 x 4 pixels, 242,327 parameters.
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            block_out_channels: vec![16, 32, 32],
            layers_per_block: 1,
            latent_channels: 4,
            norm_num_groups: 8,
            mid_block_add_attention: true,
            use_quant_conv: true,
            use_post_quant_conv: true,
            sample_size: 64,
            scaling_factor: 1.0,
            shift_factor: None,
        }
    }
}

impl AutoencoderConfig {
    /// Reads a `config.json`, refusing every setting that would change the result and is not supported.
    ///
    /// # Errors
    /// [`Error::Config`] names the setting.
    pub fn from_json(text: &str) -> Result<Self> {
        let read = Reader::new(text, &RULES)?;
        let block_out_channels = read.list("block_out_channels")?;
        let levels = block_out_channels.len();
        for (key, name) in ["down_block_types", "up_block_types"].into_iter().zip(BLOCKS) {
            read.must_be(key, vec![name; levels].into())?;
        }
        let config = Self {
            in_channels: read.number_or("in_channels", 3)?,
            out_channels: read.number_or("out_channels", 3)?,
            layers_per_block: read.number_or("layers_per_block", 1)?,
            latent_channels: read.number_or("latent_channels", 4)?,
            norm_num_groups: read.number_or("norm_num_groups", 32)?,
            mid_block_add_attention: read.flag_or("mid_block_add_attention", true)?,
            use_quant_conv: read.flag_or("use_quant_conv", true)?,
            use_post_quant_conv: read.flag_or("use_post_quant_conv", true)?,
            sample_size: read.side("sample_size")?,
            scaling_factor: read.positive_or("scaling_factor", 0.18215)?,
            shift_factor: read.finite("shift_factor")?,
            block_out_channels,
        };
        config.validate()?;
        Ok(config)
    }

    /// Checks that the numbers divide as they must.
    ///
    /// # Errors
    /// [`Error::Config`] names the setting.
    pub fn validate(&self) -> Result<()> {
        let refuse = |source: ConfigError| Err(Error::Config { file: FILE, source });
        let levels = self.block_out_channels.len();
        let depths = [
            ("the length of block_out_channels", levels, 1..=8),
            ("layers_per_block", self.layers_per_block, 1..=64),
            ("in_channels", self.in_channels, 1..=LARGEST),
            ("out_channels", self.out_channels, 1..=LARGEST),
            ("latent_channels", self.latent_channels, 1..=LARGEST / 2),
            ("norm_num_groups", self.norm_num_groups, 1..=LARGEST),
            ("sample_size", self.sample_size, 0..=LARGEST),
        ];
        let widths = self.block_out_channels.iter().map(|&width| ("each of block_out_channels", width, 1..=LARGEST));
        for (key, number, range) in depths.into_iter().chain(widths) {
            if !range.contains(&number) {
                return refuse(ConfigError::value(key, format!("{} to {}", range.start(), range.end()), number));
            }
        }
        let groups = self.norm_num_groups;
        if let Some(channels) = self.block_out_channels.iter().find(|channels| !channels.is_multiple_of(groups)) {
            let reason = format!("{channels} channels do not divide into norm_num_groups {groups}");
            return refuse(ConfigError::Invalid { reason });
        }
        if !(self.scaling_factor.is_finite() && self.scaling_factor > 0.0) {
            return refuse(ConfigError::value("scaling_factor", "a number above 0", self.scaling_factor));
        }
        Ok(())
    }

    /// Pixels along a side for which one latent stands: sides of pictures are multiples of it.
    pub fn factor(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }

    /// Writes a `config.json` that `AutoencoderKL.from_pretrained` loads.
    pub fn to_json(&self) -> String {
        let [down, up] = BLOCKS.map(|name| vec![name; self.block_out_channels.len()]);
        let value = serde_json::json!({
            "_class_name": RULES.class,
            "_diffusers_version": "0.42.1",
            "act_fn": "silu",
            "block_out_channels": self.block_out_channels,
            "down_block_types": down,
            "force_upcast": false,
            "in_channels": self.in_channels,
            "latent_channels": self.latent_channels,
            "latents_mean": null,
            "latents_std": null,
            "layers_per_block": self.layers_per_block,
            "mid_block_add_attention": self.mid_block_add_attention,
            "norm_num_groups": self.norm_num_groups,
            "out_channels": self.out_channels,
            "sample_size": self.sample_size,
            "scaling_factor": self.scaling_factor,
            "shift_factor": self.shift_factor,
            "up_block_types": up,
            "use_post_quant_conv": self.use_post_quant_conv,
            "use_quant_conv": self.use_quant_conv,
        });
        format!("{value:#}\n")
    }
}
