//! `trainer convert`: adapters between the dialects, of other ranks, and several made one. Tests: in
//! `trainer/tests/runs/{files,conversions}.rs`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use diffusion::Base;
use diffusion::adapter::dora::DoraStrength;
use diffusion::adapter::join::{Join, joined, joined_differences};
use diffusion::adapter::resize::{Resized, resized};
use diffusion::adapter::{Adapter, Change, Update};
use diffusion::peft::{PeftConfig, in_blocks_of_peft};
use serde_json::{Map, Value};
use trainer::messages::{say, shown, warn};
use trainer::store::{base_weights, read_base};

use super::dialect::{Dialect, not_over, say_loss};
use super::headings::{MODEL, OUTPUT};
use super::load::{Loaded, load_adapter};
use super::precision::Float;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The adapter: a PEFT folder, or a file of PEFT, diffusers, kohya or LyCORIS; a :scale after it is baked in. Several
    /// are made one by --join
    #[arg(long, value_name = "DIR|FILE[:SCALE]", required = true, help_heading = MODEL)]
    lora: Vec<String>,
    /// How several become one
    #[arg(long, value_enum, help_heading = MODEL)]
    join: Option<How>,
    /// Write LoRA of this rank in place of any kind, as near as it gets, and say how near
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65536), help_heading = OUTPUT)]
    rank: Option<u32>,
    /// How it is written
    #[arg(long, value_enum, help_heading = OUTPUT)]
    to: Dialect,
    /// A folder for peft, else a file, or a folder for one
    #[arg(long, help_heading = OUTPUT)]
    out: PathBuf,
    /// The base it belongs to, whose names identify the modules
    #[arg(long, default_value = "www/models/base", help_heading = MODEL)]
    base: PathBuf,
    /// Use what of an adapter fits the base, and say what is left out; else such an adapter is refused
    #[arg(long, help_heading = MODEL)]
    partial: bool,
    /// Precision of the factors
    #[arg(long, value_enum, default_value_t = Float::F32, help_heading = OUTPUT)]
    precision: Float,
}

/// `--join`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    /// Mix the factors: the same rank, only roughly the sum
    Linear,
    /// Put the factors side by side: exactly the sum, the ranks add up
    Cat,
    /// The nearest LoRA of --rank to the sum (by default the largest of the ranks), of any kinds
    Svd,
}

/// What is to be written.
struct Made {
    adapter: Adapter,
    /// Where it is still the one that was read.
    config: Option<PeftConfig>,
    /// What is told to scripts.
    told: Map<String, Value>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let base = read_base(&args.base)?;
    let load = |text: &String| load_adapter(text, &args.base, &base, args.partial);
    let loaded = args.lora.iter().map(load).collect::<anyhow::Result<Vec<_>>>()?;
    let (target, weights) = args.to.target(&args.out)?;
    let read: Vec<PathBuf> = base_weights(&args.base)?.into_iter().map(|(path, _)| path).collect();
    not_over(read.iter().chain(loaded.iter().map(|loaded| &loaded.files.weights)), &weights)?;
    say_of_strength(&loaded, args.to);
    let Made { adapter, config, told } = made(&args, &loaded, &base)?;
    let config = config.unwrap_or_else(|| PeftConfig::describing(&adapter));
    let path = loaded.first().map_or("", |loaded| &loaded.path);
    let title = match &loaded[..] {
        [_] => Path::new(path).file_stem(),
        _ => target.file_stem(),
    };
    let title = title.and_then(|name| name.to_str()).unwrap_or("adapter");
    args.to.write(&adapter, &config, title, args.precision.into(), &target)?;
    args.to.tell(&adapter, &target, told)?;
    say!("converted: {}", shown(target.display()));
    Ok(ExitCode::SUCCESS)
}

