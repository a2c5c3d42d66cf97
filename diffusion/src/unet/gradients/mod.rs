//! The network with gradients on the CPU, without a tensor library: training in a browser.
//!
//! A forward pass records its operations on a tape with what their gradients will read; going back over the tape gives the gradients
//! (reverse-mode differentiation). Only what leads to a wanted parameter is recorded, so that the way back ends at the first of them.
//! The operations are those of `ops::cpu`, which burn's graph calls too: the same numbers, but for sums that
//! burn adds in another order.
//!
//! | file | what it is |
//! |---|---|
//! | `unet` | the network with its weights; loss and gradients of a batch |
//! | `forward` | the forward: the walk over the layers |
//! | `tape` | what is recorded, and the way back |
//!
//! Tests: `tests/it/gradients.rs` against burn and PyTorch.

mod forward;
mod tape;
mod unet;

pub use cpu_kernels::buffers::Buffers;
pub use unet::{Batch, GradientUNet, Input, Picture};
