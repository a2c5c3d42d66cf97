//! The command line, taken apart by clap, and what is said of one that makes no sense. Tests: in `trainer/tests/runs/scripts.rs`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use trainer::messages;

use super::Cli;

/// The command that `args` name, the program's name first. Otherwise what was asked for (help, version) or what is wrong has been
/// said, and the program ends with this code.
pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Cli, ExitCode> {
    let args: Vec<OsString> = args.collect();
    Cli::try_parse_from(&args).map_err(|error| {
        let code = u8::try_from(error.exit_code()).unwrap_or(2);
        if !error.use_stderr() {
            // Where stdout is closed, nobody would read of the failure either.
            let _ = error.print();
            return ExitCode::from(code);
        }
        messages::set(args.iter().any(|arg| arg == "--json"), false);
        let text = error.render().to_string();
        messages::fail(text.trim_start_matches("error: ").trim_end(), code);
        ExitCode::from(code)
    })
}
