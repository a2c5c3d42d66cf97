//! How fast engine and trainer are.

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    bench_train, browser,
    command::{command, output, say},
    npm, serve, site,
    size::Size,
    workspace::Workspace,
};

#[derive(Subcommand)]
pub enum Bench {
    /// The built engine in headless Chromium, on the CPU and on WebGPU in turns
    Web {
        /// How often everything is measured; the medians count
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// The trainer beside PyTorch with diffusers, in turns (needs a Python with both)
    Train(bench_train::Options),
}

pub fn run(workspace: &Workspace, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Web { rounds, json } => web(workspace, *rounds, *json),
        Bench::Train(options) => bench_train::run_bench(workspace, options),
    }
}

fn web(workspace: &Workspace, rounds: u32, json: bool) -> Result<()> {
    npm::require()?;
    let browser = browser::find_or_install()?;
    npm::install(&workspace.page_tests(), "driving a browser")?;
    let (dist, sizes) = site::build_quietly(workspace)?;
    let server = serve::in_background(&dist)?;
    say(format!("measuring in {}, {rounds} rounds (an emulated GPU takes minutes)", browser.display()));
    let report = output(
        command("node")
            .arg(workspace.root.join("xtask/bench/web.mjs"))
            .env("CHROME", browser)
            .env("MODULES", workspace.page_tests().join("package.json"))
            .env("ROUNDS", rounds.to_string())
            .env("URL", format!("http://{server}/")),
    )?;
    let mut report: Value = serde_json::from_str(&report).context("the measurement gave no report")?;
    if json {
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

fn table(report: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    println!("{}, GPU: {}", text(&report["browser"]), text(&report["adapter"]));
    println!(
        "{:<8}{:>16}{:>16}{:>16}{:>16}",
        "device", "first step, ms", "ms/step, b 2", "ms/step, b 20", "wasm memory, MB"
    );
    for device in report["devices"].as_array().into_iter().flatten() {
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        println!(
            "{:<8}{:>16.0}{:>16.1}{:>16.1}{:>16.1}",
            text(&device["device"]),
            number(&device["first_step_ms"]),
            number(&device["ms_per_step"]["2"]),
            number(&device["ms_per_step"]["20"]),
            number(&device["wasm_memory_bytes"]) / 1e6,
        );
    }
}
