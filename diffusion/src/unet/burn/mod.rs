//! The network in burn: with gradients, on every device of burn's.
//!
//! Field names are diffusers' names, so that a parameter's path in the module tree is its name in the weights file (the
//! few exceptions are in `state.rs`).
//!
//! Tests: `tests/it/unet.rs` and `tests/it/operations.rs` against diffusers.

mod conditioning;
mod norm;
mod resnet;
mod state;
mod transformer;
mod unet;

pub use conditioning::class_rows;
pub(crate) use norm::GroupNorm;
pub(crate) use resnet::{Downsample, ResnetBlock, Upsample, new_conv1x1, new_conv3x3};
pub use state::{load_state, parameter_name, read_state, shapes, stable_id, with_parameters};
pub use unet::BurnUNet;
