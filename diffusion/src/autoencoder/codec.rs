//! An autoencoder as the codec of a base: pictures of one side, latents scaled as diffusion has them.
//!
//! Tests: `tests/it/autoencoder_codec.rs`.

use super::cpu::CpuAutoencoder;
use super::files::Autoencoder;
use crate::error::{RequestError, Result};
use crate::unet::cpu::Scratch;

/// An autoencoder for square pictures.
#[derive(Debug)]
pub struct AutoencoderCodec {
    autoencoder: Autoencoder,
    network: CpuAutoencoder,
    image_size: usize,
    latent_rgb: Option<Vec<Vec<f32>>>,
}

impl AutoencoderCodec {
    /// For pictures of this side.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) for weights that do not fit; [`Error::Request`](crate::Error::Request) for a
    /// side that cannot be halved often enough.
    pub fn new(autoencoder: Autoencoder, image_size: usize) -> Result<Self> {
        let config = &autoencoder.config;
        let (channels, factor, size) = (config.in_channels, config.factor(), [image_size; 2]);
        if image_size == 0 || !image_size.is_multiple_of(factor) {
            return Err(RequestError::Autoencoded { values: 0, channels, size, factor }.into());
        }
        let network = CpuAutoencoder::new(config, &autoencoder.state)?;
        Ok(Self { autoencoder, network, image_size, latent_rgb: None })
    }

    /// With a linear map from latents to colours, as `digit_diffusion.json` has been found to have it.
    pub(crate) fn with_latent_rgb(self, latent_rgb: Option<Vec<Vec<f32>>>) -> Self {
        Self { latent_rgb, ..self }
    }

    /// Its files' contents.
    pub fn autoencoder(&self) -> &Autoencoder {
        &self.autoencoder
    }

    /// Side of its pictures.
    pub fn image_size(&self) -> usize {
        self.image_size
    }

    /// `[channels, height, width]` of the latents.
    pub fn latent_shape(&self) -> [usize; 3] {
        let config = &self.autoencoder.config;
        let side = self.image_size / config.factor();
        [config.latent_channels, side, side]
    }

    /// Pictures `[b, channels, image_size, image_size]` as the scaled means of their latents, `(mean - shift) * scale`.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) for values that are no whole pictures.
    pub fn encode(&self, pictures: &[f32]) -> Result<Vec<f32>> {
        let (scale, shift) = self.scale();
        let latents = self.network.encode(pictures, [self.image_size; 2], &mut Scratch::default())?;
        Ok(latents.mean.into_iter().map(|value| (value - shift) * scale).collect())
    }

    /// Scaled latents as pictures.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) for values that are no whole latents.
    pub fn decode(&self, latents: &[f32]) -> Result<Vec<f32>> {
        let [_, height, width] = self.latent_shape();
        self.network.decode(&self.unscaled(latents), [height, width], &mut Scratch::default())
    }

    /// Scaled latents as the decoder takes them.
    pub(crate) fn unscaled(&self, latents: &[f32]) -> Vec<f32> {
        let (scale, shift) = self.scale();
        latents.iter().map(|value| value / scale + shift).collect()
    }

    /// The same at almost no cost, and coarse: each latent's colour by a linear map, enlarged to the picture's size
    /// (bilinear, corners not aligned, as `torch.nn.functional.interpolate`). Known as latent2rgb, from Stable Diffusion's
    /// users: <https://discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204>. Decoded where the base
    /// has no map.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) for values that are no whole latents.
    pub fn preview(&self, latents: &[f32]) -> Result<Vec<f32>> {
        let Some(rows) = &self.latent_rgb else { return self.decode(latents) };
        let [channels, side, _] = self.latent_shape();
        let pixels = side * side;
        if !latents.len().is_multiple_of(channels * pixels) {
            let values = latents.len();
            return Err(RequestError::Autoencoded { values, channels, size: [side; 2], factor: 1 }.into());
        }
        let planes = latents.chunks_exact(channels * pixels).flat_map(|picture| {
            rows.iter().map(move |row| {
                let colour = |pixel: usize| {
                    let products = row.iter().enumerate().map(|(channel, factor)| match channel < channels {
                        true => factor * picture[channel * pixels + pixel],
                        false => *factor,
                    });
                    products.sum()
                };
                (0..pixels).map(colour).collect::<Vec<f32>>()
            })
        });
        Ok(planes.flat_map(|plane| enlarged(&plane, side, self.image_size)).collect())
    }

    fn scale(&self) -> (f32, f32) {
        let config = &self.autoencoder.config;
        (config.scaling_factor as f32, config.shift_factor.unwrap_or_default() as f32)
    }
}

/// A square plane of `side` as one of `size`.
fn enlarged(plane: &[f32], side: usize, size: usize) -> Vec<f32> {
    let between = |at: usize| {
        let place = ((at as f32 + 0.5) * side as f32 / size as f32 - 0.5).max(0.0);
        let first = (place as usize).min(side - 1);
        (first, (first + 1).min(side - 1), place - first as f32)
    };
    let columns: Vec<_> = (0..size).map(between).collect();
    let row = |at: usize, &(left, right, share): &(usize, usize, f32)| {
        plane[at * side + left] * (1.0 - share) + plane[at * side + right] * share
    };
    let mut large = Vec::with_capacity(size * size);
    for &(above, below, share) in &columns {
        large.extend(columns.iter().map(|column| row(above, column) * (1.0 - share) + row(below, column) * share));
    }
    large
}