/// Joined, of another rank, with its strength baked in, as is asked for.
fn made(args: &Args, loaded: &[Loaded], base: &Base) -> anyhow::Result<Made> {
    let rank = args.rank.map(|rank| rank as usize);
    let plain: Vec<Adapter> = loaded.iter().map(|loaded| loaded.adapter.clone().untaken()).collect();
    let weighted: Vec<(&Adapter, f32)> =
        plain.iter().zip(loaded).map(|(plain, loaded)| (plain, loaded.scale)).collect();
    let how = match (args.join, loaded) {
        (None, [one]) => return converted(args, one, rank, base),
        (None, _) => anyhow::bail!(
            "several adapters become one by --join: cat is exact and the ranks add up, svd is the nearest of --rank, \
             linear mixes the factors"
        ),
        (Some(how), _) => how,
    };
    let joined = match how {
        How::Linear => joined(&weighted, Join::Linear),
        How::Cat => joined(&weighted, Join::Cat),
        How::Svd => Ok(joined_differences(&weighted, &base.state)),
    };
    let joined = joined.map_err(|error| anyhow::anyhow!("--join: {error}"))?;
    let largest = plain.iter().map(Adapter::rank).max().unwrap_or(0);
    let rank = match (how, rank) {
        (How::Svd, None) if largest == 0 => anyhow::bail!("--join svd needs a --rank: these adapters have none"),
        (How::Svd, None) => Some(largest),
        (_, rank) => rank,
    };
    Ok(match rank {
        None => Made { adapter: joined, config: None, told: Map::new() },
        Some(rank) => nearest(resized(&joined, &base.state, rank), rank, args.to),
    })
}

/// One adapter.
fn converted(args: &Args, loaded: &Loaded, rank: Option<usize>, base: &Base) -> anyhow::Result<Made> {
    if let Some(rank) = rank {
        let differences = joined_differences(&[(&loaded.adapter, loaded.scale)], &base.state);
        return Ok(nearest(resized(&differences, &base.state, rank), rank, args.to));
    }
    let kinds = loaded.adapter.kinds().join(", ");
    let was_taken = loaded.adapter.modules.values().any(|update: &Update| update.taken.is_some());
    let Some(adapter) = loaded.adapter.clone().untaken().scaled(loaded.scale) else {
        anyhow::bail!("--lora: a strength cannot be baked into {kinds}; convert it at 1, give --rank, or use `merge`");
    };
    if args.to.is_of_kohya() {
        return Ok(Made { adapter: adapter.with_differences(&base.state), config: None, told: Map::new() });
    }
    if was_taken {
        say!("{} began as a part of the base: it becomes LoRA of twice the rank", shown(&loaded.path));
    }
    if args.to == Dialect::Peft && is_lokr_of_lycoris(loaded)? {
        let (adapter, config) = in_blocks_of_peft(adapter, &base.state).map_err(|error| {
            anyhow::anyhow!("{error}; --rank N makes plain LoRA of it, --to kohya and lycoris keep the blocks")
        })?;
        return Ok(Made { adapter, config: Some(config), told: Map::new() });
    }
    let config = if was_taken { None } else { Some(loaded.files.config(&adapter)?) };
    Ok(Made { adapter, config, told: Map::new() })
}

/// Says what it costs, and takes out what the dialect cannot hold.
pub fn nearest_of(mut resized: Resized, rank: usize, to: Dialect) -> (Adapter, Map<String, Value>) {
    let mut told = say_loss(&resized, rank);
    told.extend(to.take_what_has_no_name(&mut resized));
    (resized.adapter, told)
}

fn nearest(resized: Resized, rank: usize, to: Dialect) -> Made {
    let (adapter, told) = nearest_of(resized, rank, to);
    Made { adapter, config: None, told }
}

/// Whether its blocks are LyCORIS' own: PEFT cuts layers by a rule that such a file does not follow, and loads what was cut
/// otherwise wrongly, some of it without a word.
fn is_lokr_of_lycoris(loaded: &Loaded) -> anyhow::Result<bool> {
    let has_blocks = loaded.adapter.modules.values().any(|update| matches!(update.weight, Some(Change::Lokr(_))));
    Ok(has_blocks && loaded.files.config.is_none() && PeftConfig::of_file(&loaded.files.bytes)?.is_none())
}

/// DoRA means another thing by strengths in PEFT and in LyCORIS.
fn say_of_strength(loaded: &[Loaded], to: Dialect) {
    let theirs = if to.is_of_kohya() { DoraStrength::Peft } else { DoraStrength::Lycoris };
    let doras =
        loaded.iter().flat_map(|loaded| loaded.adapter.modules.values()).filter_map(|update| update.dora.as_ref());
    if doras.into_iter().any(|dora| dora.strength == theirs) {
        warn!("DoRA at 1 is the same in {}; at other strengths PEFT and LyCORIS mean different things", to.name());
    }
}
