//! Drawing behind an autoencoder in the browser: this engine and onnxruntime-web on the same two networks.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::{
    bench_train::require_python,
    browser,
    command::{command, output, run, say},
    npm, serve, site,
    workspace::Workspace,
};

#[derive(Args)]
pub struct Options {
    /// How often each is measured; the medians of the rounds' ratios count
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// A Python that has torch, diffusers, onnx and onnxslim
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// What is compared: its name, and where it stands in the report.
const ROWS: [(&str, &str); 3] = [("guided step", "step"), ("decoding", "decode"), ("digit of 12 steps", "digit")];

pub fn run_bench(workspace: &Workspace, options: &Options) -> Result<()> {
    npm::require("comparing engines in a browser")?;
    require_python(&options.python)?;
    let browser = browser::find_or_install()?;
    npm::install(&workspace.page_tests(), "driving a browser")?;
    npm::install(&workspace.root.join("xtask/bench"), "comparing with onnxruntime-web")?;
    let folder = workspace.target.join("bench-ink");
    say("writing the networks as ONNX");
    run(command(&options.python)
        .arg(workspace.root.join("tests/fixtures/make_onnx.py"))
        .arg("--base")
        .arg(workspace.root.join("www/models/ink/base"))
        .arg("--out")
        .arg(folder.join("base.onnx"))
        .stdout(Stdio::null()))?;
    let (dist, _) = site::build_quietly(workspace)?;
    let server = serve::in_background(&dist)?;
    let report = output(
        command("node")
            .arg(workspace.root.join("xtask/bench/ink.mjs"))
            .env("CHROME", browser)
            .env("ONNX", &folder)
            .env("ROOT", &workspace.root)
            .env("ROUNDS", options.rounds.to_string())
            .env("SITE", format!("http://{server}/"))
            .stderr(Stdio::inherit()),
    )?;
    let report: Value = serde_json::from_str(&report).context("the measurement gave no report")?;
    if options.json {
        println!("{report:#}");
        return Ok(());
    }
    println!("{}", report["browser"].as_str().unwrap_or("a browser"));
    println!("{:<22}{:>12}{:>18}{:>8}", "ms, one thread", "this engine", "onnxruntime-web", "ratio");
    for (name, row) in ROWS {
        let of = |what: &str| report[row][what].as_f64().unwrap_or(f64::NAN);
        println!(
            "{name:<22}{:>12.1}{:>18.1}{:>8.2}  of the rounds' {:.2} to {:.2}",
            of("ours_ms"),
            of("theirs_ms"),
            of("ratio"),
            of("least"),
            of("most")
        );
    }
    Ok(())
}
