//! A finished digit in few calls of the network, by the base's own rule, and by onnxruntime-web; how the page's picture follows
//! a slider.

use std::process::Stdio;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::{
    browser,
    command::{command, output},
    npm, serve, site,
    workspace::Workspace,
};

#[derive(Args)]
pub struct Options {
    /// How often each is measured; the medians of the rounds' ratios count
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How often the slider is moved
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..))]
    moves: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Whose digit it is: its name, and where it stands in the report.
const DIGITS: [(&str, &str); 4] = [
    ("the base's own rule", "usual"),
    ("turbo-4", "turbo-4"),
    ("turbo-2", "turbo-2"),
    ("onnxruntime-web, the rule's calls", "theirs"),
];

pub fn run_bench(workspace: &Workspace, options: &Options) -> Result<()> {
    npm::require("comparing engines in a browser")?;
    let browser = browser::find_or_install()?;
    npm::install(&workspace.page_tests(), "driving a browser")?;
    npm::install(&workspace.root.join("xtask/bench"), "comparing with onnxruntime-web")?;
    let (dist, _) = site::build_quietly(workspace)?;
    let server = serve::in_background(&dist)?;
    let report = output(
        command("node")
            .arg(workspace.root.join("xtask/bench/turbo.mjs"))
            .env("CHROME", browser)
            .env("MOVES", options.moves.to_string())
            .env("ROOT", &workspace.root)
            .env("ROUNDS", options.rounds.to_string())
            .env("SITE", format!("http://{server}/"))
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
    let spread = |value: &Value| ["median", "least", "most"].map(|name| value[name].as_f64().unwrap_or(f64::NAN));
    println!("{}", report["browser"].as_str().unwrap_or("a browser"));
    println!("{:<36}{:>8}", "one finished digit, one thread", "ms");
    for (name, kind) in DIGITS {
        let [median, least, most] = spread(&report["digit_ms"][kind]);
        println!("{name:<36}{median:>8.1}  {least:.1} to {most:.1}");
    }
    println!("\n{:<36}{:>8}", "in turns", "ratio");
    for ratio in report["ratios"].as_array().into_iter().flatten() {
        let side = |which: &str| ratio[which].as_str().and_then(|kind| DIGITS.iter().find(|(_, key)| *key == kind));
        let [first, second] = ["first", "second"].map(|which| side(which).map_or("", |(name, _)| *name));
        let [median, least, most] = spread(ratio);
        println!("{:<44}{median:>8.3}  of the rounds' {least:.3} to {most:.3}", format!("{first} / {second}"));
    }
    println!();
    for (turbo, measured) in report["slider"].as_object().into_iter().flatten() {
        let [median, _, most] = spread(&measured["followed_ms"]);
        println!(
            "{turbo} with a style: the picture follows a slider in {median:.0} ms, {most:.0} at most; {:.0} pictures a second while it \
             moves; {} tasks of the main thread over 50 ms, the longest {:.0} ms",
            measured["pictures_per_second"].as_f64().unwrap_or(f64::NAN),
            measured["long_tasks"],
            measured["longest_task_ms"].as_f64().unwrap_or(f64::NAN)
        );
    }
}
