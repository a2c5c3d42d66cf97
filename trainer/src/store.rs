//! Base and adapter folders on disk, as diffusers and PEFT have them. Tests: in `trainer/tests/runs/files.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use diffusion::adapter::Adapter;
use diffusion::autoencoder::files as vae;
use diffusion::base::{INFO, SCHEDULER_CONFIG, UNET_CONFIG, WEIGHTS, WEIGHTS_INDEX, base_files, shards};
use diffusion::foreign::ForeignFile;
use diffusion::peft::{PeftConfig, read_adapter, read_adapter_partially, write_adapter};
use diffusion::quantize::origin;
use diffusion::state::StateDict;
use diffusion::tensors::Precision;
use diffusion::{Base, BaseFiles};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::files;
use crate::text::utf8;

/// Name of the weights file of an adapter folder.
pub const ADAPTER_WEIGHTS: &str = "adapter_model.safetensors";
/// The same in fewer bits, beside it.
pub const QUANTIZED_ADAPTER: &str = "adapter_model.quantized.safetensors";
/// The same in folders that diffusers' `save_lora_weights` and training scripts write.
pub const DIFFUSERS_WEIGHTS: &str = "pytorch_lora_weights.safetensors";
/// Name of the configuration file of an adapter folder.
pub const ADAPTER_CONFIG: &str = "adapter_config.json";

/// Reads a base folder.
///
/// # Errors
/// A folder that is not there or holds no base, files that cannot be read, weights that do not fit or are no numbers.
pub fn read_base(dir: &Path) -> Result<Base> {
    if !dir.join(INFO).is_file() {
        let reason = match dir {
            dir if dir.join("base").join(INFO).is_file() => format!("its folder {} is one", dir.join("base").display()),
            dir if dir.join(ADAPTER_WEIGHTS).is_file() => "it holds an adapter, which --lora names".to_owned(),
            dir if dir.is_dir() => format!("it has no {INFO}"),
            dir if dir.exists() => "it is a file".to_owned(),
            _ => "it is not there".to_owned(),
        };
        return Err(Error::NoBase { dir: dir.to_owned(), reason });
    }
    let text = |name: &str| configuration(&dir.join(name));
    let (info, unet_config, scheduler_config) = (text(INFO)?, text(UNET_CONFIG)?, text(SCHEDULER_CONFIG)?);
    let weights = base_weights(dir)?;
    let weights: Vec<&[u8]> = weights.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let files =
        BaseFiles { info: &info, unet_config: &unet_config, scheduler_config: &scheduler_config, weights: &weights };
    let read = match dir.join(vae::CONFIG).is_file() {
        false => Base::read(&files),
        true => {
            let (config, weights) = (text(vae::CONFIG)?, files::read(&dir.join(vae::WEIGHTS))?);
            Base::read_with_autoencoder(&files, &config, &[&weights])
        }
    };
    read.map_err(|source| match source {
        diffusion::Error::NoNumbers { tensor } => Error::NotFinite { path: dir.to_owned(), tensor },
        source => Error::Folder { dir: dir.to_owned(), source: source.into() },
    })
}

/// Writes a base folder, every file whole or not at all, the weights last.
///
/// # Errors
/// Files that cannot be written.
pub fn write_base(dir: &Path, base: &Base, precision: Precision) -> Result<()> {
    for (name, bytes) in base_files(base, precision)? {
        files::write_atomic(&dir.join(name), &bytes)?;
    }
    Ok(())
}

/// The text of a configuration file, in UTF-8 or UTF-16.
fn configuration(path: &Path) -> Result<String> {
    let refuse = |reason: &str| Err(Error::Config { file: path.display().to_string(), reason: reason.to_owned() });
    let bytes = files::read(path)?;
    match ForeignFile::recognize(&bytes) {
        Some(ForeignFile::LfsPointer) => {
            return refuse("it is a pointer of Git LFS, not the file itself; run `git lfs pull` in its repository");
        }
        Some(ForeignFile::WebPage) => return refuse("it is a web page (HTML), not the file itself; download it again"),
        _ => {}
    }
    match String::from_utf8(utf8(&bytes).into_owned()) {
        Ok(text) => Ok(text),
        Err(_) => refuse("it is no text in UTF-8"),
    }
}

