//! Speed of drawing natively compared with PyTorch with diffusers: the same weights and batch, one thread each, in turns.

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

use crate::{
    bench_train::{median, require_python},
    command::{command, output, run, say},
    workspace::{Workspace, cargo},
};

/// Pictures that are drawn together, and steps that are measured each time.
const RUNS: [(usize, usize); 2] = [(1, 48), (10, 12)];

#[derive(Args)]
pub struct Options {
    /// How often each is measured; the medians count
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// A Python that has torch and diffusers
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run_bench(workspace: &Workspace, options: &Options) -> Result<()> {
    require_python(&options.python)?;
    say("building the trainer");
    run(command(cargo())
        .args(["build", "--locked", "--release", "--package", "trainer"])
        .current_dir(&workspace.root))?;
    let mut report = Vec::new();
    let mut what = String::new();
    for (pictures, steps) in RUNS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 1..=options.rounds {
            say(format!("{pictures} pictures, round {round} of {}", options.rounds));
            ours.push(trainer(workspace, pictures, steps)?);
            let (ms, about) = pytorch(workspace, options, pictures, steps)?;
            theirs.push(ms);
            what = about;
        }
        report.push((2 * pictures, median(ours), median(theirs)));
    }
    if options.json {
        let rows: Vec<Value> = report
            .iter()
            .map(|(batch, ours, theirs)| json!({ "batch": batch, "trainer_ms": ours, "pytorch_ms": theirs, "ratio": ours / theirs }))
            .collect();
        println!("{:#}", json!({ "ms_per_step": rows, "pytorch": what }));
        return Ok(());
    }
    println!("{:<24}{:>16}{:>18}{:>8}", "ms per step, one thread", "trainer sample", what, "ratio");
    for (batch, ours, theirs) in report {
        println!("{:<24}{ours:>16.2}{theirs:>18.2}{:>8.2}", format!("batch {batch}"), ours / theirs);
    }
    Ok(())
}

fn trainer(workspace: &Workspace, pictures: usize, steps: usize) -> Result<f64> {
    let labels: Vec<String> = (0..pictures).map(|i| (i % 10).to_string()).collect();
    let drawn = output(
        command(workspace.target.join("release/trainer"))
            .arg("sample")
            // Guidance at every step, as on the other side.
            .args(["--guidance", "2", "--guidance-start", "0", "--guidance-stop", "1", "--guidance-eta", "1"])
            .args(["--json", "--label", &labels.join(","), "--steps", &steps.to_string(), "--base"])
            .arg(workspace.root.join("www/models/base"))
            .arg("--out")
            .arg(workspace.target.join("bench-native.png")),
    )?;
    serde_json::from_str::<Value>(&drawn)?["ms_per_step"].as_f64().context("the trainer told no time")
}

fn pytorch(workspace: &Workspace, options: &Options, pictures: usize, steps: usize) -> Result<(f64, String)> {
    let report = output(
        command(&options.python)
            .arg(workspace.root.join("xtask/bench/native.py"))
            .arg(workspace.root.join("www/models/base"))
            .args(["--pictures", &pictures.to_string(), "--steps", &steps.to_string()]),
    )?;
    let report: Value = serde_json::from_str(report.lines().last().unwrap_or_default())?;
    let ms = report["ms_per_step"].as_f64().context("PyTorch told no time")?;
    Ok((ms, report["what"].as_str().unwrap_or("PyTorch").to_owned()))
}
