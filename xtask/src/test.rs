//! All tests: native ones, and the page's in a real browser.

use std::{
    fs,
    ops::AddAssign,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::{
    browser,
    command::{command, run_reading, say, shown},
    npm, site,
    toolchain::Toolchain,
    vulkan,
    workspace::{Workspace, cargo},
};

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Suite {
    /// `cargo test` over the whole workspace
    Native,
    /// The shaders that draw and train on a GPU, on one in software
    Shaders,
    /// The built page, in Chrome or Chromium
    Page,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count {
    passed: u64,
    failed: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs `suite`, or all, to the end and prints one line of summary. An error unless all passed.
pub fn run(workspace: &Workspace, suite: Option<Suite>) -> Result<()> {
    let wanted = |one| suite.is_none_or(|suite| suite == one);
    // What is missing is reported at once, not after minutes of other suites.
    let page = wanted(Suite::Page).then(|| page_tests(workspace)).transpose()?;
    let shaders = wanted(Suite::Shaders).then(|| shader_tests(workspace)).transpose()?;
    let mut count = Count::default();
    if wanted(Suite::Native) {
        count += native(workspace)?;
    }
    if let Some(tests) = shaders {
        say("running the shaders' tests (the first time compiles burn for wgpu, minutes)");
        count += cargo_test(tests)?;
    }
    if let Some(tests) = page {
        count += run_page(workspace, tests)?;
    }
    let Count { passed, failed } = count;
    println!("\n{passed} passed, {failed} failed");
    if failed > 0 {
        bail!("{failed} of {} tests failed", passed + failed);
    }
    Ok(())
}

fn native(workspace: &Workspace) -> Result<Count> {
    say("running the native tests");
    // cpu-kernels alone, too: in the workspace it uses AVX-512 where the machine has it, which most machines have not.
    let mut total = Count::default();
    for packages in [&["--workspace"][..], &["--package", "cpu-kernels"]] {
        let mut tests = command(cargo());
        tests.args(["test", "--release", "--no-fail-fast"]).args(packages).current_dir(&workspace.root);
        total += cargo_test(tests)?;
    }
    Ok(total)
}

fn shader_tests(workspace: &Workspace) -> Result<Command> {
    let mut tests = command(cargo());
    // Without --release: the time is the compiler's. The filter takes drawing's shaders and training's.
    tests
        .args(["test", "--locked", "--package", "diffusion", "--features", "burn-wgpu,wgpu", "--lib", "webgpu"])
        .current_dir(&workspace.root)
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    vulkan::provide(&mut tests)?;
    Ok(tests)
}

fn cargo_test(mut tests: Command) -> Result<Count> {
    let mut count = Count::default();
    let ok = run_reading(&mut tests, |line| {
        if let Some(result) = native_result(line) {
            count += result;
        }
    })?;
    settle(count, ok, &shown(&tests))
}

/// All but for the page, which takes minutes to build.
fn page_tests(workspace: &Workspace) -> Result<Command> {
    npm::require("testing the page")?;
    let folder = workspace.page_tests();
    let files = test_files(&folder)?;
    let browser = browser::find_or_install()?;
    say(format!("the page's browser is {}", browser.display()));
    Toolchain::find_or_install()?;
    npm::install(&folder, "testing and linting the page")?;

    let mut tests = command("node");
    tests
        // One browser at a time: a software GPU takes every core there is. A test that hangs ends after a quarter of an hour.
        .args(["--test", "--test-concurrency=1", "--test-timeout=900000"])
        // Readable for people, countable for us.
        .args(["--test-reporter=spec", "--test-reporter-destination=stdout"])
        .arg("--test-reporter=tap")
        .arg(format!("--test-reporter-destination={}", report(workspace).display()))
        .args(files)
        .current_dir(&workspace.root)
        .env("CHROME", browser);
    Ok(tests)
}

fn run_page(workspace: &Workspace, mut tests: Command) -> Result<Count> {
    tests.env("DIST", site::build(workspace)?);
    say("running the page's tests");
    let ok = run_reading(&mut tests, |_| {})?;
    let report = fs::read_to_string(report(workspace)).unwrap_or_default();
    settle(page_result(&report), ok, "node --test tests/page")
}

fn report(workspace: &Workspace) -> PathBuf {
    workspace.target.join("page-tests.tap")
}

/// A runner that fails without a failed test (it crashed, or did not compile) counts as one failure.
fn settle(mut count: Count, ok: bool, runner: &str) -> Result<Count> {
    if !ok && count.failed == 0 {
        say(format!("`{runner}` broke off"));
        count.failed = 1;
    }
    if ok && count == Count::default() {
        bail!("`{runner}` ran no test");
    }
    Ok(count)
}

fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<_> = folder
        .read_dir()
        .with_context(|| format!("cannot read {}", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    files.sort();
    if files.is_empty() {
        bail!("{} holds no *.test.mjs", folder.display());
    }
    Ok(files)
}

/// Reads "test result: ok. 3 passed; 0 failed; …".
fn native_result(line: &str) -> Option<Count> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let mut count = Count::default();
    for part in counts.split("; ") {
        match part.split_once(' ') {
            Some((number, "passed")) => count.passed = number.parse().ok()?,
            Some((number, "failed")) => count.failed = number.parse().ok()?,
            _ => {}
        }
    }
    Some(count)
}

/// Reads the last lines of a TAP report: "# pass 3" and so on.
fn page_result(tap: &str) -> Count {
    let number = |name: &str| -> u64 {
        tap.lines()
            .filter_map(|line| line.strip_prefix("# ")?.strip_prefix(name)?.trim().parse().ok())
            .next_back()
            .unwrap_or(0)
    };
    Count { passed: number("pass "), failed: number("fail ") + number("cancelled ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_cargo_are_read() {
        let line = "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(native_result(line), Some(Count { passed: 12, failed: 1 }));
        assert_eq!(native_result("test adds ... ok"), None);
    }

    #[test]
    fn results_of_node_are_read() {
        let tap = "ok 1 - a\n# tests 3\n# suites 0\n# pass 1\n# fail 1\n# cancelled 1\n# skipped 0\n";
        assert_eq!(page_result(tap), Count { passed: 1, failed: 2 });
    }

    #[test]
    fn a_runner_that_breaks_off_is_a_failure() {
        assert_eq!(settle(Count::default(), false, "x").unwrap().failed, 1);
        assert!(settle(Count::default(), true, "x").is_err());
    }
}
