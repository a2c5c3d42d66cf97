//! Class-conditional diffusion with LoRA, the same code natively and in the browser.
//!
//! This crate holds all the mathematics and nothing else: it reads no file, opens no connection, prints
//! nothing. Files come in as bytes, noise comes from the caller's seed, and where it computes is a value
//! ([`Place`]), never a type.
//!
//! | module | what it is |
//! |---|---|
//! | [`schedule`], [`noise`] | how pictures are noised, and the portable generator |
//! | [`config`], [`spec`], [`state`], [`init`], [`embedding`] | the network's configuration, its parameters by name, what it is told |
//! | `ops` | operations on feature maps: burn's, or this project's own with gradients (feature `burn`) |
//! | `unet` | the network on burn's devices, with gradients (feature `burn`, on by default) |
//! | [`cpu`] | the network on the CPU for sampling, without burn |
//! | `gpu` | the network through WebGPU for sampling, without burn (feature `wgpu`) |
//! | [`layers`], [`fold`] | the order of the layers; what is multiplied out before a run |
//! | [`sampler`], [`prediction`], [`guidance`], [`generate`] | from noise to pictures |
//! | [`lora`], [`peft`] | adapters: composing, merging, files |
//! | [`tensors`], [`diffusers`], [`codec`] | safetensors, base folders, pictures <-> latents |
//! | [`model`] | a loaded base with its adapters |
#![deny(missing_docs)]

pub mod codec;
pub mod config;
pub mod cpu;
pub mod diffusers;
pub mod embedding;
pub mod error;
pub mod fold;
pub mod generate;
#[cfg(feature = "wgpu")]
pub mod gpu;
pub mod guidance;
pub mod init;
pub mod layers;
pub mod lora;
pub mod model;
mod network;
pub mod noise;
#[cfg(feature = "burn")]
pub mod ops;
pub mod peft;
pub mod prediction;
pub mod sampler;
pub mod schedule;
pub mod spec;
pub mod state;
pub mod tensors;
#[cfg(feature = "burn")]
pub mod unet;

pub use error::{Error, Result};
pub use generate::{Generation, Request, Step};
pub use model::{Base, BaseFiles, Model, Update};
pub use network::Place;
pub use sampler::SamplerKind;
