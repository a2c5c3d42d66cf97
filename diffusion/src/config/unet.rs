//! `unet/config.json`.
//!
//! Tests: `tests/it/configs.rs`.

use serde_json::Value;

use super::reader::{LARGEST, Reader, Rules, whole};
use crate::error::{ConfigError, Error, Result};

/// The file, as errors name it.
const FILE: &str = "unet/config.json";

static RULES: Rules = Rules {
    file: FILE,
    class: "UNet2DConditionModel",
    only: || {
        vec![
            ("act_fn", Value::from("silu"), false),
            ("attention_type", Value::from("default"), true),
            ("center_input_sample", Value::from(false), true),
            ("class_embeddings_concat", Value::from(false), true),
            ("conv_in_kernel", Value::from(3), false),
            ("conv_out_kernel", Value::from(3), false),
            ("downsample_padding", Value::from(1), false),
            ("dual_cross_attention", Value::from(false), true),
            ("encoder_hid_dim_type", Value::from("text_proj"), true),
            ("flip_sin_to_cos", Value::from(true), false),
            ("freq_shift", Value::from(0), false),
            ("mid_block_scale_factor", Value::from(1), false),
            ("mid_block_type", Value::from("UNetMidBlock2DCrossAttn"), false),
            ("resnet_time_scale_shift", Value::from("default"), false),
        ]
    },
    read: &[
        "attention_head_dim",
        "block_out_channels",
        "cross_attention_dim",
        "down_block_types",
        "dropout",
        "encoder_hid_dim",
        "in_channels",
        "layers_per_block",
        "norm_eps",
        "norm_num_groups",
        "only_cross_attention",
        "out_channels",
        "reverse_transformer_layers_per_block",
        "sample_size",
        "time_embedding_dim",
        "time_embedding_type",
        "transformer_layers_per_block",
        "up_block_types",
        "use_linear_projection",
    ],
    // With the blocks that are supported (diffusers hands them to others only), in f32, or without what they go with; and
    // what its training scripts keep of an EMA.
    inert: &[
        "addition_embed_type_num_heads",
        "addition_time_embed_dim",
        "cross_attention_norm",
        "decay",
        "inv_gamma",
        "mid_block_only_cross_attention",
        "min_decay",
        "optimization_step",
        "power",
        "projection_class_embeddings_input_dim",
        "resnet_out_scale_factor",
        "resnet_skip_time_act",
        "upcast_attention",
        "update_after_step",
        "use_ema_warmup",
    ],
};

/// The part of diffusers' `UNet2DConditionModel` configuration that is supported.
#[derive(Debug, Clone, PartialEq)]
pub struct UNetConfig {
    /// Side of the latents, for information.
    pub sample_size: usize,
    /// Channels that come in.
    pub in_channels: usize,
    /// Channels that go out.
    pub out_channels: usize,
    /// Channels of each resolution, finest first.
    pub block_out_channels: Vec<usize>,
    /// ResNet blocks of each resolution on the way down (one more on the way up).
    pub layers_per_block: usize,
    /// Whether each resolution has transformer blocks (on the way down, finest first).
    pub down_attention: Vec<bool>,
    /// Whether each resolution has transformer blocks (on the way up, coarsest first).
    pub up_attention: Vec<bool>,
    /// Transformer blocks per transformer.
    pub transformer_layers_per_block: usize,
    /// Groups of every GroupNorm.
    pub norm_num_groups: usize,
    /// Epsilon of the ResNet blocks' GroupNorms.
    pub norm_eps: f64,
    /// Number of heads of each resolution (diffusers calls it `attention_head_dim`).
    pub num_heads: Vec<usize>,
    /// Whether the first attention of each resolution also looks at the context, not at the picture.
    pub only_cross_attention: Vec<bool>,
    /// Width of a context token.
    pub cross_attention_dim: usize,
    /// Length of the one-hot rows that stand for class tokens.
    pub encoder_hid_dim: usize,
    /// Probability with which diffusers drops features when it trains this network. Drawing goes without, and so does the
    /// training here.
    pub dropout: f64,
}

