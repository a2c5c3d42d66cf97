//! How soon a first visit has its digit, over slow lines.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use crate::{
    browser,
    command::{command, run, say},
    npm, site,
    workspace::Workspace,
};

#[derive(Args)]
pub struct Options {
    /// Another dist/ to compare with, measured in turns
    #[arg(long)]
    before: Option<PathBuf>,
    /// How often everything is measured; the medians count
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

pub fn run_bench(workspace: &Workspace, Options { before, rounds, json }: &Options) -> Result<()> {
    npm::require("measuring a visit in a browser")?;
    let browser = browser::find_or_install()?;
    npm::install(&workspace.page_tests(), "driving a browser")?;
    if let Some(before) = before {
        ensure!(before.join("index.html").is_file(), "{} has no index.html", before.display());
    }
    let (dist, _) = site::build_quietly(workspace)?;
    let sites: Vec<_> = before.iter().chain([&dist]).map(|site| site.to_string_lossy().into_owned()).collect();
    say(format!("measuring first visits in {}, {rounds} rounds", browser.display()));
    let mut node = command("node");
    node.arg(workspace.root.join("xtask/bench/start.mjs"))
        .env("CHROME", browser)
        .env("ROOT", &workspace.root)
        .env("ROUNDS", rounds.to_string())
        .env("SITES", sites.join(","));
    if *json {
        node.env("JSON", "1");
    }
    run(&mut node)
}
