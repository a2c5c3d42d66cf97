//! Settings that a run is resumed with. Tests: in `trainer/tests/runs/resume.rs`.

use serde::Serialize;
use trainer::config::differences;

/// Refuses to resume a run with settings other than those it was started with, except those that `may_change`.
pub fn check_unchanged<T: Serialize>(started: &T, now: &T, may_change: &[&str]) -> anyhow::Result<()> {
    let changed: Vec<String> = differences(started, now)?
        .into_iter()
        .filter(|(name, _)| !may_change.contains(&name.as_str()))
        .map(|(_, text)| text)
        .collect();
    if !changed.is_empty() {
        anyhow::bail!("--resume goes on with the settings that the run was started with: {}", changed.join(", "));
    }
    Ok(())
}
