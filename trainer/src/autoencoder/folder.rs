//! The folder `vae/` on disk. Tests: in `trainer/tests/runs/autoencoder.rs`.

use std::path::Path;

use diffusion::autoencoder::Autoencoder;
use diffusion::autoencoder::files::{CONFIG, WEIGHTS};
use diffusion::tensors::Precision;

use crate::error::{Error, Result};
use crate::files;

/// diffusers' name of it.
const CLASS: &str = "\"AutoencoderKL\"";

/// Whether a folder holds an autoencoder, in `vae/` or itself.
pub fn holds_autoencoder(dir: &Path) -> bool {
    let own =
        || files::read(&dir.join("config.json")).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(CLASS));
    dir.join(CONFIG).is_file() || own()
}

/// Reads the autoencoder of a folder that has `vae/`, or of `vae/` itself.
///
/// # Errors
/// Files that are not there, or are no autoencoder that is supported.
pub fn read_autoencoder(dir: &Path) -> Result<Autoencoder> {
    let own = |name: &str| Path::new(name).file_name().map(|name| dir.join(name)).unwrap_or_default();
    let (config, weights) = match dir.join(CONFIG).is_file() || !own(CONFIG).is_file() {
        true => (dir.join(CONFIG), dir.join(WEIGHTS)),
        false => (own(CONFIG), own(WEIGHTS)),
    };
    if !config.is_file() {
        let reason = format!(
            "{} is no autoencoder: {CONFIG} is missing; name a run of `trainer autoencoder`, or a folder of diffusers that has vae/",
            dir.display()
        );
        return Err(Error::Setting { reason });
    }
    let text = String::from_utf8_lossy(&files::read(&config)?).into_owned();
    let bytes = files::read(&weights)?;
    Autoencoder::read(&text, &[&bytes]).map_err(|source| Error::File { path: dir.to_owned(), source: source.into() })
}

/// Writes `vae/` into a folder, every file whole or not at all, the weights last.
///
/// # Errors
/// Files that cannot be written.
pub fn write_autoencoder(dir: &Path, autoencoder: &Autoencoder, precision: Precision) -> Result<()> {
    for (name, bytes) in autoencoder.files(precision)? {
        files::write_atomic(&dir.join(name), &bytes)?;
    }
    Ok(())
}
