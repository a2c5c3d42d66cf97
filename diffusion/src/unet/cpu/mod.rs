//! The network on the CPU for sampling, without a tensor library and without gradients.
//!
//! The mathematics is that of the network in burn. Feature maps are `[pixels, channels]`, so that convolutions, Linears
//! and attention all become matrix products of the crate `cpu-kernels`. What does not depend on the picture is computed
//! once per run (`precompute`); norms and activations are fused.
//!
//! | file | what it is |
//! |---|---|
//! | `unet` | packing, what a run precomputes, predictions |
//! | `forward` | the forward: the walk over the packed layers |
//! | `resnet`, `transformer`, `attention`, `layers` | the layers; `geometry`: which pixels a convolution's taps read |
//!
//! Tests: `tests/it/unet.rs` against diffusers, and in `unet.rs` beside this file.

mod attention;
mod forward;
mod geometry;
mod layers;
mod resnet;
mod scratch;
mod transformer;
mod unet;

pub(crate) use geometry::Geometry;
pub(crate) use layers::Linear;
pub(crate) use resnet::ResnetBlock;
pub use scratch::Scratch;
pub use unet::{ClassContext, CpuUNet};
