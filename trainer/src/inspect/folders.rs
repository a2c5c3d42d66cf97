//! Folders that hold neither a base nor an adapter. Tests: here, and in `trainer/tests/runs/scripts.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use diffusion::autoencoder::Autoencoder;

use super::facts::Facts;
use super::files::file;
use crate::autoencoder::read_autoencoder;
use crate::error::{Error, Result};
use crate::files;

/// Of a run's folder.
const METRICS: &str = "metrics.jsonl";

/// How far the run in a folder has come, where it is one.
pub(super) fn run(dir: &Path) -> Option<(&'static str, String)> {
    let bytes = fs::read(dir.join(METRICS)).ok()?;
    let facts = file(Path::new(METRICS), &bytes).facts;
    let (_, last) = facts.into_iter().find(|(name, _)| *name == "last")?;
    let resumes = dir.join("checkpoint.safetensors").is_file();
    Some(("run", if resumes { format!("{last}; --resume goes on") } else { last }))
}

/// What is known of the autoencoder in a folder.
///
/// # Errors
/// One that cannot be used.
pub(super) fn autoencoder(dir: &Path) -> Result<Facts> {
    let Autoencoder { config, state } = read_autoencoder(dir)?;
    let parameters: usize = state.values().map(|tensor| tensor.values.len()).sum();
    let facts = vec![
        ("pictures", format!("{} channels, trained on {1} x {1}", config.in_channels, config.sample_size)),
        ("latents", format!("{} channels for {1} x {1} pixels", config.latent_channels, config.factor())),
        ("channels", config.block_out_channels.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
        ("parameters", format!("{parameters} in {} tensors", state.len())),
        ("scale", config.scaling_factor.to_string()),
    ];
    Ok(Facts { kind: "autoencoder (diffusers AutoencoderKL)", facts, modules: vec![], unused: vec![] })
}

/// Whether something of an adapter is in a folder that holds no whole one: then the reason why it cannot be used is told.
pub(super) fn has_parts_of_an_adapter(dir: &Path) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        ["adapter_", "pytorch_lora"].iter().any(|part| name.starts_with(part))
    })
}

/// What a folder is: the page's models, a run without weights, a data set, or others.
///
/// # Errors
/// That it cannot be read.
pub(super) fn folder(dir: &Path) -> Result<Facts> {
    let manifest = dir.join("manifest.json");
    if manifest.is_file() {
        let Facts { facts, .. } = file(&manifest, &files::read(&manifest)?);
        return Ok(Facts {
            kind: "models of the page, written by `trainer export`",
            facts,
            modules: vec![],
            unused: vec![],
        });
    }
    if let Some(run) = run(dir) {
        return Ok(Facts { kind: "run without weights", facts: vec![run], modules: vec![], unused: vec![] });
    }
    let mut kinds = BTreeMap::<String, usize>::new();
    let mut classes = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io("read", dir))?.flatten() {
        let path = entry.path();
        if !path.is_dir() {
            *kinds.entry(extension(&path)).or_default() += 1;
            continue;
        }
        let Ok(files) = fs::read_dir(&path) else { continue };
        let pictures = files.flatten().filter(|file| is_picture(&file.path())).count();
        if pictures > 0 {
            classes.push((entry.file_name().to_string_lossy().into_owned(), pictures));
        }
    }
    classes.sort();
    if !classes.is_empty() {
        const SHOWN: usize = 30;
        let mut named: Vec<String> =
            classes.iter().take(SHOWN).map(|(name, count)| format!("{name} {count}")).collect();
        if classes.len() > SHOWN {
            named.push("…".to_owned());
        }
        let facts = vec![
            ("classes", format!("{}: {}", classes.len(), named.join(", "))),
            ("pictures", classes.iter().map(|(_, count)| count).sum::<usize>().to_string()),
        ];
        return Ok(Facts { kind: "folder of pictures, for --data", facts, modules: vec![], unused: vec![] });
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let holds = if kinds.is_empty() { "no files".to_owned() } else { kinds.join(", ") };
    Ok(Facts {
        kind: "folder with no base, adapter, run or pictures by class",
        facts: vec![("holds", holds)],
        modules: vec![],
        unused: vec![],
    })
}

fn extension(path: &Path) -> String {
    path.extension()
        .map_or("without extension".to_owned(), |extension| format!(".{}", extension.to_string_lossy().to_lowercase()))
}

fn is_picture(path: &Path) -> bool {
    [".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"].contains(&extension(path).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_pictures_is_counted_by_class() {
        let dir = tempfile::tempdir().unwrap();
        assert!(folder(dir.path()).unwrap().kind.starts_with("folder with no base"));
        for (class, name) in [("b", "1.png"), ("a", "1.JPG"), ("a", "2.png"), ("a", "notes.txt")] {
            files::write_atomic(&dir.path().join(class).join(name), b"").unwrap();
        }
        let facts = folder(dir.path()).unwrap();
        assert_eq!(facts.kind, "folder of pictures, for --data");
        assert_eq!(facts.facts, [("classes", "2: a 2, b 1".to_owned()), ("pictures", "3".to_owned())]);
    }

    #[test]
    fn a_run_tells_how_far_it_came() {
        let dir = tempfile::tempdir().unwrap();
        files::write_atomic(&dir.path().join(METRICS), b"{\"step\":7,\"loss\":0.5}\n").unwrap();
        assert_eq!(folder(dir.path()).unwrap().facts, [("run", "step 7, loss 0.5".to_owned())]);
    }
}
