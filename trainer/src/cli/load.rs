//! Loading a base with adapters, as `sample`, `eval`, `merge` and `convert` name them. Tests: in `trainer/tests/runs/files.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use diffusion::adapter::{Adapter, merge};
use diffusion::{Base, Model, Turbo};
use trainer::inspect::UnusedFacts;
use trainer::messages::{nearest, say, shown, warn};
use trainer::store::{AdapterFiles, base_sha256, read_base};

use super::device::DeviceName;

/// The base in `dir` with adapters switched on, each `DIR[:SCALE]`, composed or merged; and how it is drawn with, where one of them was
/// taught to draw in few steps.
pub fn load_model(
    dir: &Path,
    lora: &[String],
    (merged, partial): (bool, bool),
    device: DeviceName,
) -> anyhow::Result<(Model, Option<Turbo>)> {
    let base = read_base(dir)?;
    let load = |text: &String| load_adapter(text, dir, &base, partial);
    let adapters = lora.iter().map(load).collect::<anyhow::Result<Vec<_>>>()?;
    let turbo = turbo(&adapters);
    if merged {
        let on = || adapters.iter().map(|loaded| (&loaded.adapter, loaded.scale));
        let state = merge(&base.state, on());
        let mut info = base.info.clone();
        info.guidance_scale = Adapter::guidance_of(on()).or(info.guidance_scale);
        return Ok((Model::new(Base { state, info, ..base }, device.backend()?)?, turbo));
    }
    let mut model = Model::new(base, device.backend()?)?;
    let mut scales = BTreeMap::new();
    for Loaded { path, adapter, scale, .. } in &adapters {
        model.insert_adapter(path, adapter.clone())?;
        *scales.entry(path.clone()).or_insert(0.0) += scale;
    }
    model.set_adapters(scales)?;
    Ok((model, turbo))
}

