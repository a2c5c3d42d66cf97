//! `trainer completions`: prints a shell's completions. Tests: in `trainer/tests/runs/scripts.rs`.

use std::process::ExitCode;

use clap::Command;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;
use diffusion::SamplerKind;
use trainer::config::PRESETS;
use trainer::messages::{emit, json};
use trainer::styles::STYLES;

use super::print::print;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell to complete in
    shell: Shell,
}

/// Prints the script for `trainer`, which is this `command`.
pub fn run(args: Args, command: Command) -> anyhow::Result<ExitCode> {
    let mut command = command.mut_subcommands(|command| with_names(command, args.shell));
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "trainer", &mut script);
    let script = String::from_utf8_lossy(&script);
    match json() {
        true => emit(serde_json::json!({ "shell": args.shell.to_string(), "script": script }))?,
        false => print(&script)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Names of presets, styles and samplers, which the parser takes among other values. Bash completes files where no name fits;
/// other shells would not, so paths come first there.
fn with_names(command: Command, shell: Shell) -> Command {
    let name = command.get_name().to_owned();
    command.mut_args(|arg| {
        let names: Vec<&'static str> = match arg.get_id().as_str() {
            "config" => PRESETS.iter().map(|preset| preset.name).collect(),
            "data" if name == "lora" && shell == Shell::Bash => STYLES.iter().map(|style| style.name).collect(),
            "style" => STYLES.iter().map(|style| style.name).collect(),
            "sampler" => SamplerKind::ALL.iter().map(|kind| kind.name()).collect(),
            _ => return arg,
        };
        arg.value_parser(PossibleValuesParser::new(names))
    })
}
