//! `trainer inspect`: prints what a file is. Tests: in `trainer/tests/runs`.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use trainer::inspect::{Facts, ModuleFacts, inspect};
use trainer::messages::{self, shown};

use super::print::print;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A base folder, an adapter (folder or file), a run, a checkpoint, a picture, a data set, or any other file
    path: PathBuf,
    /// The base whose names identify the modules of a kohya file
    #[arg(long, default_value = "www/models/base")]
    base: PathBuf,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Facts { kind, facts, modules, unused } = inspect(&args.path, &args.base)?;
    if messages::json() {
        let facts: serde_json::Map<_, _> =
            facts.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let path = args.path.display().to_string();
        messages::emit(
            serde_json::json!({ "path": path, "kind": kind, "facts": facts, "modules": modules, "unused": unused }),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    writeln!(text, "{}: {kind}", shown(args.path.display()))?;
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in facts {
        writeln!(text, "  {name:width$}  {}", shown(value))?;
    }
    let width = modules.iter().map(|module| module.path.len()).max().unwrap_or(0);
    for ModuleFacts { path, kind, rank, alpha, norm } in modules {
        write!(text, "  {path:width$}  {kind}")?;
        if let Some(rank) = rank {
            write!(text, " rank {rank:<3}")?;
        }
        if let Some(alpha) = alpha {
            write!(text, " alpha {alpha:<6}")?;
        }
        if let Some(norm) = norm {
            write!(text, " |update| {norm:.4}")?;
        }
        writeln!(text)?;
    }
    for unused in unused {
        writeln!(text, "  not used: {}: {}", shown(unused.names()), shown(unused.reason))?;
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
