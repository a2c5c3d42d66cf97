//! Class-conditional diffusion with LoRA, the same code natively and in the browser.
//!
//! This crate holds all the mathematics and nothing else: it reads no file, opens no connection, prints
//! nothing. Files come in as bytes, noise comes from the caller's seed, and the device is a value
//! ([`burn::tensor::Device`]), never a type.
//!
//! | module | what it is |
//! |---|---|
//! | [`schedule`], [`noise`] | how pictures are noised, and the portable generator |
//! | [`unet`], [`config`], [`state`], [`init`] | the network, its configuration, its parameters by name |
//! | [`sampler`], [`prediction`], [`generate`] | from noise to pictures |
//! | [`lora`], [`peft`] | adapters: composing, merging, files |
//! | [`tensors`], [`diffusers`], [`codec`] | safetensors, base folders, pictures <-> latents |
//! | [`model`] | a loaded base with its adapters |
#![deny(missing_docs)]

pub mod codec;
pub mod config;
pub mod diffusers;
pub mod error;
pub mod generate;
pub mod init;
pub mod lora;
pub mod model;
pub mod noise;
pub mod peft;
pub mod prediction;
pub mod sampler;
pub mod schedule;
pub mod state;
pub mod tensors;
pub mod unet;

pub use error::{Error, Result};
pub use generate::{Generation, Request, Step};
pub use model::{Base, BaseFiles, Model, Update};
pub use sampler::SamplerKind;
