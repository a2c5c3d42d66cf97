//! `trainer merge`: adapters baked into a base. Tests: in `trainer/tests/runs`.

use std::path::PathBuf;
use std::process::ExitCode;

use diffusion::Turbo;
use diffusion::base::WEIGHTS;
use diffusion::tensors::Precision;
use trainer::messages::{emit, say, shown};
use trainer::store::{base_sha256, write_base};

use super::device::DeviceName;
use super::headings::{MODEL, OUTPUT};
use super::load::load_model;
use super::precision::Float;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The base model's folder
    #[arg(long, default_value = "www/models/base", help_heading = MODEL)]
    base: PathBuf,
    /// Adapters to bake in, followed by :scale where it is not 1
    #[arg(long, value_name = "DIR[:SCALE]", required = true, help_heading = MODEL)]
    lora: Vec<String>,
    /// Use what of an adapter fits the base, and say what is left out; else such an adapter is refused
    #[arg(long, help_heading = MODEL)]
    partial: bool,
    /// Where the merged base is written
    #[arg(long, help_heading = OUTPUT)]
    out: PathBuf,
    /// Precision of the weights file
    #[arg(long, value_enum, default_value_t = Float::F32, help_heading = OUTPUT)]
    precision: Float,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.out.join(WEIGHTS).exists() {
        anyhow::bail!("{} already holds a base; choose another --out, or remove it", shown(args.out.display()));
    }
    let (merged, turbo) = load_model(&args.base, &args.lora, (true, args.partial), DeviceName::default())?;
    write_base(&args.out, merged.base(), Precision::from(args.precision))?;
    emit(serde_json::json!({ "out": args.out.display().to_string(), "base_sha256": base_sha256(&args.out)? }))?;
    if let Some(Turbo { steps, sampler, timestep_spacing, .. }) = turbo {
        say!(
            "note: no base says how it is drawn with; this one wants --steps {steps} --sampler {} --timestep-spacing {} --guidance 1",
            sampler.name(),
            timestep_spacing.name()
        );
    }
    say!("merged: {}", shown(args.out.display()));
    Ok(ExitCode::SUCCESS)
}
