//! Training's operations on feature maps `[pictures, height, width, channels]`, with gradients. [`Ops`] says whose: burn's own on any device, or
//! this project's, which take part in burn's autodiff graph like burn's.
//!
//! | module | what it is |
//! |---|---|
//! | `implementation` | [`Ops`], and which implementation that is on a device |
//! | `attention`, `convolution`, `linear`, `norm`, `vectors` | the public functions: each chooses an implementation |
//! | `cpu` | by the crate `cpu-kernels`, on burn's device flex |
//! | `webgpu`, `webgpu/shaders` | by WGSL shaders, on burn's device wgpu (feature `burn-wgpu`) |
//! | `composed` | by burn's operations, composed for GPUs |
//! | `operation` | an operation with a gradient of its own in burn's graph |
//!
//! Tests: `composed` has its own; `diffusion/src/ops/webgpu/tests.rs` compares shaders with `cpu`; `tests/it/operations.rs` compares `cpu` with burn.

mod attention;
mod composed;
mod convolution;
mod cpu;
mod implementation;
mod linear;
mod norm;
mod operation;
mod settings;
mod vectors;
#[cfg(feature = "burn-wgpu")]
mod webgpu;

pub use attention::{attention, geglu};
pub use convolution::conv3x3;
pub use implementation::Ops;
pub use linear::{conv1x1, linear};
pub use norm::{group_norm, layer_norm};
pub use settings::{GroupNormSettings, Resize};
pub use vectors::{join, part};
