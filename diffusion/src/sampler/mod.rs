//! Samplers: from noise to a picture, step by step.
//!
//! A sampler is plain f32 arithmetic on host slices, the same on every platform; only the network runs
//! on the device. It follows diffusers' scheduler of the same name value by value.
//!
//! Tests: `tests/it/samplers.rs`.

mod beta;
mod ddim;
mod ddpm;
mod dpm;
mod euler;
mod interface;
mod list;
mod sigmas;
mod solver;
mod timesteps;

pub use interface::Sampler;
pub use list::SamplerKind;
