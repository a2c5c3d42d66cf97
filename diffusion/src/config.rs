//! What a base folder says about itself: `unet/config.json` and `digit_diffusion.json`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

const UNET: &str = "unet/config.json";
const INFO: &str = "digit_diffusion.json";

/// What diffusers does not store: the classes and how pictures become latents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Version of this file's layout; 1 today.
    pub format: u32,
    /// Class names, by class index. The index after the last means "no class" (guidance's null class).
    pub labels: Vec<String>,
    /// Context tokens per class.
    pub tokens_per_class: usize,
    /// Side of the (square, grey) picture in pixels.
    pub image_size: usize,
    /// Pixels are folded into channels in squares of this side (lossless pixel-unshuffle).
    pub patch_size: usize,
}

impl ModelInfo {
    /// Reads `digit_diffusion.json`.
    pub fn from_json(text: &str) -> Result<Self> {
        let info: Self =
            serde_json::from_str(text).map_err(|e| Error::Json { file: INFO, reason: e.to_string() })?;
        let refuse = |reason: String| Err(Error::Config { file: INFO, reason });
        if info.format != 1 {
            return refuse(format!("format {} is newer than this program, which reads format 1", info.format));
        }
        if info.labels.is_empty() || info.tokens_per_class == 0 || info.patch_size == 0 || info.image_size == 0 {
            return refuse("labels, tokens_per_class, image_size and patch_size must not be empty or zero".into());
        }
        if info.image_size % info.patch_size != 0 {
            return refuse(format!(
                "image_size {} is not divisible by patch_size {}",
                info.image_size, info.patch_size
            ));
        }
        Ok(info)
    }

    /// Writes `digit_diffusion.json`.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", serde_json::json!(self))
    }

    /// Number of classes, the null class not counted.
    pub fn num_classes(&self) -> usize {
        self.labels.len()
    }

    /// Index of the null class.
    pub fn null_class(&self) -> usize {
        self.labels.len()
    }

    /// Length of the one-hot rows: one per token of every class, the null class included.
    pub fn encoder_hid_dim(&self) -> usize {
        (self.labels.len() + 1) * self.tokens_per_class
    }

    /// Checks that the network has this many classes, and pictures of this size.
    pub fn check(&self, unet: &UNetConfig) -> Result<()> {
        let refuse = |reason: String| Err(Error::Config { file: INFO, reason });
        let channels = self.patch_size * self.patch_size;
        if unet.in_channels != channels || unet.out_channels != channels {
            return refuse(format!(
                "patch_size {} needs in_channels and out_channels {channels}, unet/config.json has {} and {}",
                self.patch_size, unet.in_channels, unet.out_channels
            ));
        }
        if unet.encoder_hid_dim != self.encoder_hid_dim() {
            return refuse(format!(
                "{} labels with {} tokens each (and as many for \"no label\") need encoder_hid_dim {}, unet/config.json has {}",
                self.labels.len(), self.tokens_per_class, self.encoder_hid_dim(), unet.encoder_hid_dim
            ));
        }
        let side = self.image_size / self.patch_size;
        let multiple = 1usize << (unet.block_out_channels.len() - 1);
        if side % multiple != 0 {
            return refuse(format!(
                "latents of {side} x {side} cannot be halved {} times",
                unet.block_out_channels.len() - 1
            ));
        }
        Ok(())
    }
}

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
}

