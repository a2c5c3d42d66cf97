//! Adapter files: PEFT folders and kohya's files read and written, diffusers' and LyCORIS' read.
//!
//! Tests: `tests/it/lora_files.rs`, `tests/it/adapter_names.rs`, `tests/it/patterns.rs`.

mod build;
mod config;
mod config_read;
mod config_write;
mod kind;
mod kinds;
mod module;
mod names;
mod pattern;
mod patterns;
mod read;
mod targets;
mod write;
mod write_kohya;
mod write_peft;

pub use config::PeftConfig;
pub use kind::PeftType;
pub use patterns::Patterns;
pub use read::{implied_base, is_of_adapter, read_adapter, read_adapter_partially};
pub use write_kohya::write_kohya;
pub use write_peft::write_adapter;
