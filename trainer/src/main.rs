//! `trainer`: the command line.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// The system's allocator gives large blocks back after every operation and gets them anew, page by page;
/// training makes and drops hundreds of megabytes a second.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
