//! Firefox and WebKitGTK, in which a core of the page's tests runs, too: those that are here, or Debian's. None of them is a must.
//! Tests: tests/page/engines.test.mjs

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    apt,
    command::{on_path, say},
};

struct Engine {
    name: &'static str,
    parts: &'static [Part],
}

struct Part {
    package: &'static str,
    /// Its commands, of which one is enough.
    commands: &'static [&'static str],
    /// The variable that names it to the tests.
    variable: &'static str,
}

const ENGINES: [Engine; 2] = [
    Engine {
        name: "Firefox",
        parts: &[Part { package: "firefox-esr", commands: &["firefox-esr", "firefox"], variable: "FIREFOX" }],
    },
    Engine {
        name: "WebKitGTK",
        parts: &[
            Part { package: "webkit2gtk-driver", commands: &["WebKitWebDriver"], variable: "WEBKIT_DRIVER" },
            // It has no headless mode.
            Part { package: "xvfb", commands: &["Xvfb"], variable: "XVFB" },
        ],
    },
];

/// Variables and what they name. Installs what is missing where that asks nobody, and says which engines are left out.
pub fn find_or_install() -> Vec<(&'static str, PathBuf)> {
    let mut found = Vec::new();
    for Engine { name, parts } in ENGINES {
        let missing: Vec<_> =
            parts.iter().filter(|part| part.find().is_none()).map(|Part { package, .. }| *package).collect();
        if !missing.is_empty() && apt::here() {
            // Not every apt has them: Ubuntu's Firefox is a snap.
            if let Err(error) = apt::install(&missing, &format!("testing the page in {name}")) {
                say(format!("{error:#}"));
            }
        }
        match parts.iter().map(|part| Some((part.variable, part.find()?))).collect::<Option<Vec<_>>>() {
            Some(parts) => found.extend(parts),
            None => say(format!("the tests in {name} are left out: it is not here")),
        }
    }
    found
}

impl Part {
    fn find(&self) -> Option<PathBuf> {
        if let Some(named) = env::var_os(self.variable) {
            return Some(named.into());
        }
        self.commands.iter().copied().filter_map(on_path).find(|path| !is_snap(path))
    }
}

/// A snap reads no profile in the folder for temporary files.
fn is_snap(command: &Path) -> bool {
    command.starts_with("/snap") || fs::read_to_string(command).is_ok_and(|script| script.contains("/snap/"))
}
