//! `trainer convert`: adapters between PEFT's folders and kohya's files. Tests: in `trainer/tests/runs/files.rs`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use diffusion::peft::write_kohya;
use serde_json::json;
use trainer::files::{same_path, write_atomic};
use trainer::messages::{emit, say, shown, warn};
use trainer::store::{ADAPTER_WEIGHTS, AdapterFiles, base_weights, read_base, write_adapter_folder};

use super::headings::{MODEL, OUTPUT};
use super::load::{Loaded, load_adapter};
use super::precision::Float;

/// A module that diffusers' converter of kohya's names drops.
const DROPPED: &str = "encoder_hid_proj";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The adapter: a PEFT folder, or a file of PEFT, diffusers or kohya; a :scale after it is baked in
    #[arg(long, value_name = "DIR|FILE[:SCALE]", help_heading = MODEL)]
    lora: String,
    /// How it is written
    #[arg(long, value_enum, help_heading = OUTPUT)]
    to: Dialect,
    /// A file for kohya, a folder for peft
    #[arg(long, help_heading = OUTPUT)]
    out: PathBuf,
    /// The base it belongs to, whose names identify the modules
    #[arg(long, default_value = "www/models/base", help_heading = MODEL)]
    base: PathBuf,
    /// Precision of the factors
    #[arg(long, value_enum, default_value_t = Float::F32, help_heading = OUTPUT)]
    precision: Float,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Dialect {
    /// A folder that PEFT and diffusers load
    Peft,
    /// One file, as sd-scripts writes it
    Kohya,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let base = read_base(&args.base)?;
    let Loaded { path, files, adapter, scale } = load_adapter(&args.lora, &args.base, &base)?;
    let kinds = adapter.kinds().join(", ");
    let Some(adapter) = adapter.scaled(scale) else {
        anyhow::bail!("--lora: a strength cannot be baked into {kinds}; convert it at 1, or use `merge`");
    };
    let title = Path::new(&path).file_stem().and_then(|name| name.to_str()).unwrap_or("adapter");
    let out = match args.to {
        Dialect::Kohya => {
            let out = with_extension(&args.out)?;
            not_over(&files, &args.base, &out)?;
            // Tried with diffusers 0.42.1: it knows no such name of kohya's.
            if adapter.modules.contains_key(DROPPED) {
                warn!("diffusers leaves {DROPPED} out when it loads kohya's names; sd-scripts and ComfyUI do not");
            }
            write_atomic(&out, &write_kohya(&adapter, title, args.precision.into())?)?;
            out
        }
        Dialect::Peft => {
            if args.out.extension().is_some_and(|extension| extension == "safetensors") {
                anyhow::bail!("--out {} must be a folder: PEFT's adapters have two files", args.out.display());
            }
            not_over(&files, &args.base, &args.out.join(ADAPTER_WEIGHTS))?;
            let config = files.config(&adapter)?;
            write_adapter_folder(&args.out, &adapter, &config, title, args.precision.into())?;
            args.out
        }
    };
    let to = args.to.to_possible_value().map(|value| value.get_name().to_owned());
    emit(
        json!({ "out": out.display().to_string(), "to": to, "modules": adapter.modules.len(), "rank": adapter.rank() }),
    )?;
    say!("converted: {}", shown(out.display()));
    Ok(ExitCode::SUCCESS)
}

/// Refuses to write over what is read.
fn not_over(adapter: &AdapterFiles, base: &Path, written: &Path) -> anyhow::Result<()> {
    let base = base_weights(base)?.into_iter().map(|(path, _)| path);
    for read in base.chain([adapter.weights.clone()]) {
        if same_path(&read, written) {
            anyhow::bail!("{} would be written over, from which this is made; choose another --out", read.display());
        }
    }
    Ok(())
}

/// The file to write: `--out`, or one in the folder `--out`.
fn with_extension(out: &Path) -> anyhow::Result<PathBuf> {
    match out.extension() {
        Some(extension) if extension == "safetensors" => Ok(out.to_owned()),
        // A folder's name may have a version after its dot, a file's extension has letters.
        Some(extension) if !out.is_dir() && extension.to_string_lossy().contains(char::is_alphabetic) => {
            anyhow::bail!("--out {} must be a .safetensors file, or a folder for one", out.display())
        }
        _ => Ok(out.join("lora.safetensors")),
    }
}