/// SHA-256 of a base folder's weights file, by which an adapter knows its base; of shards, one after the other in the order
/// of their names; of a quantized file, that of the file that it was made from.
///
/// # Errors
/// That it cannot be read.
pub fn base_sha256(dir: &Path) -> Result<String> {
    let weights = base_weights(dir)?;
    if let [(_, file)] = &weights[..]
        && let Some((_, from)) = origin(file)
    {
        return Ok(from);
    }
    Ok(sha256_of(weights.iter().map(|(_, bytes)| bytes.as_slice())))
}

/// Paths and bytes of a base folder's weights: one file, its shards, or those of its only variant (`….fp16.safetensors`).
///
/// # Errors
/// None that can be read, several variants, shards that are not there.
pub fn base_weights(dir: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let read = |path: PathBuf| files::read(&path).map(|bytes| (path, bytes));
    let read_shards = |index: &Path| {
        let text = configuration(index)?;
        let names = shards(&text).map_err(|source| Error::Folder { dir: dir.to_owned(), source: source.into() })?;
        let shard = |name: String| match index.with_file_name(&name) {
            path if path.is_file() => read(path),
            _ => {
                let index = index.file_name().unwrap_or_default().to_string_lossy();
                let reason = format!("{index} lists {name}, which is not there; fetch all of its files");
                Err(Error::NoBase { dir: dir.to_owned(), reason })
            }
        };
        names.into_iter().map(shard).collect()
    };
    // Where both are, diffusers takes the shards.
    if dir.join(WEIGHTS_INDEX).is_file() {
        return read_shards(&dir.join(WEIGHTS_INDEX));
    }
    if dir.join(WEIGHTS).is_file() {
        return Ok(vec![read(dir.join(WEIGHTS))?]);
    }
    const STEM: &str = "diffusion_pytorch_model.";
    let folder = dir.join("unet");
    let entries = fs::read_dir(&folder).map_err(Error::io("read", &folder))?;
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let variants: Vec<&String> = names
        .iter()
        .filter(|name| {
            let variant = |rest: &str, end: &str| rest.strip_suffix(end).is_some_and(|word| !word.contains(['.', '-']));
            let rest = name.strip_prefix(STEM).unwrap_or_default();
            let index = rest.strip_prefix("safetensors.index.");
            variant(rest, ".safetensors") || index.is_some_and(|rest| variant(rest, ".json"))
        })
        .collect();
    let refuse = |reason: String| Err(Error::NoBase { dir: dir.to_owned(), reason });
    match variants[..] {
        [name] if name.ends_with(".json") => read_shards(&folder.join(name)),
        [name] => Ok(vec![read(folder.join(name))?]),
        [] => match names.iter().find(|name| name.starts_with(STEM)) {
            None => refuse(format!("it has no {WEIGHTS}")),
            Some(other) => {
                let what = ForeignFile::recognize(&files::read(&folder.join(other))?);
                let what = what.map_or_else(|| "it is no safetensors file".to_owned(), |what| what.to_string());
                refuse(format!("it has no {WEIGHTS}, only unet/{other}: {what}"))
            }
        },
        _ => {
            let names: Vec<&str> = variants.iter().map(|name| name.as_str()).collect();
            refuse(format!("it has several variants of its weights ({}), keep one of them in unet/", names.join(", ")))
        }
    }
}

/// Lower-case hexadecimal SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    sha256_of([bytes])
}

/// Lower-case hexadecimal SHA-256 of several pieces one after the other.
pub fn sha256_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    pieces.into_iter().for_each(|piece| hasher.update(piece));
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An adapter's two files: the weights, and the configuration where there is one.
#[derive(Debug, Clone)]
pub struct AdapterFiles {
    path: PathBuf,
    /// Where the weights were read from.
    pub weights: PathBuf,
    /// The weights file.
    pub bytes: Vec<u8>,
    /// The text of `adapter_config.json`.
    pub config: Option<String>,
}

