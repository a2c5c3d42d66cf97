//! Writing an adapter as `--to` says, for `convert` and `extract`. Tests: in `trainer/tests/runs/conversions.rs`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use diffusion::adapter::resize::{Part, Resized};
use diffusion::adapter::{Adapter, Change, Update};
use diffusion::error::WriteError;
use diffusion::peft::{PeftConfig, write_diffusers, write_kohya, write_lycoris};
use diffusion::tensors::Precision;
use serde_json::{Map, Value, json};
use trainer::error::Error;
use trainer::files::{same_path, write_atomic};
use trainer::messages::{emit, say, shown, warn};
use trainer::store::{ADAPTER_WEIGHTS, DIFFUSERS_WEIGHTS, write_adapter_folder};

/// A module that diffusers' converter of kohya's names drops.
const DROPPED: &str = "encoder_hid_proj";

/// `--to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// A folder that PEFT and diffusers load
    Peft,
    /// One file, as sd-scripts writes it
    Kohya,
    /// The same with LyCORIS' own prefix
    Lycoris,
    /// One file, as diffusers' save_lora_weights writes it
    Diffusers,
}

impl Dialect {
    /// Its word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Peft => "peft",
            Self::Kohya => "kohya",
            Self::Lycoris => "lycoris",
            Self::Diffusers => "diffusers",
        }
    }

    /// Whether alphas are tensors, and whole differences have names.
    pub fn is_of_kohya(self) -> bool {
        matches!(self, Self::Kohya | Self::Lycoris)
    }

    /// The file or folder to write, and the weights file.
    pub fn target(self, out: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
        let is_file = out.extension().is_some_and(|extension| extension == "safetensors");
        match self {
            Self::Peft if is_file => {
                anyhow::bail!("--out {} must be a folder: PEFT's adapters have two files", shown(out.display()))
            }
            Self::Peft => Ok((out.to_owned(), out.join(ADAPTER_WEIGHTS))),
            _ => {
                let name = if self == Self::Diffusers { DIFFUSERS_WEIGHTS } else { "lora.safetensors" };
                let file = with_extension(out, name)?;
                Ok((file.clone(), file))
            }
        }
    }

    /// Takes out of an adapter of another rank what this dialect has no names for, and says so. Biases of a LoRA have one in
    /// all of them.
    pub fn take_what_has_no_name(self, resized: &mut Resized) -> Map<String, Value> {
        let holds = |_: &str, update: &Update, part: Part| {
            self.is_of_kohya() || (part == Part::Bias && matches!(update.weight, Some(Change::Lora(_))))
        };
        let taken = resized.adapter.take_differences(holds);
        let squares = |norm: f64| norm * norm;
        let left_out: f64 = taken.iter().map(|(_, norm)| squares(*norm)).sum();
        let kept: f64 = resized.adapter.difference_norms().into_iter().map(squares).sum();
        let all = squares(resized.loss().change) + kept + left_out;
        let share = if all > 0.0 { (left_out / all).sqrt() } else { 0.0 };
        if !taken.is_empty() {
            let names: Vec<&str> = taken.iter().map(|(name, _)| &name[..]).collect();
            warn!(
                "{} has no names for {}: left out, {} of the difference; --to kohya keeps them",
                self.name(),
                listed(&names),
                percent(share)
            );
        }
        let names: Vec<String> = taken.into_iter().map(|(name, _)| name).collect();
        [("left_out".to_owned(), json!(names)), ("left_out_share".to_owned(), json!(share))].into_iter().collect()
    }

    /// Writes the adapter.
    pub fn write(
        self,
        adapter: &Adapter,
        config: &PeftConfig,
        title: &str,
        precision: Precision,
        target: &Path,
    ) -> anyhow::Result<()> {
        let written = match self {
            Self::Peft => write_adapter_folder(target, adapter, config, title, precision),
            Self::Diffusers => write_diffusers(adapter, config, title, precision)
                .map_err(Error::from)
                .and_then(|bytes| write_atomic(target, &bytes)),
            Self::Kohya => write_kohya(adapter, title, precision)
                .map_err(Error::from)
                .and_then(|bytes| write_atomic(target, &bytes)),
            Self::Lycoris => write_lycoris(adapter, title, precision)
                .map_err(Error::from)
                .and_then(|bytes| write_atomic(target, &bytes)),
        };
        if self.is_of_kohya() && adapter.modules.contains_key(DROPPED) {
            // Tried with diffusers 0.42.1: it knows no such name of kohya's.
            warn!("diffusers leaves {DROPPED} out when it loads kohya's names; sd-scripts and ComfyUI do not");
        }
        written.map_err(|error| match &error {
            Error::Diffusion(diffusion::Error::Unwritable(WriteError::Dialect { .. })) => {
                anyhow::anyhow!(
                    "{error}; --rank N writes the nearest LoRA of rank N, `trainer merge` bakes it into a base"
                )
            }
            _ => error.into(),
        })
    }

    /// Tells scripts what was written, beside what is `told` already.
    pub fn tell(self, adapter: &Adapter, target: &Path, mut told: Map<String, Value>) -> anyhow::Result<()> {
        told.insert("out".to_owned(), target.display().to_string().into());
        told.insert("to".to_owned(), self.name().into());
        told.insert("modules".to_owned(), adapter.modules.len().into());
        told.insert("rank".to_owned(), adapter.rank().into());
        Ok(emit(Value::Object(told))?)
    }
}

/// Refuses to write over what is read.
pub fn not_over<'a>(read: impl IntoIterator<Item = &'a PathBuf>, written: &Path) -> anyhow::Result<()> {
    match read.into_iter().find(|read| same_path(read, written)) {
        None => Ok(()),
        Some(read) => {
            anyhow::bail!(
                "{} would be written over, from which this is made; choose another --out",
                shown(read.display())
            )
        }
    }
}

/// Says what a rank costs.
pub fn say_loss(resized: &Resized, rank: usize) -> Map<String, Value> {
    let loss = resized.loss().relative();
    let (module, worst) = resized.worst().map_or(("none", 0.0), |(path, loss)| (path, loss.relative()));
    say!(
        "rank {rank}: {} of the change is lost (relative Frobenius error), at most {} in {module}",
        percent(loss),
        percent(worst)
    );
    let fields = json!({ "error": loss, "worst_error": worst, "worst_module": module });
    fields.as_object().cloned().unwrap_or_default()
}

/// A share for people.
fn percent(share: f64) -> String {
    match 100.0 * share {
        small if small > 0.0 && small < 0.005 => "less than 0.01 %".to_owned(),
        // An empty sum is -0.
        percent => format!("{:.2} %", percent + 0.0),
    }
}

/// Names, the first of many.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 4;
    let first = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// The file to write: `--out`, or one in the folder `--out`.
fn with_extension(out: &Path, name: &str) -> anyhow::Result<PathBuf> {
    match out.extension() {
        Some(extension) if extension == "safetensors" => Ok(out.to_owned()),
        // A folder's name may have a version after its dot, a file's extension has letters.
        Some(extension) if !out.is_dir() && extension.to_string_lossy().contains(char::is_alphabetic) => {
            anyhow::bail!("--out {} must be a .safetensors file, or a folder for one", shown(out.display()))
        }
        _ => Ok(out.join(name)),
    }
}
