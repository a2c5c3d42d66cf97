//! `trainer extract`: the difference of two bases as an adapter. Tests: in `trainer/tests/runs/conversions.rs`.

use std::path::PathBuf;
use std::process::ExitCode;

use diffusion::Base;
use diffusion::adapter::Adapter;
use diffusion::adapter::plain::differences;
use diffusion::adapter::resize::resized;
use diffusion::peft::PeftConfig;
use trainer::messages::{say, shown};
use trainer::store::{base_sha256, base_weights, read_base};

use super::convert::nearest_of;
use super::dialect::{Dialect, not_over};
use super::headings::{MODEL, OUTPUT};
use super::precision::Float;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The base model's folder
    #[arg(help_heading = MODEL)]
    base: PathBuf,
    /// A base that was trained on from it, or merged with adapters
    #[arg(help_heading = MODEL)]
    tuned: PathBuf,
    /// Rank of the factors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65536), help_heading = OUTPUT)]
    rank: u32,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Dialect::Peft, help_heading = OUTPUT)]
    to: Dialect,
    /// A folder for peft, else a file, or a folder for one
    #[arg(long, help_heading = OUTPUT)]
    out: PathBuf,
    /// Precision of the factors
    #[arg(long, value_enum, default_value_t = Float::F32, help_heading = OUTPUT)]
    precision: Float,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (base, tuned) = (read_base(&args.base)?, read_base(&args.tuned)?);
    must_be_one_network(&args, &base, &tuned)?;
    let (target, weights) = args.to.target(&args.out)?;
    for dir in [&args.base, &args.tuned] {
        not_over(base_weights(dir)?.iter().map(|(path, _)| path), &weights)?;
    }
    let difference = differences(&base.state, &tuned.state);
    if difference.modules.is_empty() {
        anyhow::bail!(
            "{} and {} have the same weights: there is nothing to extract",
            shown(args.base.display()),
            shown(args.tuned.display())
        );
    }
    let difference = Adapter { base_sha256: Some(base_sha256(&args.base)?), ..difference };
    let rank = args.rank as usize;
    let (adapter, told) = nearest_of(resized(&difference, &base.state, rank), rank, args.to);
    let title = args.tuned.file_stem().and_then(|name| name.to_str()).unwrap_or("adapter");
    args.to.write(&adapter, &PeftConfig::describing(&adapter), title, args.precision.into(), &target)?;
    args.to.tell(&adapter, &target, told)?;
    say!("extracted: {}", shown(target.display()));
    Ok(ExitCode::SUCCESS)
}

/// Refuses bases whose weights have other names or shapes.
fn must_be_one_network(args: &Args, base: &Base, tuned: &Base) -> anyhow::Result<()> {
    let names = base.state.keys().chain(tuned.state.keys());
    let shape = |base: &Base, name: &str| base.state.get(name).map(|tensor| tensor.shape.clone());
    for name in names {
        match (shape(base, name), shape(tuned, name)) {
            (Some(one), Some(other)) if one == other => {}
            (Some(one), Some(other)) => anyhow::bail!(
                "{} and {} are not the same network: {name} is {one:?} and {other:?}",
                shown(args.base.display()),
                shown(args.tuned.display())
            ),
            (one, _) => {
                let (has, has_not) = if one.is_some() { (&args.base, &args.tuned) } else { (&args.tuned, &args.base) };
                anyhow::bail!(
                    "{} has {name}, {} has not: they are not the same network",
                    shown(has.display()),
                    shown(has_not.display())
                )
            }
        }
    }
    Ok(())
}
