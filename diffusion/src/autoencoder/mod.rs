//! The autoencoder that latent diffusion works behind (arXiv 2112.10752, 3.1): diffusers' `AutoencoderKL`. An encoder makes
//! a picture small, a decoder makes it large again; what lies between are the latents.
//!
//! | module | what it is |
//! |---|---|
//! | [`topology`] | the layers of both halves, their order and names: what all else follows |
//! | [`parameters`], [`init`] | names and shapes of the parameters; starting weights |
//! | [`files`] | the folder `vae/`, as diffusers lays it out |
//! | [`codec`] | as the codec of a base |
//! | [`cpu`] | on the CPU, without gradients |
//! | `webgpu` | the decoder on a GPU (feature `wgpu`) |
//! | `burn` | with gradients, on burn's devices (feature `burn`) |
//!
//! Its configuration is [`AutoencoderConfig`](crate::config::AutoencoderConfig). ResNet blocks, norms and resampling are
//! those of [`unet`](crate::unet), without time.
//!
//! Tests: `tests/it/autoencoder.rs` against diffusers.

#[cfg(feature = "burn")]
pub mod burn;
pub mod codec;
pub mod cpu;
pub mod files;
pub mod init;
pub mod parameters;
pub mod topology;
#[cfg(feature = "wgpu")]
pub mod webgpu;

pub use codec::AutoencoderCodec;
pub use cpu::CpuAutoencoder;
pub use files::Autoencoder;
#[cfg(feature = "wgpu")]
pub use webgpu::WebGpuDecoder;

/// What the encoder says of pictures: for each latent the mean and the logarithm of the variance of a normal distribution
/// (arXiv 1312.6114, appendix B), both `[b, latent_channels, h, w]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Latents {
    /// The means: what a picture is encoded as.
    pub mean: Vec<f32>,
    /// The logarithms of the variances, in [`LOG_VARIANCE`].
    pub log_variance: Vec<f32>,
}

/// Where diffusers clamps the logarithm of the variance.
pub const LOG_VARIANCE: [f32; 2] = [-30.0, 20.0];
