//! Commands and their flags, one file for each command; what several share is in `data_args`, `device`, `load`, `precision`,
//! `print` and `training`. Tests: whole runs of the program, in `trainer/tests/runs`.

mod base;
mod completions;
mod convert;
mod data;
mod data_args;
mod device;
mod eval;
mod export;
mod factors;
mod inspect;
mod labels;
mod load;
mod lora;
mod merge;
mod precision;
mod print;
mod sample;
mod training;
mod usage;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use trainer::messages;
use trainer::ranks::Ranks;

pub use usage::parse;

/// Trains and samples a small class-conditional diffusion model, and LoRA adapters for it.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

/// How a command speaks: flags that all of them have.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Messages")]
struct Output {
    /// Print the result as JSON, for scripts: to stdout, and everything else to stderr
    #[arg(long, global = true)]
    json: bool,
    /// Say nothing but warnings and errors
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetch MNIST, check it, show a sheet of samples
    Data(data::Args),
    /// Train the base model
    #[command(allow_negative_numbers = true)]
    Base(base::Args),
    /// Fine-tune a LoRA adapter on a style or on a folder of pictures
    #[command(allow_negative_numbers = true)]
    Lora(lora::Args),
    /// Draw digits: a grid, single pictures, a film strip, an animation
    #[command(allow_negative_numbers = true)]
    Sample(sample::Args),
    /// Measure how good the digits are: read as asked, like real ones, varied, fit to learn from
    #[command(allow_negative_numbers = true)]
    Eval(eval::Args),
    /// Bake adapters into a base folder
    Merge(merge::Args),
    /// Write the folders and the manifest that the page loads
    Export(export::Args),
    /// Rewrite an adapter as PEFT's folder or as kohya's file
    Convert(convert::Args),
    /// Say what a file is: rank, alpha, targets, base, sizes
    Inspect(inspect::Args),
    /// Print a shell's completions
    Completions(completions::Args),
}

/// Runs a command.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    messages::set(cli.output.json, cli.output.quiet);
    if matches!(cli.command, Command::Base(_) | Command::Lora(_) | Command::Sample(_) | Command::Eval(_)) {
        Ranks::start()?;
    }
    match cli.command {
        Command::Data(args) => data::run(args),
        Command::Base(args) => base::run(args),
        Command::Lora(args) => lora::run(args),
        Command::Sample(args) => sample::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Merge(args) => merge::run(args),
        Command::Export(args) => export::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Completions(args) => completions::run(args, Cli::command()),
    }
}
