//! The tests of the built page in real browsers: which files there are, which may run beside each other, what came of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::{Context, Result, bail};

use crate::{
    browser,
    command::{command, run_reading, say},
    count::{Count, settle},
    engines, npm, site,
    toolchain::Toolchain,
    workspace::Workspace,
};

/// What a file with tests on a GPU says. A software GPU takes every core there is.
const USES_GPU: &str = "webgpu: true";
/// Below the page's tests: every bundler and framework, each a project with packages of its own.
const EVERYWHERE: &str = "everywhere";
/// More at a time would compete for memory rather than for cores.
const MOST_AT_A_TIME: usize = 4;

/// All that is needed but for the page, which takes minutes to build.
pub struct PageTests {
    /// Run one after the other.
    runs: Vec<Run>,
}

struct Run {
    tests: Command,
    /// In TAP: countable for us, while people read another report.
    report: PathBuf,
}

impl PageTests {
    /// Finds or fetches what the tests need. With `everywhere`, they are the whole matrix.
    pub fn prepare(workspace: &Workspace, everywhere: bool) -> Result<Self> {
        npm::require("testing the page")?;
        let folder = workspace.page_tests();
        let mut files = test_files(&folder)?;
        if everywhere {
            files.extend(test_files(&folder.join(EVERYWHERE))?);
        }
        let browser = browser::find_or_install()?;
        say(format!("the page's browser is {}", browser.display()));
        let engines = engines::find_or_install();
        Toolchain::find_or_install()?;
        npm::install(&folder, "testing and linting the page")?;

        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (alone, beside): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| uses_gpu(file));
        let mut runs = Vec::new();
        for (name, at_a_time, files) in [("beside", cores.min(MOST_AT_A_TIME), beside), ("alone", 1, alone)] {
            if files.is_empty() {
                continue;
            }
            let report = workspace.target.join(format!("page-tests-{name}.tap"));
            let mut tests = command("node");
            tests
                // A test that hangs ends after a quarter of an hour.
                .args(["--test", &format!("--test-concurrency={at_a_time}"), "--test-timeout=900000"])
                .args(["--test-reporter=spec", "--test-reporter-destination=stdout", "--test-reporter=tap"])
                .arg(format!("--test-reporter-destination={}", report.display()))
                .args(files)
                .current_dir(&workspace.root)
                .env("CHROME", &browser)
                .envs(engines.iter().cloned());
            runs.push(Run { tests, report });
        }
        Ok(Self { runs })
    }

    /// Builds the page and runs all tests, whatever fails.
    pub fn run(self, workspace: &Workspace) -> Result<Count> {
        let dist = site::build(workspace, None)?;
        say("running the page's tests");
        let mut count = Count::default();
        for Run { mut tests, report } in self.runs {
            let ok = run_reading(tests.env("DIST", &dist), |_| {})?;
            let text = fs::read_to_string(&report).unwrap_or_default();
            left_out(&text).for_each(|what| say(format!("left out: {what}")));
            count += settle(counted(&text), ok, "node --test tests/page")?;
        }
        Ok(count)
    }
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

fn uses_gpu(file: &Path) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.contains(USES_GPU))
}

/// Reads the last lines of a TAP report: "# pass 3" and so on.
fn counted(tap: &str) -> Count {
    let number = |name: &str| -> u64 {
        tap.lines()
            .filter_map(|line| line.strip_prefix("# ")?.strip_prefix(name)?.trim().parse().ok())
            .next_back()
            .unwrap_or(0)
    };
    Count { passed: number("pass "), failed: number("fail ") + number("cancelled ") }
}

/// The tests that a TAP report skips, with the reasons: "ok 2 - WebKitGTK # SKIP it is not here".
fn left_out(tap: &str) -> impl Iterator<Item = String> {
    tap.lines().filter_map(|line| {
        let (test, reason) = line.trim_start().strip_prefix("ok ")?.split_once(" # SKIP")?;
        Some(format!("{}:{reason}", test.split_once(" - ")?.1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_node_are_read() {
        let tap = "ok 1 - a\n# tests 3\n# suites 0\n# pass 1\n# fail 1\n# cancelled 1\n# skipped 0\n";
        assert_eq!(counted(tap), Count { passed: 1, failed: 2 });
    }

    #[test]
    fn what_is_left_out_is_read() {
        let tap = "    ok 1 - draws\n    ok 2 - links # SKIP no display\nok 3 - Firefox # SKIP it is not here\n";
        assert_eq!(left_out(tap).collect::<Vec<_>>(), ["links: no display", "Firefox: it is not here"]);
    }
}
