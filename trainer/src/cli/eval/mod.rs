//! `trainer eval`: measures how good the pictures of a base and its adapters are. Tests: of the measures, in `eval/`; of what is
//! refused, in `trainer/tests/runs/files.rs`.

mod args;
mod bench;

use std::process::ExitCode;

use trainer::eval::Report;
use trainer::messages::say;
use trainer::store::base_sha256;

use super::load::load_model;
use super::print::print;
pub use args::Args;
use args::{Measure, style_of};
use bench::Bench;

/// One of each digit: more than the neighbours that are looked at.
const FEWEST_FOR_MANIFOLD: usize = 10;

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.count == 0 {
        anyhow::bail!("--count must be at least 1");
    }
    if args.measure.contains(&Measure::Manifold) && args.count < FEWEST_FOR_MANIFOLD {
        anyhow::bail!(
            "--count {} is too few for precision and recall, which want {FEWEST_FOR_MANIFOLD}: draw more, or leave manifold out of --measure",
            args.count
        );
    }
    if args.judges.exists() && !args.judges.is_dir() {
        anyhow::bail!("--judges {} must be a folder, in which the judges are kept", args.judges.display());
    }
    if let Some(card) = &args.card {
        Report::check_card(card)?;
    }
    let mut bench = Bench::new(&args)?;
    let mut report = Report {
        base: args.base.display().to_string(),
        base_sha256: base_sha256(&args.base)?,
        judges: Vec::new(),
        floors: Vec::new(),
        rows: Vec::new(),
    };
    let combinations: Vec<Vec<String>> = match args.each {
        true => std::iter::once(vec![]).chain(args.lora.iter().map(|lora| vec![lora.clone()])).collect(),
        false => vec![args.lora.clone()],
    };
    for loras in combinations {
        let model = load_model(&args.base, &loras, false, args.device)?;
        let info = &model.base().info;
        if info.labels != bench.class_names() || info.image_size != bench.image_size() {
            anyhow::bail!(
                "{} draws {} of {} pixels, not MNIST's digits, which it would be compared with",
                args.base.display(),
                info.labels.join(", "),
                info.image_size
            );
        }
        let style = style_of(&loras);
        // Of an adapter that is named after no style, or of several, nothing is known.
        let styled = style.is_some() || loras.is_empty();
        let reference = bench.reference(style)?;
        report.floors = bench.floors();
        report.judges = bench.judges();
        let name = if loras.is_empty() { "base".to_owned() } else { short_names(&loras).join(" + ") };
        if !info.null_class_trained {
            say!("drawn without guidance: {} was trained without dropping labels", args.base.display());
        }
        for request in args.requests(info.null_class_trained) {
            report.rows.push(bench.row(name.clone(), &model, request, reference, styled)?);
            // What takes long is kept at once.
            report.save(&args.out)?;
        }
    }
    if let Some(card) = &args.card {
        report.put_into(card)?;
    }
    print(&report.to_markdown())?;
    say!("the report: {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// Adapters by their folders' names, strengths kept.
fn short_names(loras: &[String]) -> Vec<&str> {
    loras.iter().map(|lora| lora.trim_end_matches('/').rsplit('/').next().unwrap_or(lora)).collect()
}
