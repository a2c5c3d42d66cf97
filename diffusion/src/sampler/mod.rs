//! Samplers: from noise to a picture, step by step.
//!
//! A sampler is plain f32 arithmetic on host slices, the same on every platform; only the network runs
//! on the device. It follows diffusers' scheduler of the same name value by value.
//!
//! Tests: `tests/it/samplers.rs`.

mod ddim;
mod ddpm;
mod dpm;
mod euler;
mod kind;
mod step;
mod timesteps;

pub use kind::SamplerKind;
pub use step::Sampler;
