//! The list of further bases that a page offers, in the manifest of its models folder. Tests: in `trainer/tests/runs/latents.rs`.

use std::path::{Component, Path};

use diffusion::config::ModelInfo;
use serde_json::{Map, Value, json};
use trainer::files::{read, write_atomic};
use trainer::messages::shown;

/// The list of a models folder's files.
pub const MANIFEST: &str = "manifest.json";
pub const BASES: &str = "bases";

/// What another models folder is to list.
pub struct Listing {
    /// Of the folder that is written, within the other one.
    path: String,
    name: String,
    manifest: Value,
}

impl Listing {
    /// That `out` is to be listed in the folder `beside`, in which it is.
    ///
    /// # Errors
    /// A folder elsewhere; one without a manifest.
    pub fn new(beside: &Path, out: &Path) -> anyhow::Result<Self> {
        let within: Option<Vec<&str>> = out.strip_prefix(beside).ok().and_then(|path| {
            let name = |part| if let Component::Normal(name) = part { Some(name) } else { None };
            path.components().map(|part| name(part)?.to_str()).collect()
        });
        let Some((within, name)) = within.as_ref().and_then(|parts| Some((parts, parts.last()?))) else {
            anyhow::bail!(
                "--beside {} lists a folder within it, and --out {} is none; give for example --out {}",
                shown(beside.display()),
                shown(out.display()),
                shown(beside.join("ink").display())
            );
        };
        let file = beside.join(MANIFEST);
        let manifest: Value = serde_json::from_slice(&read(&file)?)
            .map_err(|error| anyhow::anyhow!("{} is not JSON: {error}; mend or remove it", shown(file.display())))?;
        if !manifest["base"].is_object() {
            anyhow::bail!("{} lists no base: export one there first", shown(file.display()));
        }
        Ok(Self { path: format!("{}/", within.join("/")), name: titled(name), manifest })
    }

    /// Lists a base of these files.
    ///
    /// # Errors
    /// That the manifest cannot be written.
    pub fn write(mut self, beside: &Path, info: &ModelInfo, files: &Map<String, Value>) -> anyhow::Result<()> {
        let entry = json!({
            "path": self.path,
            "title": self.name,
            "image_size": info.image_size,
            "channels": info.channels,
            "bytes": taken(files),
        });
        let mut bases = self.manifest[BASES].as_array().cloned().unwrap_or_default();
        match bases.iter_mut().find(|base| base["path"] == entry["path"]) {
            Some(known) => *known = entry,
            None => bases.push(entry),
        }
        self.manifest[BASES] = bases.into();
        Ok(write_atomic(&beside.join(MANIFEST), format!("{:#}\n", self.manifest).as_bytes())?)
    }
}

/// Bytes of the files that the page takes: a quantized one in another's place.
fn taken(files: &Map<String, Value>) -> u64 {
    let replaced: Vec<&str> = files.values().filter_map(|file| file["in_place_of"].as_str()).collect();
    let taken = files.iter().filter(|(name, _)| !replaced.contains(&name.as_str()));
    taken.filter_map(|(_, file)| file["bytes"].as_u64()).sum()
}

/// A folder's name for people.
fn titled(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
