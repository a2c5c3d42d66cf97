//! Training's operations on feature maps `[pictures, height, width, channels]`, with gradients.
//!
//! | module | what it is |
//! |---|---|
//! | `cpu` | on slices of host memory, by the crate `cpu-kernels`; needs no tensor library |
//! | `settings` | shapes and settings |
//!
//! With the feature `burn`, they take part in burn's autodiff graph like burn's own. [`Ops`] says whose compute: burn's on any device, or
//! this project's.
//!
//! | module | what it is |
//! |---|---|
//! | `implementation` | [`Ops`], and which implementation that is on a device |
//! | `activation`, `attention`, `convolution`, `linear`, `norm`, `vectors` | the public functions: each chooses an implementation |
//! | `flex` | `cpu`, on burn's device flex |
//! | `webgpu`, `webgpu/shaders` | by WGSL shaders, on burn's device wgpu (feature `burn-wgpu`) |
//! | `composed` | by burn's operations, composed for GPUs |
//! | `operation` | an operation with a gradient of its own in burn's graph |
//!
//! Tests: `composed` has its own; `diffusion/src/ops/webgpu/tests.rs` compares shaders with `cpu`; `tests/it/operations.rs` compares `cpu` with burn.

#[cfg(feature = "burn")]
mod activation;
#[cfg(feature = "burn")]
mod attention;
#[cfg(feature = "burn")]
mod composed;
#[cfg(feature = "burn")]
mod convolution;
pub(crate) mod cpu;
#[cfg(feature = "burn")]
mod flex;
#[cfg(feature = "burn")]
mod implementation;
#[cfg(feature = "burn")]
mod linear;
#[cfg(feature = "burn")]
mod norm;
#[cfg(feature = "burn")]
mod operation;
pub(crate) mod settings;
#[cfg(feature = "burn")]
mod vectors;
#[cfg(feature = "burn-wgpu")]
mod webgpu;

#[cfg(feature = "burn")]
pub use activation::{geglu, silu};
#[cfg(feature = "burn")]
pub use attention::attention;
#[cfg(feature = "burn")]
pub use convolution::conv3x3;
#[cfg(feature = "burn")]
pub use implementation::Ops;
#[cfg(feature = "burn")]
pub use linear::{conv1x1, linear};
#[cfg(feature = "burn")]
pub use norm::{group_norm, layer_norm};
pub use settings::{GroupNormSettings, Resize};
#[cfg(feature = "burn")]
pub use vectors::{join, part};
