//! Training speed of the trainer compared with PyTorch with diffusers: the same network, batch and work a step, in turns.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::{
    command::{command, on_path, output, run, say},
    workspace::{Workspace, cargo},
};

/// Steps before the clock starts.
const WARM_UP: usize = 2;
/// Random pictures stand for real ones: speed does not depend on what is on them.
const PICTURES: usize = 4096;
const SIDE: usize = 28;
/// Of the pictures of an autoencoder.
const LARGE_SIDE: usize = 64;

/// What is trained.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    /// The base of 28 x 28 pixels
    Base,
    /// The base on the latents of the shipped autoencoder, encoded before
    Latents,
    /// An autoencoder, on squares of 32 pixels of grey pictures
    Autoencoder,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Latents => "latents",
            Self::Autoencoder => "autoencoder",
        }
    }

    fn side(self) -> usize {
        if self == Self::Autoencoder { LARGE_SIDE } else { SIDE }
    }

    /// By default that of the trainer, and of the shipped base on latents.
    fn batch_size(self) -> usize {
        match self {
            Self::Base => 128,
            Self::Latents => 64,
            Self::Autoencoder => 16,
        }
    }

    /// What the trainer is told.
    fn arguments(self, workspace: &Workspace) -> Vec<String> {
        let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match self {
            Self::Base => text(&["base"]),
            Self::Latents => {
                let autoencoder = workspace.root.join("www/models/ink/base");
                [text(&["base", "--ink", "--autoencoder"]), vec![autoencoder.display().to_string()]].concat()
            }
            Self::Autoencoder => text(&["autoencoder", "--crop", "32", "--crop-share", "1"]),
        }
    }
}

