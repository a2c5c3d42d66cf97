//! The network on a GPU through WebGPU for sampling, without a tensor library and without gradients.
//!
//! The mathematics is that of [`cpu`](super::cpu), in four WGSL shaders (`shaders/`). Feature maps are
//! `[pixels, channels]`; norms, activations and residuals are fused with the matrix products around them. What depends
//! on the class or on the timestep alone is computed on the host.
//!
//! | file | what it is |
//! |---|---|
//! | `device` | the GPU and its pipelines |
//! | `buffer`, `pack` | the parameters in one buffer; layer by layer |
//! | `host` | the parameters that stay on the host, and what is computed from them |
//! | `forward` | the forward: the walk over the packed layers, as a list of dispatches; `dispatch`: one of each shader |
//! | `pass` | a plan on the GPU: buffers, bindings, one upload and one read-back |
//! | `unet`, `run` | the network with its weights; a sampling run, which submits the forwards |
//!
//! An autoencoder's decoder is packed and run by [`autoencoder::webgpu`](crate::autoencoder::webgpu) with the same parts.
//!
//! Tests: in `forward.rs` and `pack.rs`; whole forwards in `tests.rs`, and in a browser in `tests/page/parity.test.mjs`.

mod buffer;
mod device;
mod dispatch;
mod forward;
mod host;
mod pack;
mod pass;
mod run;
#[cfg(all(test, feature = "burn-wgpu"))]
mod tests;
mod unet;

pub(crate) use buffer::WeightBuffer;
pub(crate) use dispatch::ClassOffsets;
pub(crate) use forward::Planner;
pub(crate) use pack::{PackedLayer, resnet};
pub(crate) use pass::{ErrorScopes, Pass, Shared, Sizes, pixels_first};
pub(crate) use unet::MOST_HEAD_CHANNELS;

pub use device::WebGpu;
pub use run::WebGpuRun;
pub use unet::WebGpuUNet;
