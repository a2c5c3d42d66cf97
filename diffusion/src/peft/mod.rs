//! Adapter files: PEFT folders and kohya's files read and written, diffusers' names read.
//!
//! Tests: `tests/it/lora_files.rs`.

mod config;
mod names;
mod read;
mod write_kohya;
mod write_peft;

pub use config::LoraConfig;
pub use read::{implied_base, read_adapter};
pub use write_kohya::write_kohya;
pub use write_peft::write_adapter;
