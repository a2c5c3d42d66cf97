//! Adapter files: those of PEFT, diffusers, kohya and LyCORIS, read and written.
//!
//! Tests: `tests/it/lora_files.rs`, `tests/it/adapter_names.rs`, `tests/it/patterns.rs`,
//! `tests/it/conversions.rs`.

mod blocks;
mod build;
mod config;
mod config_read;
mod config_write;
mod implied;
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

pub use blocks::in_blocks_of_peft;
pub use config::PeftConfig;
pub use implied::implied_base;
pub use kind::PeftType;
pub use patterns::Patterns;
pub use read::{is_of_adapter, read_adapter, read_adapter_partially};
pub use write_kohya::{write_kohya, write_lycoris};
pub use write_peft::{write_adapter, write_diffusers};
