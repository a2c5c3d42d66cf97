//! Loading a base with adapters, as `sample`, `eval`, `merge` and `convert` name them. Tests: in `trainer/tests/runs/files.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use diffusion::lora::{Adapter, merge};
use diffusion::{Base, Model};
use trainer::messages::say;
use trainer::store::{AdapterFiles, base_sha256, read_base};

use super::device::DeviceName;

/// The base in `dir` with adapters switched on, each `DIR[:SCALE]`, composed or merged.
pub fn load_model(dir: &Path, lora: &[String], merged: bool, device: DeviceName) -> anyhow::Result<Model> {
    let base = read_base(dir)?;
    let adapters = lora.iter().map(|text| load_adapter(text, dir, &base)).collect::<anyhow::Result<Vec<_>>>()?;
    if merged {
        let state = merge(&base.state, adapters.iter().map(|loaded| (&loaded.adapter, loaded.scale)));
        return Ok(Model::new(Base { state, ..base }, device.backend()?)?);
    }
    let mut model = Model::new(base, device.backend()?)?;
    let mut scales = BTreeMap::new();
    for Loaded { path, files, scale, .. } in &adapters {
        model.add_adapter(path, &files.bytes, files.config.as_deref())?;
        *scales.entry(path.clone()).or_insert(0.0) += scale;
    }
    model.set_adapters(scales)?;
    Ok(model)
}

/// An adapter that a command names.
pub struct Loaded {
    /// Its folder or file.
    pub path: String,
    /// The bytes of its files.
    pub files: AdapterFiles,
    /// Its factors.
    pub adapter: Adapter,
    /// Its strength.
    pub scale: f32,
}

/// Path and scale of `DIR[:SCALE]`. A colon that no number follows is part of the path, and so is one in a path that exists.
pub fn split_scale(text: &str) -> (&str, f32) {
    if Path::new(text).exists() {
        return (text, 1.0);
    }
    match text.rsplit_once(':').map(|(path, scale)| (path, scale.parse::<f32>())) {
        Some((path, Ok(scale))) => (path, scale),
        _ => (text, 1.0),
    }
}

/// The adapter that `DIR[:SCALE]` names, for the base in `dir`.
pub fn load_adapter(text: &str, dir: &Path, base: &Base) -> anyhow::Result<Loaded> {
    let (path, scale) = split_scale(text);
    if !scale.is_finite() {
        anyhow::bail!("the strength in {text} must be a number");
    }
    if !Path::new(path).exists() {
        let shipped = Path::new("www/models/lora").join(path);
        let hint = if shipped.is_dir() { format!("; did you mean {}?", shipped.display()) } else { String::new() };
        anyhow::bail!("there is no adapter {path}: --lora takes a folder or a .safetensors file{hint}");
    }
    let files = AdapterFiles::read(Path::new(path))?;
    let adapter = files.adapter(&base.state)?;
    if let Some(sum) = &adapter.base_sha256
        && *sum != base_sha256(dir)?
    {
        say!("warning: {path} was trained on another base than {}, and may not do what it should", dir.display());
    }
    if let Some(note) = adapter.note() {
        say!("note: {path}: {note}");
    }
    Ok(Loaded { path: path.to_owned(), files, adapter, scale })
}
