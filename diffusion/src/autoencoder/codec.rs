//! An autoencoder as the codec of a base: pictures of one side, latents scaled as diffusion has them.
//!
//! Tests: `tests/it/autoencoder.rs`.

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
        Ok(Self { autoencoder, network, image_size })
    }

    /// Its files' contents.
    pub fn autoencoder(&self) -> &Autoencoder {
        &self.autoencoder
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
        let (scale, shift) = self.scale();
        let latents: Vec<f32> = latents.iter().map(|value| value / scale + shift).collect();
        let [_, height, width] = self.latent_shape();
        self.network.decode(&latents, [height, width], &mut Scratch::default())
    }

    fn scale(&self) -> (f32, f32) {
        let config = &self.autoencoder.config;
        (config.scaling_factor as f32, config.shift_factor.unwrap_or_default() as f32)
    }
}
