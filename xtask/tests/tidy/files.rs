//! Reading the workspace's own files.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Files that people write and compilers, browsers or Python read.
pub const SOURCES: [&str; 8] = ["css", "html", "js", "mjs", "py", "rs", "ts", "wgsl"];

/// A crate's own Rust files, its tests left out.
pub fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = files(folder, &["rs"]);
    files.retain(|path| !path.ends_with("tests.rs") && !path.ends_with("testing.rs"));
    files
}

/// The files of these kinds in a folder of the workspace ("" is the whole); nothing that a tool has made or installed.
pub fn files(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root().join(folder), extensions, &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.')
            || path.is_dir() && name.starts_with("dist")
            || name == "target"
            || name == "node_modules"
        {
            continue;
        }
        if path.is_dir() {
            collect(&path, extensions, found);
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|one| *one == extension)) {
            found.push(path);
        }
    }
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// As it is named in messages, from the workspace's root.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
