//! What the architecture promises and the compiler does not check.

use std::path::{Path, PathBuf};

use crate::support::text;

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The mathematics reads no file, opens no connection, prints nothing, and is the same on every platform.
#[test]
fn diffusion_is_pure() {
    let files = sources(&workspace("diffusion/src"));
    assert!(files.len() > 15);
    for file in files {
        let source = text(&file);
        for banned in
            ["std::fs", "std::net", "std::env", "std::time", "println!", "target_arch", ".unwrap()", ".expect("]
        {
            assert!(!source.contains(banned), "{} has {banned}", file.display());
        }
    }
    let manifest = text(workspace("diffusion/Cargo.toml"));
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap();
    for banned in ["clap", "wasm-bindgen", "js-sys", "web-sys", "rand =", "getrandom"] {
        assert!(!dependencies.contains(banned), "diffusion depends on {banned}");
    }
}

/// Model code lives in `diffusion` alone.
#[test]
fn the_web_crate_does_no_mathematics() {
    for file in sources(&workspace("web/src")) {
        let source = text(&file);
        for banned in ["matmul", "softmax", "Conv2d", "alphas_cumprod"] {
            assert!(!source.contains(banned), "{} has {banned}", file.display());
        }
    }
}