/// How these adapters are drawn with together: as the one that was taught to draw in few steps.
fn turbo(adapters: &[Loaded]) -> Option<Turbo> {
    let mut all = adapters
        .iter()
        .filter(|loaded| loaded.scale != 0.0)
        .filter_map(|loaded| Some((loaded, loaded.adapter.turbo.as_ref()?)));
    let (loaded, turbo) = all.next()?;
    if let Some((other, _)) = all.next() {
        let (first, second) = (shown(&loaded.path), shown(&other.path));
        warn!(
            "{first} and {second} were each taught to draw in few steps, and do not go together; it is drawn as with {first}"
        );
    }
    let named = |with: &String| {
        let name = with.split(':').next().unwrap_or_default();
        adapters.iter().any(|loaded| Path::new(&loaded.path).file_stem().is_some_and(|stem| stem == name))
    };
    let missing: Vec<&str> = turbo.with.iter().filter(|with| !named(with)).map(String::as_str).collect();
    if !missing.is_empty() {
        let names = shown(missing.join(", "));
        say!("note: {} was taught with {names} on; it is meant to be used with it", shown(&loaded.path));
    }
    Some(turbo.clone())
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

/// Path and scale of `DIR[:SCALE]`, of which one may be wrong. What cannot be a strength is said to be none: a folder that is not
/// there is another mistake.
fn checked_scale(text: &str) -> anyhow::Result<(&str, f32)> {
    let (path, scale) = match text.rsplit_once(':') {
        Some((path, scale)) if !Path::new(text).exists() && !scale.contains(['/', '\\']) => (path, scale),
        _ => return Ok((text, 1.0)),
    };
    match (scale.parse::<f32>(), path.rsplit_once(':')) {
        (Ok(_), Some((adapter, first))) if !Path::new(path).exists() && first.parse::<f32>().is_ok() => {
            anyhow::bail!("{text} has two strengths, {first} and {scale}; give one, as {adapter}:{scale}")
        }
        (Ok(number), _) if number.is_finite() => Ok((path, number)),
        (Ok(_), _) => anyhow::bail!("the strength in {text} must be a number, as {path}:0.8, not {scale}"),
        (Err(_), _) if scale.is_empty() => {
            anyhow::bail!("{text} has a colon and no strength behind it; write {path}, or {path}:0.8")
        }
        (Err(_), _) => {
            let point = scale.replace(',', ".");
            let with_point = if point.parse::<f32>().is_ok() { point.as_str() } else { "0.8" };
            anyhow::bail!("the strength in {text} must be a number, as {path}:{with_point}, not \"{scale}\"")
        }
    }
}

/// What to say of an adapter that is not there: where one of this name is, or of a name like it.
fn elsewhere(path: &str) -> String {
    let folders = ["www/models/lora", "runs/lora"].map(Path::new);
    if let Some(found) = folders.iter().map(|folder| folder.join(path)).find(|found| found.is_dir()) {
        return format!("; did you mean {}?", shown(found.display()));
    }
    if let Some((first, _)) = path.split_once(',') {
        return format!("; several adapters are several flags, --lora {} --lora …", shown(first));
    }
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let known: Vec<String> = entries.map(|entry| entry.path().display().to_string()).collect();
    let named = |known: &String| known.rsplit('/').next().map(str::to_owned);
    let names: Vec<String> = known.iter().filter_map(named).collect();
    let near = nearest(path.rsplit('/').next().unwrap_or(path), names.iter().map(String::as_str));
    let near = near.and_then(|near| known.iter().find(|known| named(known).as_deref() == Some(near)));
    near.map_or_else(String::new, |near| format!("; did you mean {}?", shown(near)))
}

/// The adapter that `DIR[:SCALE]` names, for the base in `dir`; what of it fits, where that is asked for.
pub fn load_adapter(text: &str, dir: &Path, base: &Base, partial: bool) -> anyhow::Result<Loaded> {
    let (path, scale) = checked_scale(text)?;
    if !Path::new(path).exists() {
        let (named, elsewhere) = (shown(path), elsewhere(path));
        anyhow::bail!("there is no adapter {named}: --lora takes a folder or a .safetensors file{elsewhere}");
    }
    let files = AdapterFiles::read(Path::new(path))?;
    let adapter = read(&files, path, base, partial)?;
    if let Some(sum) = &adapter.base_sha256
        && *sum != base_sha256(dir)?
    {
        warn!(
            "{} was trained on another base than {}, and may not do what it should",
            shown(path),
            shown(dir.display())
        );
    }
    if let Some(note) = adapter.note() {
        say!("note: {}: {}", shown(path), shown(note));
    }
    Ok(Loaded { path: path.to_owned(), files, adapter, scale })
}

/// What of an adapter is used: all of it, or with `--partial` what fits, and a warning.
pub fn read(files: &AdapterFiles, path: &str, base: &Base, partial: bool) -> anyhow::Result<Adapter> {
    let counts = |adapter: &Adapter| format!("{} of {}", adapter.used, adapter.used + adapter.unused.len());
    if !partial {
        return files.adapter(&base.state).or_else(|error| match files.adapter_partially(&base.state) {
            Ok(adapter) => anyhow::bail!("{error}; --partial uses the {} tensors that fit", counts(&adapter)),
            Err(_) => Err(error.into()),
        });
    }
    let adapter = files.adapter_partially(&base.state)?;
    let unused = UnusedFacts::of(&adapter);
    if !unused.is_empty() {
        let left_out: Vec<String> =
            unused.iter().map(|unused| shown(format_args!("{} ({})", unused.names(), unused.reason))).collect();
        warn!("{}: {} tensors are used; left out: {}", shown(path), counts(&adapter), left_out.join("; "));
    }
    Ok(adapter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_strength_is_called_one() {
        assert_eq!(checked_scale("a:0.5").unwrap(), ("a", 0.5));
        assert_eq!(checked_scale("a:-1").unwrap(), ("a", -1.0));
        for path in ["a", "C:\\a", "x:/a", "."] {
            assert_eq!(checked_scale(path).unwrap(), (path, 1.0), "a colon of a path");
        }
        for (text, told) in [
            ("a:abc", "must be a number, as a:0.8, not \"abc\""),
            ("a:1,5", "must be a number, as a:1.5"),
            ("a:nan", "not nan"),
            ("a:inf", "not inf"),
            ("a:", "no strength behind it; write a, or a:0.8"),
            ("a:1:2", "two strengths, 1 and 2; give one, as a:2"),
        ] {
            let message = checked_scale(text).unwrap_err().to_string();
            assert!(message.contains(told), "{message}");
        }
    }
}
