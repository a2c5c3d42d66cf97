//! How fast engine and trainer are.

use std::process::Stdio;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::{
    bench_ink, bench_native, bench_start, bench_teach, bench_train, browser,
    command::{command, output, say},
    npm, serve, site,
    size::Size,
    workspace::Workspace,
};

#[derive(Subcommand)]
pub enum Bench {
    /// The engine and onnxruntime-web, in turns, in headless Chromium
    Web(WebOptions),
    /// A step and the decoding of the base behind an autoencoder, and onnxruntime-web, in turns, in headless Chromium (needs a
    /// Python with torch, diffusers, onnx and onnxslim, which writes the same networks for it)
    Ink(bench_ink::Options),
    /// A first visit over slow lines, in headless Chromium: requests, bytes, time to the first digit
    Start(bench_start::Options),
    /// Drawing natively and PyTorch with diffusers, in turns (needs a Python with both)
    Native(bench_native::Options),
    /// The trainer and PyTorch with diffusers, in turns (needs a Python with both)
    Train(bench_train::Options),
    /// Training in headless Chromium and by the trainer, in turns, on a few drawings
    Teach(bench_teach::Options),
}

#[derive(Args)]
pub struct WebOptions {
    /// How often everything is measured; the medians count
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Where to compute
    #[arg(long, value_delimiter = ',', default_value = "cpu,webgpu")]
    devices: Vec<String>,
    /// Batches: twice the number of pictures, for guidance doubles it
    #[arg(long, value_delimiter = ',', default_value = "2,20")]
    batches: Vec<u32>,
    /// Generations over which memory is watched; 0 for none
    #[arg(long, default_value_t = 500)]
    soak: u32,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

pub fn run(workspace: &Workspace, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Web(options) => web(workspace, options),
        Bench::Ink(options) => bench_ink::run_bench(workspace, options),
        Bench::Start(options) => bench_start::run_bench(workspace, options),
        Bench::Native(options) => bench_native::run_bench(workspace, options),
        Bench::Train(options) => bench_train::run_bench(workspace, options),
        Bench::Teach(options) => bench_teach::run_bench(workspace, options),
    }
}

fn web(workspace: &Workspace, options: &WebOptions) -> Result<()> {
    let rounds = options.rounds;
    npm::require("comparing engines in a browser")?;
    let browser = browser::find_or_install()?;
    npm::install(&workspace.page_tests(), "driving a browser")?;
    npm::install(&workspace.root.join("xtask/bench"), "comparing with onnxruntime-web")?;
    let (dist, sizes) = site::build_quietly(workspace)?;
    let server = serve::in_background(&dist)?;
    say(format!("measuring in {}, {rounds} rounds (an emulated GPU takes minutes)", browser.display()));
    let report = output(
        command("node")
            .arg(workspace.root.join("xtask/bench/web.mjs"))
            .env("CHROME", browser)
            .env("BATCHES", options.batches.iter().map(u32::to_string).collect::<Vec<_>>().join(","))
            .env("DEVICES", options.devices.join(","))
            .env("ROOT", &workspace.root)
            .env("ROUNDS", rounds.to_string())
            .env("SITE", format!("http://{server}/"))
            .env("SOAK", options.soak.to_string())
            .stderr(Stdio::inherit()),
    )?;
    let mut report: Value = serde_json::from_str(&report).context("the measurement gave no report")?;
    if options.json {
        report["bytes"] = sizes.iter().map(|(name, size)| (name.clone(), bytes(*size))).collect();
        println!("{report:#}");
    } else {
        table(&report);
        crate::size::print(&sizes);
    }
    Ok(())
}

fn bytes(Size { raw, gzip, brotli }: Size) -> Value {
    json!({ "raw": raw, "gzip": gzip, "brotli": brotli })
}

/// What is compared: its name, where it stands in an engine's report, what to divide by, digits behind the point.
const ROWS: [(&str, &str, f64, usize); 9] = [
    ("ms per step, batch 2", "/ms_per_step/2", 1.0, 1),
    ("ms per step, batch 20", "/ms_per_step/20", 1.0, 1),
    ("start to first digit, ms", "/first_digit_ms", 1.0, 0),
    ("download raw, MB", "/download/raw", 1e6, 2),
    ("download gzip, MB", "/download/gzip", 1e6, 2),
    ("download brotli, MB", "/download/brotli", 1e6, 2),
    ("wasm memory, MB", "/wasm_bytes", 1e6, 1),
    ("dispatches per step", "/per_step/dispatches", 1.0, 0),
    ("read-backs per step", "/per_step/reads", 1.0, 0),
];

fn table(report: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    println!("{}, GPU: {}", text(&report["browser"]), text(&report["adapter"]));
    for (device, measured) in report["devices"].as_object().into_iter().flatten() {
        println!("\n{device:<26}{:>12}{:>18}{:>8}", "this engine", "onnxruntime-web", "ratio");
        for (name, pointer, unit, digits) in ROWS {
            let of = |engine: &str| measured[engine].pointer(pointer).and_then(Value::as_f64).map(|value| value / unit);
            if let (Some(ours), Some(theirs)) = (of("ours"), of("theirs")) {
                println!("{name:<26}{ours:>12.digits$}{theirs:>18.digits$}{:>8.2}", ours / theirs);
            }
        }
        let number = |pointer: &str| measured.pointer(pointer).and_then(Value::as_f64);
        if let (Some(peak), Some(reached)) = (number("/simd/peak_gflops"), number("/simd/reached_gflops")) {
            println!(
                "forward at {reached:.1} GFLOP/s, {:.2} of the {peak:.1} that a multiply-add loop reaches (what the network asks for counts; \
                 Winograd's convolutions do it with fewer)",
                reached / peak
            );
        }
        if let (Some(growth), Some(generations)) = (number("/soak/growth_bytes"), number("/soak/generations")) {
            println!("wasm memory grew by {growth:.0} bytes over {generations:.0} generations");
        }
    }
    cores(&report["cores"]);
    println!();
}

/// Through the class: one worker and as many as there are cores; the base and three styles.
fn cores(report: &Value) {
    if report.is_null() {
        return;
    }
    pairs(&report["batches"], ["one worker", &format!("{} workers", report["workers"])], ["one_ms", "all_ms"]);
    pairs(&report["styles"], ["the base", "three styles"], ["plain_ms", "styled_ms"]);
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    println!("three styles are switched on in {:.0} ms", number(&report["set_three_styles_ms"]));
    if let Some(soak) = report["soak"].as_object() {
        let [bytes, growth] = ["bytes", "growth_bytes"].map(|name| number(&soak[name]));
        println!(
            "the workers' wasm memory, {:.1} MB, grew by {growth:.0} bytes over {} generations",
            bytes / 1e6,
            soak["generations"]
        );
    }
}

/// What was measured in turns.
fn pairs(report: &Value, [first, second]: [&str; 2], fields: [&str; 2]) {
    println!("\n{:<26}{first:>12}{second:>18}{:>8}", "the class", "ratio");
    for (batch, measured) in report.as_object().into_iter().flatten() {
        let number = |name: &str| measured[name].as_f64().unwrap_or(f64::NAN);
        let [first, second] = fields.map(number);
        let [ratio, least, most] = ["ratio", "least", "most"].map(number);
        let name = format!("ms per step, batch {batch}");
        println!("{name:<26}{first:>12.1}{second:>18.1}{ratio:>8.2}  of the rounds' {least:.2} to {most:.2}");
    }
}
