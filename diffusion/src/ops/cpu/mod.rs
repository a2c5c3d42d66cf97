//! Operations with gradients on slices of host memory, computed by the crate `cpu-kernels`: one arithmetic, which burn's graph calls on its
//! CPU device (`ops/flex`), and [`unet::gradients`](crate::unet::gradients) without burn.
//!
//! Tests: `tests/it/operations.rs` compares results and gradients with burn's.

mod add;
mod attention;
mod bias;
mod convolution;
mod geglu;
mod linear;
mod norm;
mod silu;
mod slices;
mod strided_convolution;

pub use add::{AddToEachOp, JoinOp};
pub use attention::AttentionOp;
pub use convolution::Conv3x3Op;
pub use geglu::GegluOp;
pub use linear::LinearOp;
pub use norm::{GroupNormOp, LayerNormOp};
pub use silu::SiluOp;
pub use slices::SliceOperation;
pub use strided_convolution::StridedConv3x3Op;
