//! Formatting, lints and documentation of everything that is not run: Rust with every set of features, JavaScript, third-party crates.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::{
    command::{command, on_path, run, say, shown},
    mpi, npm,
    toolchain::Toolchain,
    workspace::{Workspace, cargo},
};

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Part {
    /// rustfmt, clippy with every set of features, rustdoc
    Rust,
    /// ESLint and TypeScript over the page and its tests
    JavaScript,
    /// cargo-deny: licences, sources and versions of third-party crates
    Crates,
}

/// All that can be switched on. What `diffusion` is in a browser, with its feature wgpu and without burn, is linted with `web`.
const FEATURES: &str = "trainer/wgpu,diffusion/wgpu";
/// As far as an MPI library is here.
const FEATURES_WITH_MPI: &str = "trainer/wgpu,diffusion/wgpu,trainer/mpi";

/// What TypeScript checks together: the page with its worker, the service worker, the tests.
const PROJECTS: [&str; 3] = ["tsconfig.www.json", "tsconfig.service-worker.json", "tsconfig.json"];
const JAVASCRIPT: [&str; 4] = ["www", "tests/page", "xtask/bench", "xtask/bundle"];

/// Runs `part`, or all, to the end. An error unless nothing was found.
pub fn run_all(workspace: &Workspace, part: Option<Part>) -> Result<()> {
    let wanted = |one| part.is_none_or(|part| part == one);
    // What is missing is reported at once, not after minutes of other parts.
    if wanted(Part::JavaScript) {
        npm::require("linting JavaScript")?;
    }
    let mut found = Vec::new();
    if wanted(Part::JavaScript) {
        javascript(workspace, &mut found)?;
    }
    if wanted(Part::Crates) {
        crates(workspace, part.is_some(), &mut found)?;
    }
    if wanted(Part::Rust) {
        rust(workspace, &mut found)?;
    }
    if !found.is_empty() {
        bail!("these found something to mend:\n  {}", found.join("\n  "));
    }
    say("nothing to mend");
    Ok(())
}

fn rust(workspace: &Workspace, found: &mut Vec<String>) -> Result<()> {
    let cargo = |words: &[&str]| {
        let mut cargo = command(cargo());
        cargo.args(words).current_dir(&workspace.root);
        cargo
    };
    check(cargo(&["fmt", "--all", "--check"]), found);
    let features = match mpi::missing() {
        None => FEATURES_WITH_MPI,
        Some(missing) => {
            say(format!("the trainer's feature mpi is not checked: {missing}"));
            FEATURES
        }
    };
    // Tests are linted with everything. What is shipped is looked at without it, too.
    for part in [
        &["--workspace", "--all-targets", "--features", features][..],
        &["--package", "trainer"],
        &["--package", "diffusion", "--no-default-features", "--all-targets"],
    ] {
        let mut clippy = cargo(&["clippy", "--locked", "--release"]);
        clippy.args(part).args(["--", "--deny", "warnings"]);
        check(clippy, found);
    }
    let toolchain = Toolchain::find_or_install()?;
    let mut web = toolchain.cargo_lint();
    web.args(["--locked", "--package", "web", "--package", "web-training"])
        .current_dir(&workspace.root)
        .env("CARGO_TARGET_DIR", workspace.target.join(toolchain.target_folder()));
    check(web, found);
    let mut doc = cargo(&["doc", "--locked", "--release", "--workspace", "--no-deps", "--features", features]);
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    check(doc, found);
    Ok(())
}

fn javascript(workspace: &Workspace, found: &mut Vec<String>) -> Result<()> {
    let folder = workspace.page_tests();
    npm::install(&folder, "testing and linting the page")?;
    let node = |script: PathBuf| {
        let mut node = command("node");
        node.arg(script).current_dir(&workspace.root);
        node
    };
    let mut eslint = node(folder.join("node_modules/eslint/bin/eslint.js"));
    eslint.arg("--config").arg(folder.join("eslint.config.mjs")).args(["--max-warnings", "0"]).args(JAVASCRIPT);
    check(eslint, found);
    for project in PROJECTS {
        let mut tsc = node(folder.join("node_modules/typescript/bin/tsc"));
        tsc.arg("--project").arg(folder.join(project));
        check(tsc, found);
    }
    Ok(())
}

/// Optional unless asked for: building cargo-deny takes minutes, and tests check licences and sources, too.
fn crates(workspace: &Workspace, is_asked_for: bool, found: &mut Vec<String>) -> Result<()> {
    const BY_HAND: &str = "`cargo install --locked cargo-deny`";
    if on_path("cargo-deny").is_none() {
        if is_asked_for {
            bail!("third-party crates are checked by cargo-deny; install it with {BY_HAND}, then try again");
        }
        say(format!(
            "cargo-deny is not here, versions and advisories of crates are not checked; {BY_HAND} installs it"
        ));
        return Ok(());
    }
    let mut deny = command("cargo-deny");
    deny.args(["--workspace", "check", "licenses", "bans", "sources"]).current_dir(&workspace.root);
    check(deny, found);
    Ok(())
}

/// Runs a check with its findings shown; what failed is remembered, and the next ones run all the same.
fn check(mut command: std::process::Command, found: &mut Vec<String>) {
    say(shown(&command));
    if let Err(error) = run(&mut command) {
        found.push(format!("{error:#}"));
    }
}
