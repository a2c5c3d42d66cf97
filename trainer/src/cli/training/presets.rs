//! `--list-presets` and `--print-config`. Tests: in `trainer/tests/runs/repeat.rs`.

use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;
use trainer::config::{PRESETS, to_toml};

use crate::cli::print::print;

/// Prints the presets: name, purpose, and the file.
pub fn list_presets() -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    for preset in &PRESETS {
        let lines: String = preset.text.lines().map(|line| format!("    {line}\n")).collect();
        // Writing to a String does not fail.
        let _ = write!(text, "{}: {}\n{lines}\n", preset.name, preset.purpose);
    }
    print(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a whole configuration as TOML.
pub fn print_config<T: Serialize>(config: &T) -> anyhow::Result<ExitCode> {
    print(to_toml(config)?.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
