//! Operations with gradients on burn's device wgpu, as WGSL shaders (`shaders/`) that burn launches between its own. A shader is compiled
//! once for each set of sizes that it meets.
//!
//! Tests: `diffusion/src/ops/webgpu/tests.rs` compares them with `cpu`, results and gradients.

mod attention;
mod convolution;
mod geglu;
mod launch;
mod linear;
mod matmul;
mod norm;
mod shader;
#[cfg(test)]
mod tests;
mod vectors;

pub use attention::AttentionOp;
pub use convolution::Conv3x3Op;
pub use geglu::GegluOp;
pub use launch::{call, vec4s_fit};
pub use linear::LinearOp;
pub use norm::{GroupNormOp, LayerNormOp, MAX_GROUP_NORM_CHANNELS};
pub use vectors::{join, part};
