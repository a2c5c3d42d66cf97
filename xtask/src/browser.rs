//! Chrome or Chromium for the page's tests: the one that is there, or Debian's.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{apt, command::on_path};

const NAMES: [&str; 5] = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome"];
/// Chromium, and one font: without any, a page has no text to show.
const DEBIAN_PACKAGES: [&str; 2] = ["chromium", "fonts-dejavu-core"];
const BY_HAND: &str = "the page's tests need Chrome or Chromium; install one, or name it in CHROME, then try again";

pub fn find_or_install() -> Result<PathBuf> {
    if let Some(named) = env::var_os("CHROME") {
        let named = PathBuf::from(named);
        if !named.is_file() {
            bail!("CHROME names {}, which is no file", named.display());
        }
        return Ok(named);
    }
    if let Some(browser) = find() {
        return Ok(browser);
    }
    if apt::here() {
        // Not every apt has it: Ubuntu's is a snap.
        apt::install(&DEBIAN_PACKAGES, "testing the page in a browser").context(BY_HAND)?;
        if let Some(browser) = find() {
            return Ok(browser);
        }
    }
    bail!(BY_HAND)
}

fn find() -> Option<PathBuf> {
    NAMES.into_iter().find_map(on_path).or_else(|| usual_places().into_iter().find(|place| place.is_file()))
}

fn usual_places() -> Vec<PathBuf> {
    if cfg!(target_os = "macos") {
        let home = env::home_dir().unwrap_or_default();
        ["Google Chrome", "Chromium", "Microsoft Edge"]
            .into_iter()
            .flat_map(|app| {
                let inside = format!("Applications/{app}.app/Contents/MacOS/{app}");
                [Path::new("/").join(&inside), home.join(&inside)]
            })
            .collect()
    } else if cfg!(windows) {
        ["ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA"]
            .into_iter()
            .filter_map(env::var_os)
            .flat_map(|folder| {
                [r"Google\Chrome\Application\chrome.exe", r"Microsoft\Edge\Application\msedge.exe"]
                    .map(|inside| Path::new(&folder).join(inside))
            })
            .collect()
    } else {
        Vec::new()
    }
}
