//! Packages from npm, exactly those of a lockfile.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{
    apt,
    command::{command, on_path, output, run, say},
};

const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };
/// Vite, in one of the tests, and ESLint ask for it.
const OLDEST_NODE: (u32, u32) = (20, 19);
const DEBIAN_PACKAGES: [&str; 2] = ["nodejs", "npm"];

pub fn here() -> bool {
    on_path("node").is_some() && output(command(NPM).arg("--version")).is_ok()
}

/// Node and npm, new enough: those that are there, or Debian's; `what_for` begins the sentence "… needs Node.js".
pub fn require(what_for: &str) -> Result<()> {
    let by_hand = format!(
        "{what_for} needs Node.js {}.{} or newer, with npm; install it from https://nodejs.org, then try again",
        OLDEST_NODE.0, OLDEST_NODE.1
    );
    if !here() && apt::here() {
        apt::install(&DEBIAN_PACKAGES, what_for).with_context(|| by_hand.clone())?;
    }
    let version = output(command("node").arg("--version")).unwrap_or_default();
    match numbers(&version) {
        Some(found) if found >= OLDEST_NODE && here() => Ok(()),
        Some((major, minor)) if here() => bail!("{by_hand} (this machine has {major}.{minor})"),
        _ => bail!(by_hand),
    }
}

/// Makes `folder/node_modules` what `folder/package-lock.json` says; nothing to do when it is already.
pub fn install(folder: &Path, what_for: &str) -> Result<()> {
    let lock = fs::read(folder.join("package-lock.json"))
        .with_context(|| format!("{} has no package-lock.json", folder.display()))?;
    let installed = folder.join("node_modules/.installed");
    if fs::read(&installed).is_ok_and(|old| old == lock) {
        return Ok(());
    }
    say(format!("installing npm packages for {what_for}"));
    run(command(NPM)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(folder))?;
    fs::write(installed, lock)?;
    Ok(())
}

/// 20 and 19 of "v20.19.1".
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim().strip_prefix('v')?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_versions_are_read() {
        assert_eq!(numbers("v20.19.1\n"), Some((20, 19)));
        assert_eq!(numbers(""), None);
        assert!(numbers("v22.0.0") > Some(OLDEST_NODE));
    }
}
