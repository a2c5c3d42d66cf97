//! What a network computes on a CPU, in vectors: AVX2 natively, SIMD128 in the browser. It knows no network. A crate of its own, so that the
//! browser's build can make this fast and everything else small.
//!
//! | module | what it is |
//! |---|---|
//! | [`matmul`], [`packed`] | the one kind of matrix product, and its right matrix |
//! | [`winograd`] | 3 x 3 convolutions with fewer multiplications |
//! | [`attention`] | attention with several heads, for training |
//! | [`rows`] | what is done pixel by pixel: norms, softmax, activations |
//! | [`gradients`] | backwards |
//! | [`optimizer`] | a step of AdamW with the moving average of the weights |
//! | [`buffers`] | memory that layers pass on to each other |
#![deny(missing_docs)]

pub mod activation;
pub mod attention;
pub mod buffers;
pub mod gradients;
mod math;
pub mod matmul;
pub mod norm;
pub mod optimizer;
pub mod packed_matrix;
mod simd;
pub mod softmax;
#[cfg(test)]
mod testing;
mod tile;
pub mod view;
pub mod winograd;

pub use simd::lanes;
