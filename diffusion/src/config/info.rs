//! `digit_diffusion.json`.
//!
//! Tests: `tests/it/configs.rs`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codec::PatchCodec;
use crate::error::{ConfigError, Error, Result, shown};
use crate::json;

use super::unet::UNetConfig;

const FILE: &str = "digit_diffusion.json";

/// A picture larger than this is a mistake, and would only be noticed when memory runs out.
const LARGEST_IMAGE: usize = 4096;

/// What diffusers does not store: the classes and how pictures become latents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Version of this file's layout; 1 today.
    pub format: u32,
    /// Class names, by class index. The index after the last means "no class" (guidance's null class).
    pub labels: Vec<String>,
    /// Context tokens per class.
    pub tokens_per_class: usize,
    /// Side of the (square) picture in pixels.
    pub image_size: usize,
    /// Side of the squares of pixels that a latent stands for: folded into channels (lossless pixel-unshuffle), or what the
    /// autoencoder in `vae/` makes of them.
    pub patch_size: usize,
    /// Channels of the latents where an autoencoder makes them. Only said where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent_channels: Option<usize>,
    /// What latents look like without their decoder: a row of `latent_channels + 1` numbers for each of `channels`, a linear
    /// map from scaled latents to it in [-1, 1]; the last is the offset. Only said where an autoencoder makes the latents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent_rgb: Option<Vec<Vec<f32>>>,
    /// Channels of the picture: 3 of one in colour. Only said where it is not 1, grey.
    #[serde(default = "grey", skip_serializing_if = "is_grey")]
    pub channels: usize,
    /// Whether "no class" was trained, too, by dropping labels. Where it was not there is nothing that guidance could
    /// push away from, and pictures are drawn without. Only said where it is false.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub null_class_trained: bool,
    /// Guidance that the base is drawn with where nothing else is said. Only said where it is another than usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance_scale: Option<f64>,
}

fn grey() -> usize {
    1
}

