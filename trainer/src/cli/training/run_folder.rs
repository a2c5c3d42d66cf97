//! The folder of a run: what is in it, who holds it, and what must not be written over. Tests: in `trainer/tests/runs/resume.rs`
//! and `ends.rs`.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use trainer::config::{self, Keep, RunSettings, to_toml};
use trainer::error::Error;
use trainer::files::{Held, hold, write_atomic};
use trainer::messages::{say, shown};
use trainer::ranks::Ranks;
use trainer::train::Checkpoint;

use super::args::TrainArgs;

/// Name of the checkpoint.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// Folder of the last weights, where those in the run's own folder are the best.
pub const LAST: &str = "last";
/// Name of the configuration.
const CONFIG: &str = "config.toml";

/// Section `[run]` that the run in a folder has written; nothing where there is no run. Older versions had no such section,
/// and kept the last weights.
pub fn stored_settings(out: &Path) -> anyhow::Result<Option<RunSettings>> {
    let file = out.join(CONFIG);
    if !file.exists() {
        return Ok(None);
    }
    let stored = config::run_settings(Some(&file.display().to_string()))?;
    Ok(Some(stored.unwrap_or_else(|| RunSettings { keep: Some(Keep::Last), ..RunSettings::default() })))
}

/// The configuration that the run in a folder has written, over `defaults`.
pub fn stored_config<T: Serialize + DeserializeOwned>(out: &Path, defaults: T) -> anyhow::Result<T> {
    Ok(config::load(defaults, Some(&out.join(CONFIG).display().to_string()))?)
}

/// Name of a file that is there while the first weights are written and their checkpoint is not.
pub const FIRST_SAVE: &str = ".first-save";

impl TrainArgs {
    /// Locks the folder of a run, where it exists, and refuses one that holds another run's results: only `--resume` goes on
    /// in it. `weights` is the file that a run of this kind writes.
    pub fn guard(&self, out: &Path, weights: &str) -> anyhow::Result<Option<Held>> {
        if !Ranks::here().is_first() {
            return Ok(None);
        }
        let held = out.is_dir().then(|| hold(out)).transpose()?;
        let shown = out.display();
        match (out.join(CHECKPOINT).exists(), out.join(weights).exists()) {
            // A run that has done no step may be started again.
            (true, _) if !self.resume && Checkpoint::load(&out.join(CHECKPOINT))?.step > 0 => {
                anyhow::bail!("{shown} already holds a run; go on with --resume, or choose another --out")
            }
            // Weights of a first save that was cut off may be written over.
            (false, true) if !out.join(FIRST_SAVE).exists() => anyhow::bail!(
                "{shown} already holds {weights}, but no checkpoint to resume from; choose another --out, or remove it"
            ),
            _ => Ok(held),
        }
    }

    /// Makes and locks the folder where it did not exist to be `held` before, and writes the configuration into it.
    pub fn begin<T: Serialize>(
        &self,
        held: Option<Held>,
        out: &Path,
        weights: &str,
        config: &T,
    ) -> anyhow::Result<Option<Held>> {
        if !Ranks::here().is_first() {
            return Ok(None);
        }
        let held = match held {
            Some(held) => Some(held),
            None => {
                fs::create_dir_all(out).map_err(Error::io("create", out))?;
                self.guard(out, weights)?
            }
        };
        write_atomic(&out.join(CONFIG), to_toml(config)?.as_bytes())?;
        Ok(held)
    }

    /// The checkpoint that `--resume` asks for; none of a run that has not begun, unless it is `required`.
    pub fn checkpoint(&self, out: &Path, required: bool) -> anyhow::Result<Option<Checkpoint>> {
        let path = out.join(CHECKPOINT);
        match (self.resume, path.exists()) {
            (true, true) => Ok(Some(Checkpoint::load(&path)?)),
            (true, false) if required => {
                anyhow::bail!(
                    "there is no checkpoint in {} to resume from; start without --resume",
                    shown(out.display())
                )
            }
            (true, false) => {
                say!("there is no checkpoint in {} yet: the run begins", shown(out.display()));
                Ok(None)
            }
            (false, _) => Ok(None),
        }
    }
}
