//! The lists of files that the service worker keeps for visits without a network: all that a browser may ask for, with their SHA-256.
//! What teaching takes it keeps once somebody has asked for it.
//!
//! They stand in `sw.js` itself, which browsers compare byte by byte: other lists are another service worker.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

pub const SCRIPT: &str = "sw.js";

/// The lines of `www/sw.js` in whose place the lists are put.
const PLACEHOLDER: &str = "const FILES = {} // the build lists them here\n";
const LATER: &str = "const LATER = {} // and these here\n";

/// What is fetched only when somebody teaches.
const TEACHING: [&str; 3] = ["training.js", "engine/training_bg.wasm", "engine/training-relaxed_bg.wasm"];

/// Whether a file of the site, by its path, is fetched only when somebody teaches.
pub fn is_for_teaching(file: &str) -> bool {
    TEACHING.contains(&file)
}

/// Fills in the lists of files in `dist`'s service worker.
pub fn list_files(dist: &Path) -> Result<()> {
    let path = dist.join(SCRIPT);
    let script = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    for line in [PLACEHOLDER, LATER] {
        ensure!(script.matches(line).count() == 1, "{SCRIPT} needs the line `{}` once", line.trim_end());
    }
    let mut files = Vec::new();
    collect(dist, &PathBuf::new(), &mut files)?;
    files.retain(|file| is_kept(file));
    files.sort();
    let (mut list, mut later) = (String::new(), String::new());
    for file in files {
        let hash = Sha256::digest(fs::read(dist.join(&file))?);
        let to = if is_for_teaching(&file) { &mut later } else { &mut list };
        to.push_str(&format!("  '{}': '{hash:x}',\n", address(&file)));
    }
    let script = script.replace(PLACEHOLDER, &format!("const FILES = {{\n{list}}}\n"));
    Ok(fs::write(path, script.replace(LATER, &format!("const LATER = {{\n{later}}}\n")))?)
}

/// A folder's index.html is asked for by the folder's name.
fn address(file: &str) -> &str {
    match file.strip_suffix("index.html") {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => folder,
        _ => file,
    }
}

/// Not kept: what no page asks for, and the models, which the manifest lists. Of the engine's builds, the service worker keeps its own.
fn is_kept(file: &str) -> bool {
    let is_for_people =
        [".d.ts", ".md", ".map"].iter().any(|ending| file.ends_with(ending)) || file.starts_with("LICENSE-");
    let is_for_tests = file.starts_with("engine/") && file.ends_with(".js"); // bundled into the worker
    let is_listed = file.starts_with("models/") && file != "models/manifest.json";
    !is_for_people && !is_for_tests && !is_listed && ![SCRIPT, "package.json"].contains(&file)
}

/// All files below `folder`, as paths of a URL.
fn collect(root: &Path, folder: &Path, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let path = folder.join(entry?.file_name());
        if root.join(&path).is_dir() {
            collect(root, &path, found)?;
        } else {
            found.push(path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_what_a_page_asks_for() {
        let dist = tempfile::tempdir().unwrap();
        for file in [
            "index.html",
            "page.js",
            "page.js.map",
            "page/zh.js",
            "package.json",
            "README.md",
            "LICENSE-MIT",
            "digit-diffusion.d.ts",
            "engine/engine.js",
            "engine/engine_bg.wasm",
            "engine/training.js",
            "engine/training_bg.wasm",
            "training.js",
            "models/manifest.json",
            "models/base/unet/config.json",
        ] {
            let path = dist.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let script = dist.path().join(SCRIPT);
        fs::write(&script, format!("// before\n{PLACEHOLDER}{LATER}// after\n")).unwrap();
        list_files(dist.path()).unwrap();
        let empty = format!("{:x}", Sha256::digest(b""));
        let files = ["engine/engine_bg.wasm", "", "models/manifest.json", "page.js", "page/zh.js"];
        let list = |files: &[&str]| files.iter().map(|file| format!("  '{file}': '{empty}',\n")).collect::<String>();
        let (list, later) = (list(&files), list(&["engine/training_bg.wasm", "training.js"]));
        assert_eq!(
            fs::read_to_string(&script).unwrap(),
            format!("// before\nconst FILES = {{\n{list}}}\nconst LATER = {{\n{later}}}\n// after\n")
        );
        let error = list_files(dist.path()).unwrap_err().to_string();
        assert!(error.contains("needs the line"), "{error}");
    }
}
