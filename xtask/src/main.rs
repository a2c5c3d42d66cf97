//! Everything around the code: building the page, serving it, testing it. Run as `cargo xtask <task>`.

mod apt;
mod bench;
mod browser;
mod command;
mod npm;
mod serve;
mod site;
mod size;
mod test;
mod toolchain;
mod wasm;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use wasm::Finish;
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
        #[command(flatten)]
        effort: Effort,
    },
    /// Build the page into dist/, a static folder that any host can serve
    Build {
        #[command(flatten)]
        effort: Effort,
    },
    /// Run the native tests, then the page's tests in a real browser
    Test {
        /// Run only this suite
        suite: Option<test::Suite>,
        #[command(flatten)]
        effort: Effort,
    },
    /// Measure how fast the engine is
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
    },
}

#[derive(Args)]
struct Effort {
    /// Leave the engine without wasm-opt's work: minutes sooner, a tenth larger and slower
    #[arg(long)]
    quick: bool,
}

impl Effort {
    fn finish(&self) -> Finish {
        if self.quick { Finish::Quick } else { Finish::Optimised }
    }
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
        Task::Demo { port, no_serve, effort } => {
            let dist = site::build(&workspace, effort.finish())?;
            if no_serve {
                return Ok(());
            }
            serve::serve(&dist, port)
        }
        Task::Build { effort } => site::build(&workspace, effort.finish()).map(drop),
        Task::Test { suite, effort } => test::run(&workspace, suite, effort.finish()),
        Task::Bench { bench } => bench::run(&workspace, &bench),
    }
}
