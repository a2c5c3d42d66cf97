//! The list of files that the service worker keeps for visits without a network: all that a browser may ask for, with their SHA-256.
//!
//! It stands in `sw.js` itself, which browsers compare byte by byte: another list is another service worker.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

pub const SCRIPT: &str = "sw.js";

/// The line of `www/sw.js` in whose place the list is put.
const PLACEHOLDER: &str = "const FILES = {} // the build lists them here\n";

/// Fills in the list of files in `dist`'s service worker.
pub fn list_files(dist: &Path) -> Result<()> {
    let path = dist.join(SCRIPT);
    let script = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(script.matches(PLACEHOLDER).count() == 1, "{SCRIPT} needs the line `{}` once", PLACEHOLDER.trim_end());
    let mut files = Vec::new();
    collect(dist, &PathBuf::new(), &mut files)?;
    files.retain(|file| is_kept(file));
    files.sort();
    let mut list = String::new();
    for file in files {
        let hash = Sha256::digest(fs::read(dist.join(&file))?);
        list.push_str(&format!("  '{}': '{hash:x}',\n", address(&file)));
    }
    Ok(fs::write(path, script.replace(PLACEHOLDER, &format!("const FILES = {{\n{list}}}\n")))?)
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
            "models/manifest.json",
            "models/base/unet/config.json",
        ] {
            let path = dist.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let script = dist.path().join(SCRIPT);
        fs::write(&script, format!("// before\n{PLACEHOLDER}// after\n")).unwrap();
        list_files(dist.path()).unwrap();
        let empty = format!("{:x}", Sha256::digest(b""));
        let files = ["engine/engine_bg.wasm", "", "models/manifest.json", "page.js", "page/zh.js"];
        let list: String = files.map(|file| format!("  '{file}': '{empty}',\n")).concat();
        assert_eq!(fs::read_to_string(&script).unwrap(), format!("// before\nconst FILES = {{\n{list}}}\n// after\n"));
        let error = list_files(dist.path()).unwrap_err().to_string();
        assert!(error.contains("needs the line"), "{error}");
    }
}
