//! dist/: the page and the engine in one static folder.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context, Result, bail};

use crate::{
    command::{command, run, say},
    models::Models,
    npm, service_worker,
    size::{self, Size},
    toolchain::Toolchain,
    wasm,
    workspace::Workspace,
};

const ENGINE: &str = "engine";
const MODELS: &str = "models";

/// dist/ is an npm package too (`www/package.json`), and a package brings its licences.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Builds what is out of date, shows the sizes, and returns dist/. `models` take the place of www/models.
pub fn build(workspace: &Workspace, models: Option<&Models>) -> Result<PathBuf> {
    let (dist, sizes) = build_with(workspace, models)?;
    size::print(&sizes);
    Ok(dist)
}

/// Builds the site with the shipped models, the sizes left to the caller.
pub fn build_quietly(workspace: &Workspace) -> Result<(PathBuf, BTreeMap<String, Size>)> {
    build_with(workspace, None)
}

fn build_with(workspace: &Workspace, models: Option<&Models>) -> Result<(PathBuf, BTreeMap<String, Size>)> {
    // Another build would replace what this one binds, copies or measures.
    let _held = workspace.hold()?;
    // What is missing is reported at once, not after minutes of compiling.
    Toolchain::find_or_install()?;
    let bundler = workspace.root.join("xtask/bundle");
    npm::require("building the page")?;
    npm::install(&bundler, "building the page")?;
    let engine = wasm::build(workspace)?;
    let dist = workspace.dist();
    let bundle = |site: &Path| run(command("node").arg(bundler.join("bundle.mjs")).arg(site));
    assemble(&workspace.root, &engine, &dist, models, bundle)?;
    say(format!("the page is in {}", dist.display()));
    let sizes = size::of_site(&dist, ENGINE, &workspace.target.join("sizes.json"))?;
    Ok((dist, sizes))
}

/// Puts `dist` together under another name and renames it, so that a half-copied page is never served. `bundle` makes few
/// scripts of many, in place, and fills in the models' words.
fn assemble(
    root: &Path,
    engine: &Path,
    dist: &Path,
    models: Option<&Models>,
    bundle: impl Fn(&Path) -> Result<()>,
) -> Result<()> {
    let www = root.join("www");
    if !www.join("index.html").is_file() {
        bail!("{} has no index.html", www.display());
    }
    let fresh = dist.with_extension(format!("new-{}", process::id()));
    let stale = dist.with_extension(format!("old-{}", process::id()));
    let put_together = || -> Result<()> {
        copy_folder(&www, &fresh)?;
        if let Some(models) = models {
            models.copy_over(&fresh.join(MODELS))?;
        }
        for file in LICENCES {
            fs::copy(root.join(file), fresh.join(file))?;
        }
        fs::create_dir_all(fresh.join(ENGINE))?;
        for file in wasm::FILES {
            fs::copy(engine.join(file), fresh.join(ENGINE).join(file))?;
        }
        bundle(&fresh)?;
        service_worker::list_files(&fresh)?;
        if dist.exists() {
            fs::rename(dist, &stale)?;
        }
        Ok(fs::rename(&fresh, dist)?)
    };
    let done = put_together();
    for leftover in [fresh, stale] {
        if leftover.exists() {
            fs::remove_dir_all(leftover)?;
        }
    }
    done.with_context(|| format!("cannot put together {}", dist.display()))
}

/// Copies everything but hidden files.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if fs::metadata(entry.path())?.is_dir() {
            copy_folder(&entry.path(), &to.join(name))?;
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_page_replaces_the_old_one_whole() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        let (www, engine, dist) = (folder.join("www"), folder.join("engine"), folder.join("dist"));
        for folder in [&www.join("models"), &www.join("page"), &engine, &dist] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(www.join("index.html"), "page").unwrap();
        fs::write(www.join(".hidden"), "").unwrap();
        fs::write(www.join("page/part.js"), "").unwrap();
        fs::write(www.join("models/manifest.json"), "{}").unwrap();
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/sw.js"), www.join("sw.js")).unwrap();
        fs::write(dist.join("removed.js"), "").unwrap();
        for file in LICENCES {
            fs::write(folder.join(file), "free").unwrap();
        }

        let bundle = |site: &Path| Ok(fs::rename(site.join("page/part.js"), site.join("page.js"))?);
        assert!(assemble(folder, &engine, &dist, None, bundle).is_err());
        assert!(dist.join("removed.js").exists(), "a failed build leaves the old page alone");

        for file in wasm::FILES {
            fs::write(engine.join(file), "").unwrap();
        }
        assemble(folder, &engine, &dist, None, bundle).unwrap();
        assert!(!dist.join("removed.js").exists());
        assert!(!dist.join(".hidden").exists());
        assert!(dist.join("models/manifest.json").exists());
        assert!(fs::read_to_string(dist.join("sw.js")).unwrap().contains("  'page.js': '"));
        assert!(wasm::FILES.iter().all(|file| dist.join("engine").join(file).exists()));
        assert!(LICENCES.iter().all(|file| dist.join(file).exists()));
        assert_eq!(fs::read_dir(folder).unwrap().count(), 3 + LICENCES.len(), "no other folder is left");
    }
}
