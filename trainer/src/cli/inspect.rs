//! `trainer inspect`.

use std::path::PathBuf;
use std::process::ExitCode;

use trainer::inspect::{Facts, inspect};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A base folder, an adapter (folder or file), a checkpoint, a classifier, or any other safetensors file
    path: PathBuf,
    /// The base that tells which modules a kohya file means
    #[arg(long, default_value = "www/models/base")]
    base: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Facts { kind, facts, modules } = inspect(&args.path, &args.base)?;
    if args.json {
        let facts: serde_json::Map<_, _> =
            facts.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        println!("{:#}", serde_json::json!({ "kind": kind, "facts": facts, "modules": modules }));
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}: {kind}", args.path.display());
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in facts {
        println!("  {name:width$}  {value}");
    }
    let width = modules.iter().map(|module| module.path.len()).max().unwrap_or(0);
    for module in modules {
        println!(
            "  {:width$}  rank {:<3} alpha {:<6} |update| {:.4}",
            module.path, module.rank, module.alpha, module.norm
        );
    }
    Ok(ExitCode::SUCCESS)
}
