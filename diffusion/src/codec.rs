//! Pictures <-> latents: a lossless pixel-unshuffle, or an autoencoder. Pictures are planar, as torch has them: `[channels, height, width]`, of
//! three channels red, green and blue; [`interleaved`] gives them the order of image files.
//!
//! Tests: `tests/it/codec.rs`; of an autoencoder, `tests/it/autoencoder_codec.rs`.

use std::sync::Arc;

use crate::autoencoder::AutoencoderCodec;
use crate::error::Result;

/// How pictures become latents, and latents pictures.
#[derive(Debug, Clone)]
pub enum Codec {
    /// Squares of pixels as channels; nothing is lost.
    Patches(PatchCodec),
    /// A network.
    Autoencoder(Arc<AutoencoderCodec>),
}

impl Codec {
    /// `[channels, height, width]` of the latents.
    pub fn latent_shape(&self) -> [usize; 3] {
        match self {
            Self::Patches(patches) => patches.latent_shape(),
            Self::Autoencoder(autoencoder) => autoencoder.latent_shape(),
        }
    }

    /// Values of the latents of one picture.
    pub fn latent_len(&self) -> usize {
        self.latent_shape().iter().product()
    }

    /// Picture -> latents.
    ///
    /// # Shapes
    /// `[channels, image_size, image_size]` in [-1, 1] -> [`latent_shape`](Self::latent_shape)
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) where an autoencoder is given no whole picture.
    pub fn encode(&self, image: &[f32]) -> Result<Vec<f32>> {
        match self {
            Self::Patches(patches) => Ok(patches.encode(image)),
            Self::Autoencoder(autoencoder) => autoencoder.encode(image),
        }
    }

    /// Latents -> picture, the other way round.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) where an autoencoder is given no whole latents.
    pub fn decode(&self, latents: &[f32]) -> Result<Vec<f32>> {
        match self {
            Self::Patches(patches) => Ok(patches.decode(latents)),
            Self::Autoencoder(autoencoder) => autoencoder.decode(latents),
        }
    }

    /// What latents look like, cheaply: of patches the picture itself; of an autoencoder a linear map of each latent where its
    /// base has one (`latent_rgb`), and else the decoded picture. Decoding costs about what a step of the network does.
    ///
    /// # Shapes
    /// [`latent_shape`](Self::latent_shape) -> `[channels, image_size, image_size]`, about in [-1, 1]
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn preview(&self, latents: &[f32]) -> Result<Vec<f32>> {
        match self {
            Self::Patches(patches) => Ok(patches.decode(latents)),
            Self::Autoencoder(autoencoder) => autoencoder.preview(latents),
        }
    }

    /// Values of one picture.
    pub fn picture_len(&self) -> usize {
        match self {
            Self::Patches(patches) => patches.len(),
            Self::Autoencoder(autoencoder) => self.channels() * autoencoder.image_size().pow(2),
        }
    }

    /// Channels of the picture: 1 of a grey one, 3 of one in colour.
    pub fn channels(&self) -> usize {
        match self {
            Self::Patches(patches) => patches.channels,
            Self::Autoencoder(autoencoder) => autoencoder.autoencoder().config.out_channels,
        }
    }
}

/// Folds squares of `patch` pixels into channels, as `torch.pixel_unshuffle` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchCodec {
    /// Side of the picture in pixels.
    pub image_size: usize,
    /// Side of a patch.
    pub patch_size: usize,
    /// 1 of grey pictures, 3 of coloured ones.
    pub channels: usize,
}

impl PatchCodec {
    /// `[channels, height, width]` of the latents.
    pub fn latent_shape(&self) -> [usize; 3] {
        let side = self.image_size / self.patch_size;
        [self.channels * self.patch_size * self.patch_size, side, side]
    }

    /// Values of one picture, and of its latents.
    pub fn len(&self) -> usize {
        self.channels * self.image_size * self.image_size
    }

    /// Never: a picture has pixels.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Index in the picture of each latent value, in the order of the latents.
    fn pixels(&self) -> impl Iterator<Item = usize> + use<> {
        let (size, patch) = (self.image_size, self.patch_size);
        let side = size / patch;
        (0..self.channels * patch * patch).flat_map(move |channel| {
            // A picture's channel after the other: channel c p^2 + p dy + dx of the latents is of channel c.
            let (plane, within) = (channel / (patch * patch) * size * size, channel % (patch * patch));
            let (dy, dx) = (within / patch, within % patch);
            (0..side * side).map(move |i| plane + (i / side * patch + dy) * size + i % side * patch + dx)
        })
    }

    /// Picture -> latents.
    ///
    /// # Shapes
    /// `[channels, image_size, image_size]` -> [`latent_shape`](Self::latent_shape)
    pub fn encode(&self, image: &[f32]) -> Vec<f32> {
        self.pixels().map(|pixel| image[pixel]).collect()
    }

    /// Latents -> picture, the other way round.
    pub fn decode(&self, latents: &[f32]) -> Vec<f32> {
        let mut image = vec![0.0; self.len()];
        for (value, pixel) in latents.iter().zip(self.pixels()) {
            image[pixel] = *value;
        }
        image
    }
}

/// A planar picture `[channels, pixels]` pixel by pixel, `[pixels, channels]`.
pub fn interleaved<T: Copy>(planar: &[T], channels: usize) -> Vec<T> {
    let pixels = planar.len() / channels.max(1);
    (0..pixels).flat_map(|pixel| (0..channels).map(move |channel| planar[channel * pixels + pixel])).collect()
}

/// A picture `[pixels, channels]` channel by channel, `[channels, pixels]`.
pub fn planar<T: Copy>(interleaved: &[T], channels: usize) -> Vec<T> {
    (0..channels).flat_map(|channel| interleaved.iter().skip(channel).step_by(channels).copied()).collect()
}

/// [-1, 1] -> 0..=255, rounded.
pub fn to_grey(value: f32) -> u8 {
    ((value.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8
}

/// 0..=255 -> [-1, 1].
pub fn from_grey(value: u8) -> f32 {
    f32::from(value) / 127.5 - 1.0
}