impl AdapterFiles {
    /// `path` is a folder of PEFT or diffusers, or a `.safetensors` file alone.
    ///
    /// # Errors
    /// Files that are not there or cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let read = |weights: &Path, config| {
            let (path, bytes) = (path.to_owned(), files::read(weights)?);
            Ok(Self { path, weights: weights.to_owned(), bytes, config })
        };
        let text = |config: PathBuf| match config.is_file() {
            true => configuration(&config).map(Some),
            false => Ok(None),
        };
        if !path.is_dir() {
            // The weights file of a PEFT folder: the configuration is next to it.
            let of_peft = path.file_name().is_some_and(|name| name == ADAPTER_WEIGHTS);
            return read(path, if of_peft { text(path.with_file_name(ADAPTER_CONFIG))? } else { None });
        }
        let weights = [ADAPTER_WEIGHTS, DIFFUSERS_WEIGHTS].map(|name| path.join(name));
        match weights.into_iter().find(|weights| weights.is_file()).or_else(|| only_weights(path)) {
            Some(weights) => read(&weights, text(path.join(ADAPTER_CONFIG))?),
            None => Err(Error::NoAdapter { dir: path.to_owned(), names: [ADAPTER_WEIGHTS, DIFFUSERS_WEIGHTS] }),
        }
    }

    /// The adapter for this base.
    ///
    /// # Errors
    /// Weights that are no adapter, do not fit the base, or are no numbers.
    pub fn adapter(&self, base: &StateDict) -> Result<Adapter> {
        read_adapter(&self.bytes, self.config.as_deref(), base).map_err(|source| self.refused(source))
    }

    /// What of the adapter fits this base; what does not is in [`Adapter::unused`].
    ///
    /// # Errors
    /// Weights of which nothing fits.
    pub fn adapter_partially(&self, base: &StateDict) -> Result<Adapter> {
        read_adapter_partially(&self.bytes, self.config.as_deref(), base).map_err(|source| self.refused(source))
    }

    fn refused(&self, source: diffusion::Error) -> Error {
        match source {
            diffusion::Error::NoNumbers { tensor } => Error::NotFinite { path: self.path.clone(), tensor },
            source => Error::File { path: self.path.clone(), source: source.into() },
        }
    }

    /// The content of `adapter_config.json`, in a form that PEFT loads whatever it makes of the order of patterns; where
    /// there is none, what it would be for this adapter.
    ///
    /// # Errors
    /// One that cannot be read, or asks for something that is not supported.
    pub fn config(&self, adapter: &Adapter) -> Result<PeftConfig> {
        let config = match &self.config {
            Some(text) => PeftConfig::from_json(text).map(Some),
            None => PeftConfig::of_file(&self.bytes),
        };
        let config = config.map_err(|source| Error::File { path: self.path.clone(), source: source.into() })?;
        Ok(config.map_or_else(|| PeftConfig::describing(adapter), |config| config.fitting(adapter)))
    }
}

/// A folder's weights under another name: the only safetensors file, or else what would have to be converted first.
fn only_weights(dir: &Path) -> Option<PathBuf> {
    let files: Vec<PathBuf> = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).collect();
    let of = |ending: &str| -> Vec<&PathBuf> {
        files.iter().filter(|path| path.extension().is_some_and(|extension| extension == ending)).collect()
    };
    // One of several shards would be a part of an adapter.
    let shard = |path: &Path| path.to_string_lossy().contains("-of-");
    match of("safetensors")[..] {
        [one] if shard(one) => None,
        [one] => Some(one.clone()),
        [] => {
            let pickles = ["adapter_model.bin", "pytorch_lora_weights.bin"].map(|name| dir.join(name));
            pickles.into_iter().find(|path| path.is_file())
        }
        _ => None,
    }
}

/// Writes a PEFT folder, every file whole or not at all, the weights last.
///
/// # Errors
/// Files that cannot be written.
pub fn write_adapter_folder(
    dir: &Path,
    adapter: &Adapter,
    config: &PeftConfig,
    title: &str,
    precision: Precision,
) -> Result<()> {
    for (name, bytes) in adapter_folder(adapter, config, title, precision)? {
        files::write_atomic(&dir.join(name), &bytes)?;
    }
    Ok(())
}

/// Names and bytes of the files of a PEFT folder, the weights last.
///
/// # Errors
/// Factors that do not fit their shapes.
pub fn adapter_folder(
    adapter: &Adapter,
    config: &PeftConfig,
    title: &str,
    precision: Precision,
) -> Result<[(&'static str, Vec<u8>); 2]> {
    let weights = write_adapter(adapter, config, title, precision)?;
    Ok([(ADAPTER_CONFIG, config.to_json().into_bytes()), (ADAPTER_WEIGHTS, weights)])
}
