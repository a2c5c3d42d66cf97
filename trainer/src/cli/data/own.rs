//! `trainer data --data`: what would be learnt from pictures of one's own. Tests: `trainer/tests/runs/intake.rs`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diffusion::config::ModelInfo;
use serde_json::json;
use trainer::config::{Count, DataSettings};
use trainer::data::Dataset;
use trainer::data::check::{Purpose, counts};
use trainer::messages::{emit, json, say, shown, warn};
use trainer::picture::{ClassTiles, class_sheet, tiles_per_class};
use trainer::store::read_base;
use trainer::styles::Style;

use crate::cli::data_args::{DataArgs, Reader};
use crate::cli::print::print;

/// The base that `lora` takes where none is named.
const SHIPPED: &str = "www/models/base";
/// A line's length.
const COLUMNS: usize = 100;
/// Classes up to which each has a line of its own.
const LINES: usize = 16;

/// What is looked at, and for which base.
#[derive(Debug, clap::Args)]
pub struct OwnArgs {
    /// Look at pictures of your own instead: a folder or zip archive <class name>/* of pictures, an IDX, NPZ, Parquet or CSV file. Says
    /// and shows what `lora` or `base` would learn from them, and trains nothing
    #[arg(long, value_name = "PATH", conflicts_with_all = ["from", "style", "dir"])]
    pub data: Option<PathBuf>,
    /// The base that `lora` would train on [default: the shipped one, where it has the classes]
    #[arg(long, value_name = "DIR", requires = "data", conflicts_with = "image_size")]
    base: Option<PathBuf>,
    /// As for a new base of pictures of this side
    #[arg(long, visible_alias = "size", value_name = "N", requires = "data")]
    image_size: Option<usize>,
}

pub fn run(args: &OwnArgs, source: &DataArgs, path: &Path, sheet_file: &Path) -> anyhow::Result<ExitCode> {
    if !path.exists() && path.to_str().is_some_and(|name| Style::named(name).is_ok()) {
        anyhow::bail!("{0} is a style, drawn from MNIST: --style {0} shows it", shown(path.display()));
    }
    let image_size = Count::from(args.image_size);
    let reader = Reader(source.settings(DataSettings { image_size, ..DataSettings::default() }));
    reader.check(1)?;
    let base = base_for(args, &reader, path)?;
    let purpose = base.as_ref().map_or(Purpose::Base, |(_, info)| Purpose::Known(info));
    let read = reader.read(path, purpose)?;
    let data = &read.data;
    let location = shown(path.display());
    match &base {
        Some((dir, _)) => say!("{location}, as `trainer lora --base {}` learns it:", shown(dir.display())),
        None => say!("{location}, as `trainer base` learns it:"),
    }
    let counts = counts(data);
    let held_out = reader.held_out(data);
    print(&table(data.class_names(), &counts))?;
    let classes = counts.iter().filter(|&&count| count > 0).count();
    say!(
        "{} pictures of {classes} classes, {size}x{size}{colour}; {held_out} are held out to measure the loss on",
        data.len(),
        size = data.size(),
        colour = if data.channels() == 1 { "" } else { " in colour" }
    );
    read.tell();
    sheet(data).save_png(sheet_file)?;
    say!("what the network will see: {}", shown(sheet_file.display()));
    let stopped = reader.stop(path, &read);
    let (trained, _) = reader.split(data.clone())?;
    emit(json!({
        "data": path,
        "base": base.as_ref().map(|(dir, _)| dir),
        "image_size": data.size(),
        "channels": data.channels(),
        "pictures": data.len(),
        "held_out": held_out,
        "sha256": trained.sha256(),
        "classes": data.class_names().iter().zip(&counts).map(|(name, count)| json!({"name": name, "pictures": count})).collect::<Vec<_>>(),
        "left_out": read.skipped.iter().map(|one| json!({"file": one.path, "reason": one.reason})).collect::<Vec<_>>(),
        "notes": read.notes,
        "changes": read.changes.iter().map(|one| json!({"kind": one.kind, "pictures": one.pictures, "text": one.text})).collect::<Vec<_>>(),
        "findings": read.warnings.iter().map(|one| json!({"kind": one.kind, "pictures": one.pictures, "stops": one.stops, "text": one.text})).collect::<Vec<_>>(),
        "sheet": sheet_file,
        "stops": stopped.is_err(),
    }))?;
    match stopped {
        // One document is one result: this has the reasons in it already.
        Err(reason) if json() => {
            warn!("{reason}");
            Ok(ExitCode::FAILURE)
        }
        stopped => stopped.map(|()| ExitCode::SUCCESS),
    }
}

/// The base that the pictures are for: the one that is named, or the shipped one, if it has their classes.
fn base_for(args: &OwnArgs, reader: &Reader, path: &Path) -> anyhow::Result<Option<(PathBuf, ModelInfo)>> {
    if args.image_size.is_some() || reader.0.colour && args.base.is_none() {
        return Ok(None);
    }
    let named = args.base.is_some();
    let dir = args.base.clone().unwrap_or_else(|| SHIPPED.into());
    if !named && !dir.exists() {
        return Ok(None);
    }
    let info = read_base(&dir)?.info;
    if !named {
        let classes = Dataset::classes_at(path, &reader.0.options(None))?;
        if !classes.iter().all(|class| trainer::data::names::position(&info.labels, class).is_some()) {
            say!(
                "the base in {} does not have these classes: they are learnt by a base of their own",
                shown(dir.display())
            );
            return Ok(None);
        }
    }
    Ok(Some((dir, info)))
}

/// Names and counts of the classes.
fn table(names: &[String], counts: &[usize]) -> String {
    let names: Vec<String> = names.iter().map(shown).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let digits = counts.iter().max().map_or(1, |count| count.to_string().len());
    let cells: Vec<String> =
        names.iter().zip(counts).map(|(name, count)| format!("{name:width$}  {count:>digits$}")).collect();
    let per_line = if cells.len() <= LINES { 1 } else { (COLUMNS / (width + digits + 6)).max(1) };
    let rows = cells.len().div_ceil(per_line);
    let line = |row: usize| cells.iter().skip(row).step_by(rows).cloned().collect::<Vec<_>>().join("    ");
    (0..rows).map(|row| format!("  {}\n", line(row))).collect()
}

/// Pictures of each class, spread over all that it has: the first ones may be the best.
fn sheet(data: &Dataset) -> trainer::picture::Canvas {
    let most = tiles_per_class(data.size(), data.class_names().len());
    let mut of_class = vec![Vec::new(); data.class_names().len()];
    (0..data.len()).for_each(|i| of_class[usize::from(data.label(i))].push(i));
    let classes: Vec<ClassTiles> = (data.class_names().iter().zip(of_class))
        .map(|(name, all)| {
            let shown = most.min(all.len());
            let tiles = (0..shown).map(|at| data.image(all[at * all.len() / shown]).to_vec()).collect();
            ClassTiles { name: name.clone(), tiles }
        })
        .collect();
    class_sheet(data.size(), &classes)
}