impl UNetConfig {
    /// Reads a `config.json`, refusing every setting that would change the result and is not supported.
    pub fn from_json(text: &str) -> Result<Self> {
        let json: Value =
            serde_json::from_str(text).map_err(|e| Error::Json { file: UNET, reason: e.to_string() })?;
        let read = Reader { json: &json };
        read.require_defaults()?;
        let block_out_channels = read.list("block_out_channels")?;
        let levels = block_out_channels.len();
        let down_attention = read.blocks("down_block_types", "CrossAttnDownBlock2D", "DownBlock2D", levels)?;
        let up_attention = read.blocks("up_block_types", "CrossAttnUpBlock2D", "UpBlock2D", levels)?;
        let config = Self {
            sample_size: read.number_or("sample_size", 0)?,
            in_channels: read.number_or("in_channels", 4)?,
            out_channels: read.number_or("out_channels", 4)?,
            layers_per_block: read.number_or("layers_per_block", 2)?,
            down_attention,
            up_attention,
            transformer_layers_per_block: read.number_or("transformer_layers_per_block", 1)?,
            norm_num_groups: read.number_or("norm_num_groups", 32)?,
            norm_eps: json.get("norm_eps").and_then(Value::as_f64).unwrap_or(1e-5),
            num_heads: read.per_level("attention_head_dim", levels, 8, |v| v.as_u64().map(|n| n as usize))?,
            only_cross_attention: read.per_level("only_cross_attention", levels, false, Value::as_bool)?,
            cross_attention_dim: read.number_or("cross_attention_dim", 1280)?,
            encoder_hid_dim: read.number("encoder_hid_dim")?,
            block_out_channels,
        };
        config.validate()?;
        Ok(config)
    }

    /// Checks that the numbers divide as they must.
    pub fn validate(&self) -> Result<()> {
        let refuse = |reason: String| Err(Error::Config { file: UNET, reason });
        if self.block_out_channels.is_empty() || self.layers_per_block == 0 || self.transformer_layers_per_block == 0 {
            return refuse("block_out_channels, layers_per_block and transformer_layers_per_block must not be empty or zero".into());
        }
        if self.norm_num_groups == 0 {
            return refuse("norm_num_groups must not be zero".into());
        }
        for (&channels, &heads) in self.block_out_channels.iter().zip(&self.num_heads) {
            if channels == 0 || channels % self.norm_num_groups != 0 {
                return refuse(format!("{channels} channels do not divide into norm_num_groups {}", self.norm_num_groups));
            }
            if heads == 0 || channels % heads != 0 {
                return refuse(format!("{channels} channels do not divide into {heads} heads"));
            }
        }
        if self.block_out_channels[0] % 2 != 0 {
            return refuse("the first of block_out_channels must be even".into());
        }
        Ok(())
    }

    /// Writes a `config.json` that `UNet2DConditionModel.from_pretrained` loads.
    pub fn to_json(&self) -> String {
        let names = |attention: &[bool], with: &str, without: &str| -> Vec<String> {
            attention.iter().map(|&a| if a { with } else { without }.to_owned()).collect()
        };
        let value = serde_json::json!({
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
        format!("{value:#}\n")
    }
}

struct Reader<'a> {
    json: &'a Value,
}

impl Reader<'_> {
    fn refuse<T>(&self, reason: String) -> Result<T> {
        Err(Error::Config { file: UNET, reason })
    }

