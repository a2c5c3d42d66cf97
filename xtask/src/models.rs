//! A models folder of one's own, as `trainer export` writes it: checked before minutes of building, and put in the place of the
//! shipped one. Tests: here; that the page draws with one, in `tests/page/own-words.test.mjs`.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};

const MANIFEST: &str = "manifest.json";
/// The layout that the page reads.
const FORMAT: &str = "digit-diffusion/1";
/// Where the page looks for the base; its downloads begin before the manifest is there.
const BASE: &str = "base/";
/// Files for people, taken along where they are there.
const FOR_PEOPLE: [&str; 3] = ["README.md", "LICENSE", "LICENSE.md"];
/// What export says of a base, by which a run's folder is known.
const RUN: &str = "digit_diffusion.json";

/// A folder whose manifest and files were checked.
#[derive(Debug)]
pub struct Models {
    folder: PathBuf,
    /// Relative to it.
    files: Vec<PathBuf>,
}

impl Models {
    /// Checks that everything is there that the manifest lists, with the bytes that it lists.
    pub fn check(folder: PathBuf) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let shown = folder.display();
        if !path.is_file() {
            let is_run = folder.join(RUN).is_file();
            let (what, base) = if is_run {
                ("a base, not a models folder", shown.to_string())
            } else {
                ("no models folder", "DIR".into())
            };
            bail!(
                "--models {shown} is {what}: it has no {MANIFEST}; `trainer export --base {base} --out my-models` makes one"
            );
        }
        let mut files = listed_in(&folder)?;
        files.extend(FOR_PEOPLE.iter().map(PathBuf::from).filter(|name| folder.join(name).is_file()));
        Ok(Self { folder, files })
    }

    /// Puts the files, and no others, into `models`.
    pub fn copy_over(&self, models: &Path) -> Result<()> {
        if models.exists() {
            fs::remove_dir_all(models)?;
        }
        for file in &self.files {
            let (from, to) = (self.folder.join(file), models.join(file));
            let folder = to.parent().context("a file without a folder")?;
            fs::create_dir_all(folder)?;
            fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
        Ok(())
    }
}

/// The manifest and the files that it lists, all checked, relative to `folder`; those of other bases that it lists, too.
fn listed_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let path = folder.join(MANIFEST);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: Value = serde_json::from_str(&text)
        .with_context(|| format!("{} is not JSON; write it anew with `trainer export`", path.display()))?;
    let format = manifest["format"].as_str().unwrap_or_default();
    ensure!(
        format == FORMAT,
        "{} has the format \"{format}\", not \"{FORMAT}\"; write it anew with `trainer export`",
        path.display()
    );
    let base = &manifest["base"]["path"];
    ensure!(base == BASE, "{} has its base in {base}, but the page looks for it in \"{BASE}\"", path.display());
    let adapters =
        manifest["adapters"].as_array().with_context(|| format!("{} has no list \"adapters\"", path.display()))?;
    let mut files = vec![PathBuf::from(MANIFEST)];
    for entry in std::iter::once(&manifest["base"]).chain(adapters) {
        let (Some(inside), Some(listed)) = (entry["path"].as_str(), entry["files"].as_object()) else {
            bail!("{} has an entry without a path or files; write it anew with `trainer export`", path.display());
        };
        for (name, facts) in listed {
            let file = Path::new(inside).join(name);
            must_be_inside(&path, &file)?;
            check_file(&folder.join(&file), facts)?;
            files.push(file);
        }
    }
    for base in manifest["bases"].as_array().into_iter().flatten() {
        let inside = base["path"].as_str().map(Path::new);
        let inside = inside.with_context(|| format!("{} lists a base without a path", path.display()))?;
        must_be_inside(&path, inside)?;
        ensure!(
            folder.join(inside).join(MANIFEST).is_file(),
            "{} lists the base {}, which is not there; export it beside the models again",
            path.display(),
            inside.display()
        );
        files.extend(listed_in(&folder.join(inside))?.into_iter().map(|file| inside.join(file)));
    }
    Ok(files)
}

fn must_be_inside(manifest: &Path, file: &Path) -> Result<()> {
    ensure!(
        file.components().all(|part| matches!(part, Component::Normal(_))) && file.components().next().is_some(),
        "{} lists {}, which lies outside of its folder",
        manifest.display(),
        file.display()
    );
    Ok(())
}

