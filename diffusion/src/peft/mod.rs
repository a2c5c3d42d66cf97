//! Adapter files: PEFT folders and kohya's files read and written, diffusers' names read.
//!
//! Tests: `tests/it/lora_files.rs`.

mod config;
mod kohya;
mod names;
mod read;
mod write;

pub use config::LoraConfig;
pub use kohya::write_kohya;
pub use read::{implied_base, read_adapter};
pub use write::write_adapter;