#[derive(Args)]
pub struct Options {
    /// What is trained
    #[arg(long, value_enum, default_value = "base")]
    kind: Kind,
    /// How often each is measured; the medians count
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Steps that are measured each time
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Pictures per step [default: 128; of latents 64, of an autoencoder 16]
    #[arg(long)]
    batch_size: Option<usize>,
    /// A Python that has torch and diffusers
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// One measurement.
struct Measured {
    images_per_second: f64,
    peak_bytes: Option<f64>,
}

pub fn run_bench(workspace: &Workspace, options: &Options) -> Result<()> {
    require_python(&options.python)?;
    say("building the trainer");
    run(command(cargo())
        .args(["build", "--locked", "--release", "--package", "trainer"])
        .current_dir(&workspace.root))?;
    let folder = workspace.target.join("bench-train");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    write_pictures(&folder, options.kind.side())?;
    let (mut ours, mut theirs, mut what) = (Vec::new(), Vec::new(), String::new());
    for round in 1..=options.rounds {
        say(format!("round {round} of {}", options.rounds));
        ours.push(trainer(workspace, options, &folder)?);
        let (measured, about) = pytorch(workspace, options, &folder)?;
        theirs.push(measured);
        what = about;
    }
    let batch_size = options.batch_size();
    let speed = |all: &[Measured]| median(all.iter().map(|one| one.images_per_second).collect());
    let peak = |all: &[Measured]| all.iter().filter_map(|one| one.peak_bytes).fold(0.0, f64::max) / 1e6;
    let ratio = speed(&ours) / speed(&theirs);
    if options.json {
        let report = json!({
            "kind": options.kind.name(),
            "batch_size": batch_size,
            "trainer": { "images_per_second": speed(&ours), "peak_mb": peak(&ours) },
            "pytorch": { "images_per_second": speed(&theirs), "peak_mb": peak(&theirs), "what": what },
            "ratio": ratio,
        });
        println!("{report:#}");
        return Ok(());
    }
    println!(
        "{:<40}{:>12}{:>16}",
        format!("{} training, batch {batch_size}", options.kind.name()),
        "img/s",
        "peak RSS, MB"
    );
    println!("{:<40}{:>12.1}{:>16.0}", "trainer", speed(&ours), peak(&ours));
    println!("{:<40}{:>12.1}{:>16.0}", what, speed(&theirs), peak(&theirs));
    println!("{:<40}{ratio:>12.2}", "ratio (higher is better)");
    Ok(())
}

impl Options {
    fn batch_size(&self) -> usize {
        self.batch_size.unwrap_or(self.kind.batch_size())
    }
}

pub fn require_python(python: &Path) -> Result<()> {
    let found = python.is_file() || python.to_str().is_some_and(|name| on_path(name).is_some());
    let has = |modules: &str| output(command(python).args(["-c", modules])).is_ok();
    if !found || !has("import torch, diffusers") {
        bail!(
            "{} has no torch and diffusers to compare with; `pip install torch diffusers` somewhere and name that Python with --python",
            python.display()
        );
    }
    Ok(())
}

/// A pair of IDX files with noise on the pictures.
fn write_pictures(folder: &Path, side: usize) -> Result<()> {
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let header = |dims: &[usize]| -> Vec<u8> {
        let sizes = dims.iter().flat_map(|&dim| (dim as u32).to_be_bytes());
        [0, 0, 8, dims.len() as u8].into_iter().chain(sizes).collect()
    };
    let mut images = header(&[PICTURES, side, side]);
    images.extend((0..PICTURES * side * side).map(|_| noise()));
    let mut labels = header(&[PICTURES]);
    labels.extend((0..PICTURES).map(|i| (i % 10) as u8));
    fs::write(folder.join("images-idx3"), images)?;
    fs::write(folder.join("labels-idx1"), labels)?;
    Ok(())
}

fn trainer(workspace: &Workspace, options: &Options, folder: &Path) -> Result<Measured> {
    let out = folder.join("run");
    let _ = fs::remove_dir_all(&out);
    let steps = WARM_UP + options.steps as usize;
    let mut trainer = command(workspace.target.join("release/trainer"));
    trainer
        .args(options.kind.arguments(workspace))
        .args(["--hold-out", "0", "--sample-every", "0", "--save-every", "0", "--log-every", "1"])
        .args(["--batch-size", &options.batch_size().to_string(), "--max-train-steps", &steps.to_string()])
        .arg("--data")
        .arg(folder.join("images-idx3"))
        .arg("--out")
        .arg(&out)
        .stderr(std::process::Stdio::null());
    let mut child = trainer.spawn().context("cannot start the trainer")?;
    let mut peak_bytes = None;
    let status = loop {
        peak_bytes = peak_memory(child.id()).or(peak_bytes);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::sleep(Duration::from_millis(50));
    };
    if !status.success() {
        bail!("the trainer ended with {status}");
    }
    let metrics = fs::read_to_string(out.join("metrics.jsonl"))?;
    let seconds = metrics
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line)?["seconds"].as_f64().context("a line of metrics has no seconds")
        })
        .collect::<Result<Vec<f64>>>()?;
    let (Some(from), Some(to)) = (seconds.get(WARM_UP - 1), seconds.last()) else {
        bail!("the trainer logged {} steps of {steps}", seconds.len());
    };
    Ok(Measured { images_per_second: f64::from(options.steps) * options.batch_size() as f64 / (to - from), peak_bytes })
}

/// The largest resident size so far, where the system tells.
fn peak_memory(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0)
}

fn pytorch(workspace: &Workspace, options: &Options, folder: &Path) -> Result<(Measured, String)> {
    let report = output(
        command(&options.python)
            .arg(workspace.root.join("xtask/bench/train.py"))
            .arg(folder.join("run"))
            .args(["--kind", options.kind.name(), "--batch-size", &options.batch_size().to_string()])
            .args(["--warm-up", &WARM_UP.to_string(), "--steps", &options.steps.to_string()]),
    )?;
    let report: Value = serde_json::from_str(&report).context("PyTorch's side gave no report")?;
    let images_per_second = report["images_per_second"].as_f64().context("PyTorch's side gave no speed")?;
    let what = report["what"].as_str().unwrap_or("PyTorch").to_owned();
    Ok((Measured { images_per_second, peak_bytes: report["peak_bytes"].as_f64() }, what))
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