fn check_file(path: &Path, facts: &Value) -> Result<()> {
    let shown = path.display();
    let bytes = fs::read(path).with_context(|| format!("{MANIFEST} lists {shown}, which cannot be read"))?;
    let sum = format!("{:x}", Sha256::digest(&bytes));
    if facts["sha256"] != sum.as_str() || facts["bytes"] != bytes.len() {
        bail!("{shown} is not the file that {MANIFEST} lists (its SHA-256 or length differs); export the models again");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(folder: &Path) -> Value {
        fs::create_dir_all(folder.join("base/unet")).unwrap();
        fs::create_dir_all(folder.join("lora/mine")).unwrap();
        let files = [
            ("base/unet/config.json", "{}"),
            ("lora/mine/adapter.safetensors", "weights"),
            ("notes.txt", "not listed"),
        ];
        for (path, text) in files {
            fs::write(folder.join(path), text).unwrap();
        }
        fs::write(folder.join("README.md"), "# Letters").unwrap();
        let entry =
            |text: &str| serde_json::json!({ "bytes": text.len(), "sha256": format!("{:x}", Sha256::digest(text)) });
        serde_json::json!({
            "format": FORMAT,
            "base": { "path": BASE, "labels": ["A"], "files": { "unet/config.json": entry("{}") } },
            "adapters": [{ "name": "mine", "path": "lora/mine/", "files": { "adapter.safetensors": entry("weights") } }],
        })
    }

    #[test]
    fn what_is_listed_takes_the_place_of_the_shipped_models() {
        let temporary = tempfile::tempdir().unwrap();
        let (folder, models) = (temporary.path().join("mine"), temporary.path().join("site/models"));
        let manifest = export(&folder);
        fs::write(folder.join(MANIFEST), manifest.to_string()).unwrap();
        fs::create_dir_all(models.join("lora/outline")).unwrap();
        Models::check(folder).unwrap().copy_over(&models).unwrap();
        for file in [MANIFEST, "README.md", "base/unet/config.json", "lora/mine/adapter.safetensors"] {
            assert!(models.join(file).is_file(), "{file}");
        }
        assert!(!models.join("lora/outline").exists() && !models.join("notes.txt").exists());
    }

    #[test]
    fn other_bases_that_are_listed_go_with_them() {
        let temporary = tempfile::tempdir().unwrap();
        let (folder, models) = (temporary.path().join("mine"), temporary.path().join("models"));
        let mut manifest = export(&folder);
        let other = export(&folder.join("ink"));
        fs::write(folder.join("ink").join(MANIFEST), other.to_string()).unwrap();
        let mut listing = |path: &str| {
            manifest["bases"] = serde_json::json!([{ "path": path, "title": "Ink", "image_size": 64, "bytes": 2 }]);
            fs::write(folder.join(MANIFEST), manifest.to_string()).unwrap();
            Models::check(folder.clone())
        };
        listing("ink/").unwrap().copy_over(&models).unwrap();
        for file in [MANIFEST, "ink/manifest.json", "ink/base/unet/config.json", "ink/lora/mine/adapter.safetensors"] {
            assert!(models.join(file).is_file(), "{file}");
        }
        assert!(!models.join("ink/notes.txt").exists());
        assert!(format!("{:#}", listing("oil/").unwrap_err()).contains("lists the base oil/, which is not there"));
        assert!(format!("{:#}", listing("../ink/").unwrap_err()).contains("outside of its folder"));
    }

    #[test]
    fn what_cannot_be_served_is_told_in_one_sentence() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("mine");
        let refused = || {
            let message = format!("{:#}", Models::check(folder.clone()).unwrap_err());
            assert_eq!(message.lines().count(), 1, "{message}");
            message
        };
        assert!(refused().contains("is no models folder: it has no manifest.json"));
        let manifest = export(&folder);
        fs::write(folder.join(RUN), "{}").unwrap();
        assert!(refused().contains("is a base, not a models folder") && refused().contains("trainer export --base"));
        let write = |manifest: &Value| fs::write(folder.join(MANIFEST), manifest.to_string()).unwrap();
        fs::write(folder.join(MANIFEST), "{").unwrap();
        assert!(refused().contains("is not JSON"));
        let changed = |pointer: &str, value: Value| {
            let mut other = manifest.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            write(&other);
            refused()
        };
        assert!(changed("/format", "other/2".into()).contains("\"other/2\", not \"digit-diffusion/1\""));
        assert!(changed("/base/path", "mine/".into()).contains("the page looks for it in \"base/\""));
        assert!(changed("/adapters", Value::Null).contains("no list \"adapters\""));
        assert!(changed("/adapters/0/path", "../".into()).contains("outside of its folder"));
        write(&manifest);
        fs::write(folder.join("base/unet/config.json"), "[]").unwrap();
        assert!(refused().contains("is not the file that manifest.json lists"));
        fs::remove_file(folder.join("base/unet/config.json")).unwrap();
        assert!(refused().contains("cannot be read"));
    }
}
