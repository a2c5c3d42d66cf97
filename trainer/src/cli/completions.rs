//! `trainer completions`: prints a shell's completions.

use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use super::print::print;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell to complete in
    shell: Shell,
}

/// Prints the script for `trainer`, which is this `command`.
pub fn run(args: Args, mut command: Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "trainer", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
