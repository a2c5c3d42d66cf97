//! Class-conditional diffusion with LoRA, the same code natively and in the browser.
//!
//! This crate holds all the mathematics and nothing else: it reads no file, opens no connection, prints nothing. Files
//! come in as bytes, noise comes from the caller's seed, and where it computes is a value ([`Backend`]), never a type.
//!
//! ```
//! use diffusion::{Backend, Base, BaseFiles, Model, Request, codec::to_grey};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../www/models");
//! let text = |file: &str| std::fs::read_to_string(format!("{folder}/{file}"));
//! let base = Base::read(&BaseFiles {
//!     info: &text("base/digit_diffusion.json")?,
//!     unet_config: &text("base/unet/config.json")?,
//!     scheduler_config: &text("base/scheduler/scheduler_config.json")?,
//!     weights: &[&std::fs::read(format!("{folder}/base/unet/diffusion_pytorch_model.safetensors"))?],
//! })?;
//! let mut model = Model::new(base, Backend::Cpu)?;
//!
//! let weights = std::fs::read(format!("{folder}/lora/outline/adapter_model.safetensors"))?;
//! model.add_adapter("outline", &weights, Some(&text("lora/outline/adapter_config.json")?))?;
//! model.set_adapters([("outline".to_owned(), 0.8)].into())?;
//!
//! let run = model.generate(Request { num_inference_steps: 4, ..Request::new(7, 42) })?;
//! let codec = model.base().codec();
//! for step in run {
//!     let step = step?;
//!     let picture: Vec<u8> = codec.decode(&step.pred_original_sample)?.into_iter().map(to_grey).collect();
//!     assert_eq!(picture.len(), 28 * 28);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A request goes downwards only: [`request`] → [`pipeline`] → [`sampler`] and [`guidance`] → [`unet::backend`] → one of
//! the three networks.
//!
//! | module | what it is |
//! |---|---|
//! | [`base`], [`model`] | a base folder in memory; a base with its adapters on a backend |
//! | [`request`], [`pipeline`] | what to draw; one run, step by step |
//! | [`turbo`] | how an adapter is drawn with that was taught to draw in few steps |
//! | [`sampler`], [`guidance`], [`prediction`] | from noise to pictures |
//! | [`schedule`], [`noise`] | how pictures are noised; the portable generator |
//! | [`unet`] | the network: one topology, three implementations |
//! | [`autoencoder`] | from pictures to smaller latents and back, by a network of its own |
//! | [`ops`] | training's operations on feature maps, with gradients |
//! | [`training`] | what training needs beside the network's gradients |
//! | [`adapter`], [`peft`] | adapters: one file per kind, composing and merging; their files |
//! | [`config`], [`json`], [`state`], [`tensors`], [`codec`] | configurations, JSON as Python writes it, parameters by name, safetensors, pictures ↔ latents |
//! | [`quantized`], [`quantize`] | weights in fewer bits: packed tensors with scales; files of them |
//! | [`foreign`] | what a file is that is no safetensors file
#![deny(missing_docs)]

pub mod adapter;
pub mod autoencoder;
pub mod base;
pub mod codec;
pub mod config;
pub mod decoder;
pub mod error;
pub mod foreign;
pub mod guidance;
pub mod json;
pub mod model;
pub mod noise;
pub mod ops;
mod order;
pub mod peft;
pub mod pipeline;
pub mod prediction;
pub mod quantize;
pub mod quantized;
pub mod request;
pub mod sampler;
pub mod schedule;
pub mod state;
pub mod tensors;
pub mod training;
pub mod turbo;
pub mod unet;

pub use base::{Base, BaseFiles};
pub use decoder::Decoder;
pub use error::{Error, Result};
pub use model::{AdapterModule, Model};
pub use pipeline::{Generation, ModelInput, RowPredictor, Step};
pub use request::Request;
pub use sampler::SamplerKind;
pub use turbo::Turbo;
pub use unet::backend::Backend;
