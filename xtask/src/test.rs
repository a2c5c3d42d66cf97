//! All tests: native ones, those with MPI, the shaders', and the page's in real browsers.

use std::process::Command;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::{
    command::{command, run_reading, say, shown},
    count::{Count, settle},
    mpi,
    page_tests::PageTests,
    vulkan,
    workspace::{Workspace, cargo},
};

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Suite {
    /// `cargo test` over the whole workspace
    Native,
    /// Training and drawing by several MPI ranks on this machine, where an MPI library and libclang can be had
    Mpi,
    /// The shaders that draw and train on a GPU, on one in software
    Shaders,
    /// The built page, in Chrome or Chromium, its core in Firefox and WebKitGTK, too
    Page,
    /// The page's tests, and the package in every bundler and framework (fetches many npm packages; not part of all)
    Everywhere,
}

/// Runs `suite`, or all that is no part of another, to the end and prints one line of summary. An error unless all passed.
pub fn run(workspace: &Workspace, suite: Option<Suite>) -> Result<()> {
    let wanted = |one| suite.is_none_or(|suite| suite == one);
    // What is missing is reported at once, not after minutes of other suites.
    let everywhere = suite == Some(Suite::Everywhere);
    let page = (everywhere || wanted(Suite::Page)).then(|| PageTests::prepare(workspace, everywhere)).transpose()?;
    let without_mpi = if wanted(Suite::Mpi) { mpi::missing_after_install() } else { None };
    let with_mpi = wanted(Suite::Mpi) && without_mpi.is_none();
    let shaders = wanted(Suite::Shaders).then(|| shader_tests(workspace)).transpose()?;
    let mut count = Count::default();
    if wanted(Suite::Native) {
        count += native(workspace, with_mpi)?;
    } else if with_mpi {
        say("running the trainer's tests with MPI");
        count += cargo_test(mpi_tests(workspace))?;
    }
    if let Some(tests) = shaders {
        say("running the shaders' tests (the first time compiles burn for wgpu, minutes)");
        count += cargo_test(tests)?;
    }
    if let Some(tests) = page {
        count += tests.run(workspace)?;
    }
    let Count { passed, failed } = count;
    println!("\n{passed} passed, {failed} failed");
    if let Some(missing) = without_mpi {
        say(format!("the tests with MPI were left out: {missing}"));
    }
    if failed > 0 {
        bail!("{failed} of {} tests failed", passed + failed);
    }
    Ok(())
}

/// With MPI, its tests as well: the trainer, which takes minutes to compile, is compiled once for all. `cargo xtask lint` looks at
/// what it is without.
fn native(workspace: &Workspace, with_mpi: bool) -> Result<Count> {
    say("running the native tests");
    let whole: &[&str] = if with_mpi { &["--workspace", "--features", "trainer/mpi"] } else { &["--workspace"] };
    // cpu-kernels alone, too: in the workspace it uses AVX-512 where the machine has it, which most machines have not.
    let mut total = Count::default();
    for packages in [whole, &["--package", "cpu-kernels"]] {
        let mut tests = command(cargo());
        tests.args(["test", "--release", "--no-fail-fast"]).args(packages).current_dir(&workspace.root);
        total += cargo_test(tests)?;
    }
    Ok(total)
}

fn mpi_tests(workspace: &Workspace) -> Command {
    let mut tests = command(cargo());
    tests
        .args(["test", "--locked", "--release", "--package", "trainer", "--features", "mpi", "--test", "mpi"])
        .current_dir(&workspace.root);
    tests
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_cargo_are_read() {
        let line = "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(native_result(line), Some(Count { passed: 12, failed: 1 }));
        assert_eq!(native_result("test adds ... ok"), None);
    }
}
