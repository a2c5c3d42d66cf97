//! `trainer eval`: measures how good the pictures of a base and its adapters are, against MNIST (`bench`) or pictures of one's own
//! (`own`, with its `own_judge`). Tests: of the measures, in `eval/`; whole, in `trainer/tests/runs/own.rs`; of what is refused,
//! in `files.rs` there.

mod args;
mod bench;
mod drawing;
mod look;
mod own;
mod own_judge;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use diffusion::adapter::Adapter;
use diffusion::config::ModelInfo;
use diffusion::{Model, Turbo};
use trainer::eval::Report;
use trainer::messages::{emit, say, shown};
use trainer::ranks::Ranks;
use trainer::store::{AdapterFiles, base_sha256, read_base};

use super::export::are_digits;
use super::load::{load_model, split_scale};
use super::print::print;
pub use args::Args;
use args::Measure;
use bench::Bench;
use drawing::help_to_draw;
use look::{Canvas, Look};
use own::Own;

/// Side of MNIST's pictures.
const MNIST_SIZE: usize = 28;
/// One of each digit: more than the neighbours that are looked at.
const FEWEST_FOR_MANIFOLD: usize = 10;

pub fn run(mut args: Args) -> anyhow::Result<ExitCode> {
    if args.data.is_none() {
        args.data = trained_on(&args.base)?;
    }
    args.resolve(args.data.is_some());
    if args.count == 0 {
        anyhow::bail!("--count must be at least 1");
    }
    if args.measures.contains(&Measure::Manifold) && args.count < FEWEST_FOR_MANIFOLD {
        anyhow::bail!(
            "--count {} is too few for precision and recall, which want {FEWEST_FOR_MANIFOLD}: draw more, or leave manifold out of --measure",
            args.count
        );
    }
    if args.data.is_none() && args.measures.contains(&Measure::Copies) {
        anyhow::bail!("--measure copies compares with the training pictures: name them with --data");
    }
    if args.judges.exists() && !args.judges.is_dir() {
        anyhow::bail!("--judges {} must be a folder, in which the judges are kept", shown(args.judges.display()));
    }
    if let Some(card) = &args.card {
        Report::check_card(card)?;
    }
    if !Ranks::here().is_first() {
        return help(&args);
    }
    let mut report = Report {
        base: args.base.display().to_string(),
        base_sha256: base_sha256(&args.base)?,
        data: None,
        notes: parts_of(&args)?,
        judges: Vec::new(),
        floors: Vec::new(),
        rows: Vec::new(),
    };
    match args.data.clone() {
        Some(path) => against_own(&args, path, &mut report)?,
        None => against_mnist(&args, &mut report)?,
    }
    if let Some(card) = &args.card {
        report.put_into(card)?;
    }
    emit(serde_json::from_str(&report.to_json()?)?)?;
    print(&report.to_markdown())?;
    say!("the report: {}", shown(args.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// The pictures of one's own that the base was trained on, if its run says so.
fn trained_on(base: &Path) -> anyhow::Result<Option<PathBuf>> {
    let config = base.join("config.toml");
    let Ok(text) = std::fs::read_to_string(&config) else { return Ok(None) };
    let Ok(settings) = text.parse::<toml::Table>() else { return Ok(None) };
    let Some(path) = settings.get("run").and_then(|run| run.get("data")?.as_str()) else { return Ok(None) };
    if !Path::new(path).exists() {
        anyhow::bail!(
            "{} says that the base was trained on {}, which is not there: name its pictures with --data",
            shown(config.display()),
            shown(path)
        );
    }
    say!("comparing with {}, which the base was trained on by its config.toml (--data names others)", shown(path));
    Ok(Some(path.into()))
}

/// The part of ranks other than the first, which measures and writes: they draw.
fn help(args: &Args) -> anyhow::Result<ExitCode> {
    for loras in combinations(args) {
        let Drawer { model, turbo, .. } = load(args, &loras)?;
        for request in args.requests(&model, turbo.as_ref()) {
            help_to_draw(args, &model, &request)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The adapters of each row.
fn combinations(args: &Args) -> Vec<Vec<String>> {
    match args.each {
        true => std::iter::once(vec![]).chain(args.lora.iter().map(|lora| vec![lora.clone()])).collect(),
        false => vec![args.lora.clone()],
    }
}

/// Of which adapters the rows measure a part only.
fn parts_of(args: &Args) -> anyhow::Result<Vec<String>> {
    let base = read_base(&args.base)?;
    let mut notes = Vec::new();
    for lora in args.lora.iter().filter(|_| args.partial) {
        let (path, _) = split_scale(lora);
        let Adapter { used, unused, .. } = AdapterFiles::read(Path::new(path))?.adapter_partially(&base.state)?;
        if !unused.is_empty() {
            notes.push(format!(
                "{}: {used} of {} tensors are used, what fits the base",
                shown(path),
                used + unused.len()
            ));
        }
    }
    Ok(notes)
}

/// A base with adapters.
struct Drawer {
    model: Model,
    /// What to call it.
    name: String,
    /// How it is drawn with, where an adapter says so.
    turbo: Option<Turbo>,
}

fn load(args: &Args, loras: &[String]) -> anyhow::Result<Drawer> {
    let (model, turbo) = load_model(&args.base, loras, (false, args.partial), args.device)?;
    if !model.base().info.null_class_trained {
        say!("drawn without guidance: {} was trained without dropping labels", shown(args.base.display()));
    }
    let name = if loras.is_empty() { "base".to_owned() } else { short_names(loras).join(" + ") };
    Ok(Drawer { model, name, turbo })
}

fn against_own(args: &Args, path: PathBuf, report: &mut Report) -> anyhow::Result<()> {
    let combinations = combinations(args);
    let mut models = combinations.iter().map(|loras| load(args, loras)).peekable();
    let info: ModelInfo = match models.peek() {
        Some(Ok(drawer)) => drawer.model.base().info.clone(),
        _ => models.next().context("there is nothing to draw")??.model.base().info.clone(),
    };
    let own = Own::new(args, &path, &info)?;
    report.data = Some(own.data.clone());
    report.notes.extend(own.notes.iter().cloned());
    report.judges = vec![own.sentence.clone()];
    report.floors = vec![own.floor.clone()];
    for model in models {
        let Drawer { model, name, turbo } = model?;
        for request in args.requests(&model, turbo.as_ref()) {
            let number = report.floors.len() + report.rows.len() + 1;
            report.rows.push(own.row(&name, &model, &request, number)?);
            // What takes long is kept at once.
            report.save(&args.out)?;
        }
    }
    Ok(())
}

fn against_mnist(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    // Before MNIST is missed, which whoever has pictures of their own need not have.
    let base = read_base(&args.base)?;
    let (info, canvas) = (&base.info, Canvas::of(&base));
    let as_mnist = match &canvas {
        Some(canvas) => canvas.side >= MNIST_SIZE,
        None => info.image_size == MNIST_SIZE && info.channels == 1,
    };
    if !are_digits(&info.labels) || !as_mnist {
        anyhow::bail!(
            "{} draws {} of {} pixels{}, not MNIST's digits: name the pictures that it was trained on with --data",
            shown(args.base.display()),
            few(&info.labels),
            info.image_size,
            if info.channels == 1 { "" } else { " in colour" }
        );
    }
    let on_canvas = canvas.is_some();
    let mut bench = Bench::new(args, canvas)?;
    for loras in combinations(args) {
        let Drawer { model, name, turbo } = load(args, &loras)?;
        // An adapter for few steps has no style of its own.
        let is_turbo =
            |lora: &String| model.adapters().get(split_scale(lora).0).is_some_and(|adapter| adapter.turbo.is_some());
        let loras: Vec<String> = loras.into_iter().filter(|lora| !is_turbo(lora)).collect();
        // Of an adapter that is named after no style, or of several, nothing is known.
        let (look, styled) = Look::of(&loras, on_canvas);
        let reference = bench.reference(look)?;
        report.floors = bench.floors();
        report.judges = bench.judges();
        for request in args.requests(&model, turbo.as_ref()) {
            report.rows.push(bench.row(name.clone(), &model, request, reference, styled)?);
            // What takes long is kept at once.
            report.save(&args.out)?;
        }
    }
    Ok(())
}

/// Names for a message, the first ones of many.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len().saturating_sub(SHOWN) {
        0 => names.join(", "),
        more => format!("{} and {more} more classes", names[..SHOWN].join(", ")),
    }
}

/// Adapters by their folders' names, strengths kept.
fn short_names(loras: &[String]) -> Vec<&str> {
    loras.iter().map(|lora| lora.trim_end_matches('/').rsplit('/').next().unwrap_or(lora)).collect()
}
