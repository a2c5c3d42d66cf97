//! `--list-presets` and `--print-config`. Tests: in `trainer/tests/runs/repeat.rs`.

use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;
use trainer::config::{PRESETS, to_toml};
use trainer::messages::{emit, print};

/// Prints the presets: name, purpose, and the file.
pub fn list_presets() -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    for preset in &PRESETS {
        let lines: String = preset.text.lines().map(|line| format!("    {line}\n")).collect();
        // Writing to a String does not fail.
        let _ = write!(text, "{}: {}\n{lines}\n", preset.name, preset.purpose);
    }
    print(&format!("{}\n", text.trim_end()))?;
    let presets =
        PRESETS.iter().map(|preset| json!({ "name": preset.name, "purpose": preset.purpose, "toml": preset.text }));
    emit(json!({ "presets": presets.collect::<Vec<_>>() }))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a whole configuration as TOML; with `--json` as JSON.
pub fn print_config<T: Serialize>(config: &T) -> anyhow::Result<ExitCode> {
    emit(serde_json::to_value(config)?)?;
    print(&to_toml(config)?)?;
    Ok(ExitCode::SUCCESS)
}