    /// Settings that change the computation and are supported with one value only.
    fn require_defaults(&self) -> Result<()> {
        let class = self.json.get("_class_name").and_then(Value::as_str);
        if class != Some("UNet2DConditionModel") {
            return self.refuse(format!(
                "_class_name is {}, only \"UNet2DConditionModel\" is supported",
                class.map_or("missing".into(), |c| format!("\"{c}\""))
            ));
        }
        let only = [
            ("act_fn", serde_json::json!("silu")),
            ("center_input_sample", serde_json::json!(false)),
            ("downsample_padding", serde_json::json!(1)),
            ("dual_cross_attention", serde_json::json!(false)),
            ("encoder_hid_dim_type", serde_json::json!("text_proj")),
            ("flip_sin_to_cos", serde_json::json!(true)),
            ("freq_shift", serde_json::json!(0)),
            ("mid_block_scale_factor", serde_json::json!(1)),
            ("mid_block_type", serde_json::json!("UNetMidBlock2DCrossAttn")),
            ("resnet_time_scale_shift", serde_json::json!("default")),
            ("resnet_skip_time_act", serde_json::json!(false)),
            ("resnet_out_scale_factor", serde_json::json!(1.0)),
            ("time_embedding_type", serde_json::json!("positional")),
            ("use_linear_projection", serde_json::json!(false)),
            ("upcast_attention", serde_json::json!(false)),
            ("class_embeddings_concat", serde_json::json!(false)),
            ("conv_in_kernel", serde_json::json!(3)),
            ("conv_out_kernel", serde_json::json!(3)),
            ("dropout", serde_json::json!(0.0)),
            ("attention_type", serde_json::json!("default")),
        ];
        for (key, accepted) in only {
            match self.json.get(key) {
                None | Some(Value::Null) => {}
                Some(value) if *value == accepted || value.as_f64().is_some_and(|v| Some(v) == accepted.as_f64()) => {}
                Some(value) => return self.refuse(format!("{key} {value} is not supported, only {accepted}")),
            }
        }
        let absent = [
            "addition_embed_type", "addition_time_embed_dim", "class_embed_type", "num_class_embeds",
            "num_attention_heads", "reverse_transformer_layers_per_block", "time_cond_proj_dim",
            "time_embedding_act_fn", "time_embedding_dim", "timestep_post_act", "cross_attention_norm",
            "projection_class_embeddings_input_dim",
        ];
        for key in absent {
            if self.json.get(key).is_some_and(|v| !v.is_null()) {
                return self.refuse(format!("{key} is not supported, leave it out"));
            }
        }
        // diffusers lets a single `only_cross_attention: true` reach the middle block too.
        let middle = self.json.get("mid_block_only_cross_attention").and_then(Value::as_bool);
        let everywhere = self.json.get("only_cross_attention").and_then(Value::as_bool) == Some(true);
        if middle == Some(true) || (everywhere && middle.is_none()) {
            return self.refuse("the middle block must keep self-attention (mid_block_only_cross_attention false)".into());
        }
        Ok(())
    }

    fn number(&self, key: &str) -> Result<usize> {
        match self.json.get(key).and_then(Value::as_u64) {
            Some(n) => Ok(n as usize),
            None => self.refuse(format!("{key} must be a whole number")),
        }
    }

    fn number_or(&self, key: &str, default: usize) -> Result<usize> {
        match self.json.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(_) => self.number(key),
        }
    }

    fn list(&self, key: &str) -> Result<Vec<usize>> {
        let numbers = self.json.get(key).and_then(Value::as_array).and_then(|items| {
            items.iter().map(|v| v.as_u64().map(|n| n as usize)).collect::<Option<Vec<_>>>()
        });
        match numbers {
            Some(list) if !list.is_empty() => Ok(list),
            _ => self.refuse(format!("{key} must be a list of whole numbers")),
        }
    }

    fn per_level<T: Clone>(
        &self,
        key: &str,
        levels: usize,
        default: T,
        get: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>> {
        let values = match self.json.get(key) {
            None | Some(Value::Null) => Some(vec![default; levels]),
            Some(Value::Array(items)) => items.iter().map(&get).collect(),
            Some(single) => get(single).map(|v| vec![v; levels]),
        };
        match values {
            Some(values) if values.len() == levels => Ok(values),
            _ => self.refuse(format!("{key} must be one value, or one for each of the {levels} block_out_channels")),
        }
    }

    fn blocks(&self, key: &str, with: &str, without: &str, levels: usize) -> Result<Vec<bool>> {
        let names = self.json.get(key).and_then(Value::as_array);
        let kinds = names.and_then(|items| {
            items
                .iter()
                .map(|v| match v.as_str() {
                    Some(name) if name == with => Some(true),
                    Some(name) if name == without => Some(false),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>()
        });
        match kinds {
            Some(kinds) if kinds.len() == levels => Ok(kinds),
            _ => self.refuse(format!("{key} must list {levels} times \"{with}\" or \"{without}\"")),
        }
    }
}
