//! Training in the browser and by the trainer, on a few drawings.

use std::{fs, process::Stdio};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::{
    browser,
    command::{command, output, run, say},
    npm, serve, site,
    workspace::{Workspace, cargo},
};

#[derive(Args)]
pub struct Options {
    /// How often everything is measured; the medians count
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Steps of a measurement
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(6..))]
    steps: u32,
    /// Trainings over which memory is watched; 0 for none
    #[arg(long, default_value_t = 10)]
    soak: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run_bench(workspace: &Workspace, options: &Options) -> Result<()> {
    npm::require("training in a browser")?;
    let browser = browser::find_or_install()?;
    npm::install(&workspace.page_tests(), "driving a browser")?;
    let (dist, _) = site::build_quietly(workspace)?;
    say("building the trainer");
    run(command(cargo())
        .args(["build", "--locked", "--release", "--package", "trainer"])
        .current_dir(&workspace.root))?;
    let folder = workspace.target.join("bench-teach");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let server = serve::in_background(&dist)?;
    let report = output(
        command("node")
            .arg(workspace.root.join("xtask/bench/teach.mjs"))
            .env("CHROME", browser)
            .env("FOLDER", &folder)
            .env("ROOT", &workspace.root)
            .env("ROUNDS", options.rounds.to_string())
            .env("SITE", format!("http://{server}/"))
            .env("SOAK", options.soak.to_string())
            .env("STEPS", options.steps.to_string())
            .env("TRAINER", workspace.target.join("release/trainer"))
            .stderr(Stdio::inherit()),
    )?;
    let report: Value = serde_json::from_str(&report).context("the measurement gave no report")?;
    if options.json {
        println!("{report:#}");
    } else {
        table(&report);
    }
    Ok(())
}

fn table(report: &Value) {
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
    println!("{}", report["browser"].as_str().unwrap_or("a browser"));
    for (what, side) in
        [("trainer, one thread", "native"), ("browser, one worker", "one"), ("browser, all workers", "all")]
    {
        println!("{what:<22}{:>8.1} pictures/s", number(&format!("/images_per_second/{side}/median")));
    }
    for (what, ratio) in [("one worker / trainer", "one_of_native"), ("all workers / one", "all_of_one")] {
        let [median, least, most] = ["median", "least", "most"].map(|name| number(&format!("/{ratio}/{name}")));
        println!("{what:<22}{median:>8.2}  of the rounds' {least:.2} to {most:.2}");
    }
    println!(
        "20 drawings, defaults: {:.1} s, {:.0} of {:.0} steps; {:.0} tasks of the main thread over 50 ms, the longest {:.0} ms",
        number("/teaching/seconds"),
        number("/teaching/steps"),
        number("/teaching/total"),
        number("/teaching/long_tasks"),
        number("/teaching/longest_task_ms")
    );
    if let Some(growth) = report["page_heap_growth"].as_f64() {
        println!("the page's heap grew by {:.2} MB over the trainings", growth / 1e6);
    }
}
