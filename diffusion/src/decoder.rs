//! Latents to pictures, where a model computes: what a run ends with.
//!
//! Tests: in `diffusion/src/unet/webgpu/tests.rs`, and in a browser in `tests/page/parity.test.mjs`.

use crate::base::Base;
use crate::codec::Codec;
use crate::error::Result;
#[cfg(feature = "wgpu")]
use crate::{
    autoencoder::{AutoencoderCodec, WebGpuDecoder},
    unet::webgpu::WebGpu,
};
#[cfg(feature = "wgpu")]
use std::sync::Arc;

/// Pictures that a GPU decodes together: their maps are far larger than the latents of which the network takes a whole batch.
#[cfg(feature = "wgpu")]
const AT_ONCE: usize = 16;

/// What decodes a base's latents.
#[derive(Debug, Clone)]
pub enum Decoder {
    /// The base's codec, on the CPU.
    Codec(Codec),
    /// Its autoencoder, on a GPU.
    #[cfg(feature = "wgpu")]
    WebGpu {
        /// What scales the latents.
        codec: Arc<AutoencoderCodec>,
        /// The network.
        network: Arc<WebGpuDecoder>,
    },
}

impl Decoder {
    /// On the CPU.
    pub fn new(base: &Base) -> Self {
        Self::Codec(base.codec())
    }

    /// On a GPU, where there is a network for it that the shaders are made for; else on the CPU.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) for weights that do not fit the autoencoder's configuration.
    #[cfg(feature = "wgpu")]
    #[allow(clippy::arc_with_non_send_sync, reason = "in a browser wgpu's types stay on one thread")]
    pub fn on_gpu(base: &Base, gpu: &WebGpu) -> Result<Self> {
        let Some(codec) = &base.autoencoder else { return Ok(Self::new(base)) };
        let autoencoder = codec.autoencoder();
        match WebGpuDecoder::new(gpu, &autoencoder.config, &autoencoder.state) {
            Ok(network) => Ok(Self::WebGpu { codec: Arc::clone(codec), network: Arc::new(network) }),
            Err(crate::Error::WebGpuLimit(_)) => Ok(Self::new(base)),
            Err(error) => Err(error),
        }
    }

    /// The latents of any number of pictures, one after the other, as pictures. On the CPU it blocks.
    ///
    /// # Shapes
    /// b times [`Codec::latent_shape`] -> `[b, channels, image_size, image_size]`, about in [-1, 1]
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) for values that are no whole latents; [`Error::Device`](crate::Error::Device) for
    /// what a GPU refuses.
    pub async fn decode_async(&self, latents: &[f32]) -> Result<Vec<f32>> {
        match self {
            Self::Codec(codec) => {
                let each = latents.chunks_exact(codec.latent_len()).map(|latents| codec.decode(latents));
                Ok(each.collect::<Result<Vec<_>>>()?.concat())
            }
            #[cfg(feature = "wgpu")]
            Self::WebGpu { codec, network } => {
                let [channels, height, width] = codec.latent_shape();
                let mut pictures = Vec::new();
                for latents in codec.unscaled(latents).chunks(AT_ONCE * channels * height * width) {
                    pictures.extend(network.decode_async(latents, [height, width]).await?);
                }
                Ok(pictures)
            }
        }
    }
}
