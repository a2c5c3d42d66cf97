//! Everything around the code: building the page, serving it, testing it. Run as `cargo xtask <task>`.

mod apt;
mod bench;
mod bench_ink;
mod bench_native;
mod bench_start;
mod bench_teach;
mod bench_train;
mod bench_turbo;
mod bench_web;
mod browser;
mod command;
mod count;
mod engines;
mod lint;
mod models;
mod mpi;
mod npm;
mod page_tests;
mod serve;
mod service_worker;
mod site;
mod size;
mod test;
mod toolchain;
mod vulkan;
mod wasm;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use models::Models;
use workspace::Workspace;

/// Builds, serves and tests Digit Diffusion
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the page and serve it on this machine
    Demo {
        /// Port to serve on [default: 8080, or the next free one]
        #[arg(long)]
        port: Option<u16>,
        /// Only build
        #[arg(long)]
        no_serve: bool,
        /// A folder that `trainer export` wrote: its models instead of www/models, and their words
        #[arg(long, value_name = "DIR")]
        models: Option<PathBuf>,
    },
    /// Build the page into dist/, a static folder that any host can serve
    Build,
    /// Run the native tests, the trainer with MPI, the shaders on a (software) GPU, the page in real browsers
    Test {
        /// Run only this suite
        suite: Option<test::Suite>,
    },
    /// Check formatting, lints with every set of features, documentation, JavaScript and third-party crates
    Lint {
        /// Check only this part
        part: Option<lint::Part>,
    },
    /// Measure how fast engine and trainer are
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let workspace = Workspace::find()?;
    match task {
        Task::Build => site::build(&workspace, None).map(drop),
        Task::Demo { port, no_serve, models } => {
            // A taken port and models that cannot be served are reported now, not after minutes of building.
            let models = models.map(Models::check).transpose()?;
            let listener = if no_serve { None } else { Some(serve::listen(port)?) };
            let dist = site::build(&workspace, models.as_ref())?;
            listener.map_or(Ok(()), |listener| serve::serve(&dist, listener))
        }
        Task::Test { suite } => test::run(&workspace, suite),
        Task::Lint { part } => lint::run_all(&workspace, part),
        Task::Bench { bench } => bench::run(&workspace, &bench),
    }
}
