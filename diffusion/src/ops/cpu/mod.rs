//! Operations with gradients on burn's CPU device flex, computed by the crate `cpu-kernels`.
//!
//! Tests: `tests/it/operations.rs` compares results and gradients with burn's.

mod attention;
mod bias;
mod convolution;
mod geglu;
mod linear;
mod norm;
mod slices;
mod strided_convolution;

pub use attention::AttentionOp;
pub use convolution::Conv3x3Op;
pub use geglu::GegluOp;
pub use linear::LinearOp;
pub use norm::{GroupNormOp, LayerNormOp};
pub use slices::call;
pub use strided_convolution::StridedConv3x3Op;
