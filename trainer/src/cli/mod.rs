//! Commands and their flags, one file for each command; what several share is in `data_args`, `device`, `dialect`, `load`, `precision`,
//! `print` and `training`. Tests: whole runs of the program, in `trainer/tests/runs`.

mod adapter_args;
mod autoencoder;
mod base;
mod behind;
mod completions;
mod convert;
mod data;
mod data_args;
mod device;
mod dialect;
mod eval;
mod examples;
mod export;
mod extract;
mod factors;
mod flags;
mod headings;
mod inspect;
mod labels;
mod load;
mod lora;
mod lora_pictures;
mod man;
mod merge;
mod precision;
mod print;
mod reconstruct;
mod sample;
mod training;
mod turbo;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{CommandFactory, Parser, Subcommand};
use trainer::messages;
use trainer::ranks::Ranks;

/// What the program can compute with beside the CPU, each of which has to be built in.
const FEATURES: [(&str, bool); 3] =
    [("wgpu", cfg!(feature = "wgpu")), ("cuda", cfg!(feature = "cuda")), ("mpi", cfg!(feature = "mpi"))];

/// Version and features.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let features = match features() {
        none if none.is_empty() => "none".to_owned(),
        some => some.join(", "),
    };
    format!("{} (features: {features})", env!("CARGO_PKG_VERSION"))
});

fn features() -> Vec<&'static str> {
    FEATURES.iter().filter(|(_, built)| *built).map(|(name, _)| *name).collect()
}

/// Trains and samples a small class-conditional diffusion model, and LoRA adapters for it.
#[derive(Debug, Parser)]
#[command(name = "trainer", version = VERSION.as_str(), about, after_help = examples::PROGRAM, max_term_width = 120)]
pub struct Cli {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

/// How a command speaks: flags that all of them have.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = headings::MESSAGES)]
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
    #[command(after_help = examples::DATA)]
    Data(data::Args),
    /// Train the base model
    #[command(allow_negative_numbers = true, after_help = examples::BASE)]
    Base(base::Args),
    /// Train an autoencoder: what makes pictures small, and large again
    #[command(allow_negative_numbers = true, after_help = examples::AUTOENCODER)]
    Autoencoder(autoencoder::Args),
    /// Measure how like their originals pictures are after an autoencoder
    #[command(after_help = examples::RECONSTRUCT)]
    Reconstruct(reconstruct::Args),
    /// Fine-tune a LoRA adapter on a style or on a folder of pictures
    #[command(allow_negative_numbers = true, after_help = examples::LORA)]
    Lora(lora::Args),
    /// Teach an adapter to draw in two or four network calls
    #[command(allow_negative_numbers = true, after_help = examples::TURBO)]
    Turbo(turbo::Args),
    /// Draw digits: a grid, single pictures, a film strip, an animation
    #[command(allow_negative_numbers = true, after_help = examples::SAMPLE)]
    Sample(sample::Args),
    /// Measure how good the digits are: read as asked, like real ones, varied, fit to learn from
    #[command(allow_negative_numbers = true, after_help = examples::EVAL)]
    Eval(eval::Args),
    /// Bake adapters into a base folder
    #[command(after_help = examples::MERGE)]
    Merge(merge::Args),
    /// Write the folders and the manifest that the page loads
    #[command(after_help = examples::EXPORT)]
    Export(export::Args),
    /// Rewrite adapters in another dialect, of another rank, or several as one
    #[command(after_help = examples::CONVERT)]
    Convert(convert::Args),
    /// Make an adapter of the difference of two bases
    #[command(after_help = examples::EXTRACT)]
    Extract(extract::Args),
    /// Say what a file or folder is: an adapter, a base, a run, a picture, a data set
    #[command(after_help = examples::INSPECT)]
    Inspect(inspect::Args),
    /// Print a shell's completions
    #[command(after_help = examples::COMPLETIONS)]
    Completions(completions::Args),
    /// Print a manual page, or write all of them
    #[command(after_help = examples::MAN)]
    Man(man::Args),
}

/// The command line, with what is the same for all commands.
fn command() -> clap::Command {
    flags::completed(Cli::command())
}

/// What `args` ask for, the program's name first; what is to be said of others has been said, and the program ends with the code.
pub fn parse(args: &[OsString]) -> Result<Cli, ExitCode> {
    usage::parse(command(), args, &features())
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
        Command::Autoencoder(args) => autoencoder::run(args),
        Command::Reconstruct(args) => reconstruct::run(args),
        Command::Lora(args) => lora::run(args),
        Command::Turbo(args) => turbo::run(args),
        Command::Sample(args) => sample::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Merge(args) => merge::run(args),
        Command::Export(args) => export::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Extract(args) => extract::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Completions(args) => completions::run(args, command()),
        Command::Man(args) => man::run(args, command()),
    }
}
