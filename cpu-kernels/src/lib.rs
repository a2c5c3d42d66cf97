//! SIMD kernels of a neural network on CPUs: AVX2 and AVX-512 natively, SIMD128 in the browser. On slices of `f32`; it knows neither networks
//! nor tensors. A crate of its own, so that the browser's build can optimise it for speed and everything else for size.
//!
//! | module | what it is |
//! |---|---|
//! | [`matmul`], [`packed_matrix`], [`view`] | the matrix product that linear layers, attention and convolutions become |
//! | [`winograd`] | 3 x 3 convolutions of stride 1 with fewer multiplications |
//! | [`attention`] | multi-head attention, for training |
//! | [`norm`], [`softmax`], [`activation`] | GroupNorm and LayerNorm; softmax; SiLU and GEGLU |
//! | [`gradients`] | the gradients of these |
//! | [`optimizer`] | a step of AdamW, with an EMA of the weights |
//! | [`vectors`] | sums and products of vectors |
//! | [`buffers`] | memory that layers reuse |
//! | `simd`, `math`, `tile` | vectors, functions of vectors, tiles of products |
//!
//! Feature maps are `[batch, height, width, channels]`, row-major.
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
pub mod vectors;
pub mod view;
pub mod winograd;

pub use simd::lanes;