impl UNetConfig {
    /// Reads a `config.json`, refusing every setting that would change the result and is not supported.
    pub fn from_json(text: &str) -> Result<Self> {
        let read = Reader::new(text, &RULES)?;
        let block_out_channels = read.list("block_out_channels")?;
        let levels = block_out_channels.len();
        let down_attention = read.blocks("down_block_types", "CrossAttnDownBlock2D", "DownBlock2D", levels)?;
        let up_attention = read.blocks("up_block_types", "CrossAttnUpBlock2D", "UpBlock2D", levels)?;
        let config = Self {
            sample_size: read.side("sample_size")?,
            in_channels: read.number_or("in_channels", 4)?,
            out_channels: read.number_or("out_channels", 4)?,
            layers_per_block: read.uniform("layers_per_block", levels, 2)?,
            down_attention,
            up_attention,
            transformer_layers_per_block: read.uniform("transformer_layers_per_block", levels, 1)?,
            norm_num_groups: read.number_or("norm_num_groups", 32)?,
            norm_eps: read.positive_or("norm_eps", 1e-5)?,
            num_heads: read.per_level("attention_head_dim", levels, 8, whole)?,
            only_cross_attention: read.per_level("only_cross_attention", levels, false, Value::as_bool)?,
            cross_attention_dim: read.number_or("cross_attention_dim", 1280)?,
            encoder_hid_dim: read.number("encoder_hid_dim")?,
            dropout: read.probability("dropout")?,
            block_out_channels,
        };
        let transformers = vec![config.transformer_layers_per_block; levels];
        read.must_be("reverse_transformer_layers_per_block", transformers.into())?;
        read.must_be("time_embedding_dim", (4 * config.block_out_channels[0]).into())?;
        read.must_be("time_embedding_type", "positional".into())?;
        config.validate()?;
        Ok(config)
    }

    /// Checks that the numbers divide as they must.
    pub fn validate(&self) -> Result<()> {
        let refuse = |source: ConfigError| Err(Error::Config { file: FILE, source });
        for (key, depth, deepest) in [
            ("the length of block_out_channels", self.block_out_channels.len(), 8),
            ("layers_per_block", self.layers_per_block, 64),
            ("transformer_layers_per_block", self.transformer_layers_per_block, 64),
        ] {
            if !(1..=deepest).contains(&depth) {
                return refuse(ConfigError::value(key, format!("1 to {deepest}"), depth));
            }
        }
        for (key, size) in
            [("norm_num_groups", self.norm_num_groups), ("cross_attention_dim", self.cross_attention_dim)]
        {
            if size == 0 {
                return refuse(ConfigError::value(key, "at least 1", size));
            }
        }
        // Whatever is written must be read again.
        let sizes = [
            ("sample_size", self.sample_size),
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("cross_attention_dim", self.cross_attention_dim),
            ("encoder_hid_dim (classes, and one for no label, times tokens_per_class)", self.encoder_hid_dim),
        ];
        let widths = self.block_out_channels.iter().map(|&channels| ("each of block_out_channels", channels));
        for (key, number) in sizes.into_iter().chain(widths) {
            if number > LARGEST {
                return refuse(ConfigError::value(key, format!("at most {LARGEST}"), number));
            }
        }
        for (&channels, &heads) in self.block_out_channels.iter().zip(&self.num_heads) {
            if channels == 0 || !channels.is_multiple_of(self.norm_num_groups) {
                let reason = format!("{channels} channels do not divide into norm_num_groups {}", self.norm_num_groups);
                return refuse(ConfigError::Invalid { reason });
            }
            if heads == 0 || !channels.is_multiple_of(heads) {
                let reason = format!("{channels} channels do not divide into {heads} heads");
                return refuse(ConfigError::Invalid { reason });
            }
        }
        if !self.block_out_channels[0].is_multiple_of(2) {
            let found = self.block_out_channels[0];
            return refuse(ConfigError::value("the first of block_out_channels", "even", found));
        }
        Ok(())
    }

    /// Writes a `config.json` that `UNet2DConditionModel.from_pretrained` loads.
    pub fn to_json(&self) -> String {
        let names = |attention: &[bool], with: &str, without: &str| -> Vec<String> {
            attention.iter().map(|&a| if a { with } else { without }.to_owned()).collect()
        };
        let mut value = serde_json::json!({
            "_class_name": "UNet2DConditionModel",
            "_diffusers_version": "0.42.1",
            "act_fn": "silu",
            "attention_head_dim": self.num_heads,
            "block_out_channels": self.block_out_channels,
            "center_input_sample": false,
            "cross_attention_dim": self.cross_attention_dim,
            "down_block_types": names(&self.down_attention, "CrossAttnDownBlock2D", "DownBlock2D"),
            "downsample_padding": 1,
            "encoder_hid_dim": self.encoder_hid_dim,
            "encoder_hid_dim_type": "text_proj",
            "flip_sin_to_cos": true,
            "freq_shift": 0,
            "in_channels": self.in_channels,
            "layers_per_block": self.layers_per_block,
            "mid_block_scale_factor": 1,
            "mid_block_type": "UNetMidBlock2DCrossAttn",
            "norm_eps": self.norm_eps,
            "norm_num_groups": self.norm_num_groups,
            "only_cross_attention": self.only_cross_attention,
            "mid_block_only_cross_attention": false,
            "out_channels": self.out_channels,
            "sample_size": self.sample_size,
            "transformer_layers_per_block": self.transformer_layers_per_block,
            "up_block_types": names(&self.up_attention, "CrossAttnUpBlock2D", "UpBlock2D"),
            "use_linear_projection": false,
        });
        if self.dropout > 0.0 {
            value["dropout"] = self.dropout.into();
        }
        format!("{value:#}\n")
    }
}
