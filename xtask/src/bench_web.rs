//! Drawing in the browser: the engine, the class with one worker and with all, and onnxruntime-web, in turns.

use std::process::Stdio;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    browser,
    command::{command, output, say},
    npm, serve, site,
    size::Size,
    workspace::Workspace,
};

#[derive(Args)]
pub struct Options {
    /// How often everything is measured; the medians of the rounds' ratios count
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

pub fn run_bench(workspace: &Workspace, options: &Options) -> Result<()> {
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

/// What a visitor has of either: its name, where it stands in an engine's report, what to divide by, digits behind the point.
const ROWS: [(&str, &str, f64, usize); 6] = [
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
        println!("\n{device}");
        speeds(measured);
        println!("\n{:<36}{:>12}{:>18}{:>8}", "", "this engine", "onnxruntime-web", "ratio");
        for (name, pointer, unit, digits) in ROWS {
            let of = |engine: &str| measured[engine].pointer(pointer).and_then(Value::as_f64).map(|value| value / unit);
            if let (Some(ours), Some(theirs)) = (of("ours"), of("theirs")) {
                println!("{name:<36}{ours:>12.digits$}{theirs:>18.digits$}{:>8.2}", ours / theirs);
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
        memory("wasm memory", &measured["soak"]);
    }
    styles(&report["styles"]);
    memory("the wasm memory of all workers", &report["workers_soak"]);
    println!();
}

/// What each of the sides takes, and the ratios of those that are compared.
fn speeds(measured: &Value) {
    let cores = &measured["cores"];
    let name = |side: &str| match side {
        "ours" => "this engine".to_owned(),
        "class" => "the class, one worker".to_owned(),
        "workers" => format!("the class, {cores} workers"),
        "threads" => format!("onnxruntime-web, {cores} threads"),
        _ => "onnxruntime-web".to_owned(),
    };
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    println!("{:<36}{:>16}", "ms", "first digit");
    for side in ["ours", "class", "workers", "theirs", "threads"] {
        let Some(steps) = measured[side]["ms_per_step"].as_object() else { continue };
        let steps = steps.iter().map(|(batch, ms)| format!("step of {batch}: {:.1}", number(ms))).collect::<Vec<_>>();
        println!("{:<36}{:>16.0}  {}", name(side), number(&measured[side]["first_digit_ms"]), steps.join(", "));
    }
    println!("\nmedians of the rounds' ratios, the least and the most");
    for ratio in measured["ratios"].as_array().into_iter().flatten() {
        let [first, second] = ["first", "second"].map(|side| name(ratio[side].as_str().unwrap_or_default()));
        let figures = |what: &str, value: &Value| {
            let [median, least, most] = ["median", "least", "most"].map(|name| number(&value[name]));
            format!("{what} {median:.2} ({least:.2} to {most:.2})")
        };
        let batches = ratio["per_step"].as_object().into_iter().flatten();
        let mut all: Vec<String> = batches.map(|(batch, value)| figures(&format!("step of {batch}"), value)).collect();
        all.push(figures("first digit", &ratio["first_digit"]));
        println!("{first} / {second}: {}", all.join(", "));
    }
}

/// The base and three styles, through the class.
fn styles(report: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    for (batch, measured) in report["batches"].as_object().into_iter().flatten() {
        let [median, least, most] = ["median", "least", "most"].map(|name| number(&measured[name]));
        println!("three styles / the base, step of {batch}: {median:.2} ({least:.2} to {most:.2})");
    }
    if !report.is_null() {
        println!("three styles are switched on in {:.0} ms", number(&report["set_ms"]));
    }
}

fn memory(whose: &str, report: &Value) {
    if let (Some(growth), Some(generations)) = (report["growth_bytes"].as_f64(), report["generations"].as_f64()) {
        println!("{whose} grew by {growth:.0} bytes over {generations:.0} generations");
    }
}