fn is_grey(channels: &usize) -> bool {
    *channels == grey()
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

fn rows(value: &Value) -> Option<Vec<Vec<f32>>> {
    let row = |row: &Value| row.as_array()?.iter().map(|number| number.as_f64().map(|number| number as f32)).collect();
    value.as_array()?.iter().map(row).collect()
}

impl ModelInfo {
    /// Reads `digit_diffusion.json`.
    pub fn from_json(text: &str) -> Result<Self> {
        let json = json::read(FILE, text)?;
        let wrong = |key: &str, accepted: &str| {
            let (key, accepted, found) = (key.to_owned(), accepted.to_owned(), json.get(key).map(shown));
            Error::Config { file: FILE, source: ConfigError::Value { key, accepted, found } }
        };
        let whole = |key: &str| {
            let number = json.get(key).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
            number.ok_or_else(|| wrong(key, "a whole number"))
        };
        let names = json.get("labels").and_then(Value::as_array);
        let labels = names.and_then(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect());
        let null = json.get("null_class_trained").map_or(Some(true), Value::as_bool);
        let info = Self {
            format: u32::try_from(whole("format")?).unwrap_or(u32::MAX),
            labels: labels.ok_or_else(|| wrong("labels", "a list of names"))?,
            tokens_per_class: whole("tokens_per_class")?,
            image_size: whole("image_size")?,
            patch_size: whole("patch_size")?,
            latent_channels: json.get("latent_channels").map(|_| whole("latent_channels")).transpose()?,
            latent_rgb: match json.get("latent_rgb") {
                Some(value) => Some(rows(value).ok_or_else(|| wrong("latent_rgb", "rows of numbers"))?),
                None => None,
            },
            channels: if json.get("channels").is_some() { whole("channels")? } else { grey() },
            null_class_trained: null.ok_or_else(|| wrong("null_class_trained", "true or false"))?,
            guidance_scale: match json.get("guidance_scale") {
                Some(value) => Some(value.as_f64().ok_or_else(|| wrong("guidance_scale", "a number"))?),
                None => None,
            },
        };
        info.validate()?;
        Ok(info)
    }

    /// Refuses what cannot be drawn.
    pub fn validate(&self) -> Result<()> {
        let refuse = |source: ConfigError| Err(Error::Config { file: FILE, source });
        if self.format != 1 {
            return refuse(ConfigError::unsupported("format", self.format, 1));
        }
        if self.labels.is_empty() {
            return refuse(ConfigError::value("labels", "a list of at least one name", "[]"));
        }
        let sizes = [self.tokens_per_class, self.image_size, self.patch_size];
        let keys = ["tokens_per_class", "image_size", "patch_size"];
        if let Some((_, key)) = sizes.iter().zip(keys).find(|(size, _)| **size == 0) {
            return refuse(ConfigError::value(key, "at least 1", 0));
        }
        if self.image_size > LARGEST_IMAGE {
            return refuse(ConfigError::value("image_size", format!("at most {LARGEST_IMAGE}"), self.image_size));
        }
        if self.latent_channels == Some(0) {
            return refuse(ConfigError::value("latent_channels", "at least 1", 0));
        }
        if !matches!(self.channels, 1 | 3) {
            return refuse(ConfigError::value("channels", "1 (grey) or 3 (colour)", self.channels));
        }
        if self.guidance_scale.is_some_and(|scale| !(scale as f32).is_finite()) {
            // Without the number: as text it would cost the module that teaches 7 KB.
            return refuse(ConfigError::value("guidance_scale", "a finite number", "one that is not"));
        }
        if let Some(rows) = &self.latent_rgb {
            let Some(latent_channels) = self.latent_channels else {
                return refuse(ConfigError::Invalid { reason: "latent_rgb needs latent_channels".to_owned() });
            };
            let (channels, length) = (self.channels, latent_channels + 1);
            if rows.len() != channels || rows.iter().any(|row| row.len() != length) {
                let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
                let accepted = format!("{channels} rows of {length} numbers");
                return refuse(ConfigError::value("latent_rgb", accepted, format!("rows of {lengths:?}")));
            }
            if rows.iter().flatten().any(|number| !number.is_finite()) {
                return refuse(ConfigError::value("latent_rgb", "finite numbers", "one that is not"));
            }
        }
        if !self.image_size.is_multiple_of(self.patch_size) {
            let reason = format!("image_size {} is not divisible by patch_size {}", self.image_size, self.patch_size);
            return refuse(ConfigError::Invalid { reason });
        }
        Ok(())
    }

    /// Writes `digit_diffusion.json`.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::json!(self);
        if let Some(rows) = &self.latent_rgb {
            json["latent_rgb"] =
                rows.iter().map(|row| row.iter().map(shortest).collect()).collect::<Vec<Value>>().into();
        }
        format!("{json:#}\n")
    }

    /// How pictures are folded into latents, where no autoencoder makes them.
    pub fn patches(&self) -> PatchCodec {
        PatchCodec { image_size: self.image_size, patch_size: self.patch_size, channels: self.channels }
    }

    /// `[channels, height, width]` of the latents.
    pub fn latent_shape(&self) -> [usize; 3] {
        let [folded, height, width] = self.patches().latent_shape();
        [self.latent_channels.unwrap_or(folded), height, width]
    }

    /// Values of one picture.
    pub fn picture_len(&self) -> usize {
        self.patches().len()
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
        let refuse = |reason: String| Err(Error::Config { file: FILE, source: ConfigError::Invalid { reason } });
        let [channels, ..] = self.latent_shape();
        if unet.in_channels != channels || unet.out_channels != channels {
            let of = if self.channels == 1 { String::new() } else { format!(" of {} channels", self.channels) };
            if let Some(latent_channels) = self.latent_channels {
                return refuse(format!(
                    "latent_channels {latent_channels} needs as many in_channels and out_channels, unet/config.json has {} and {}",
                    unet.in_channels, unet.out_channels
                ));
            }
            return refuse(format!(
                "patch_size {}{of} needs in_channels and out_channels {channels}, unet/config.json has {} and {}",
                self.patch_size, unet.in_channels, unet.out_channels
            ));
        }
        if unet.encoder_hid_dim != self.encoder_hid_dim() {
            return refuse(format!(
                "{} labels with {} tokens each (and as many for \"no label\") need encoder_hid_dim {}, unet/config.json has {}",
                self.labels.len(),
                self.tokens_per_class,
                self.encoder_hid_dim(),
                unet.encoder_hid_dim
            ));
        }
        let side = self.image_size / self.patch_size;
        let multiple = 1usize << (unet.block_out_channels.len() - 1);
        if !side.is_multiple_of(multiple) {
            return refuse(format!(
                "latents of {side} x {side} cannot be halved {} times",
                unet.block_out_channels.len() - 1
            ));
        }
        Ok(())
    }
}

/// The number with as few digits as tell it from other f32.
fn shortest(value: &f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}
