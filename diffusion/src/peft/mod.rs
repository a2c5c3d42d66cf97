//! Adapter files: PEFT folders and kohya's files read and written, diffusers' and LyCORIS' names read.
//!
//! Tests: `tests/it/lora_files.rs`, `tests/it/adapter_names.rs`, `tests/it/patterns.rs`.

mod config;
mod names;
mod pattern;
mod patterns;
mod read;
mod targets;
mod write_kohya;
mod write_peft;

pub use config::LoraConfig;
pub use patterns::Patterns;
pub use read::{implied_base, read_adapter};
pub use write_kohya::write_kohya;
pub use write_peft::write_adapter;
