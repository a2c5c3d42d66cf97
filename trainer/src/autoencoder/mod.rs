//! An autoencoder: training, what it makes of pictures, its folder.
//!
//! | file | what |
//! |---|---|
//! | `pictures` | what it learns: pictures of any number of channels, such as digits in ink |
//! | `encoded` | pictures as its latents, for the base behind it |
//! | `loss` | the loss of a part of a batch, in burn's graph |
//! | `training` | the run: steps, checkpoint, validation |
//! | `measure` | how like their originals reconstructions are; the scale of the latents |
//! | `folder` | `vae/` on disk |
//!
//! Network and files are those of [`diffusion::autoencoder`]; optimizer, gradients and checkpoint those of [`crate::train`].
//! Tests: in the files, and whole runs in `trainer/tests/runs/autoencoder.rs`.

mod encoded;
mod folder;
mod loss;
mod measure;
mod pictures;
mod preview;
mod training;

pub use encoded::{Encoded, Encoding};
pub use folder::{holds_autoencoder, read_autoencoder, write_autoencoder};
pub use measure::{Likeness, Reconstructed, latent_deviation, reconstruct};
pub use pictures::{Inked, Media, Pictures};
pub use preview::latent_rgb;
pub use training::AutoencoderRun;
