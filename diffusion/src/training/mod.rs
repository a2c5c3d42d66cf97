//! What training needs beside the network's gradients ([`unet::gradients`](crate::unet::gradients)), on host memory.
//!
//! Tests: in each file.

mod loss;

pub use loss::{LossKind, weighted_loss};
