//! `trainer eval`.

mod bench;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diffusion::{Request, SamplerKind};
use trainer::data::DEFAULT_DIR;
use trainer::eval::Report;
use trainer::say;
use trainer::store::base_sha256;
use trainer::styles::Style;

use super::device::DeviceName;
use super::sample::{load_model, sampler, split_scale};
use bench::Bench;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The base model's folder
    #[arg(long, default_value = "www/models/base")]
    base: PathBuf,
    /// Adapters to switch on, with :scale behind them where it is not 1. A folder named like a style is compared with
    /// real pictures in that style
    #[arg(long, value_name = "DIR[:SCALE]")]
    lora: Vec<String>,
    /// The base alone first, then each --lora alone, instead of all of them together
    #[arg(long)]
    each: bool,
    /// Denoising steps, one row each
    #[arg(long, value_delimiter = ',', default_values_t = [12])]
    steps: Vec<usize>,
    /// Guidance scales, one row each
    #[arg(long, value_delimiter = ',', default_values_t = [Request::new(0, 0).guidance_scale])]
    guidance: Vec<f32>,
    /// Shares of the run before which there is no guidance, one row each
    #[arg(long, value_name = "0..1", value_delimiter = ',', default_values_t = [Request::new(0, 0).guidance_start])]
    guidance_start: Vec<f64>,
    /// Shares of the run from which on there is no guidance, one row each
    #[arg(long, value_name = "0..1", value_delimiter = ',', default_values_t = [Request::new(0, 0).guidance_stop])]
    guidance_stop: Vec<f64>,
    /// How much of what guidance adds along the predicted picture, its ink, is kept (1: plain guidance), one row each
    #[arg(long, value_name = "0..1", value_delimiter = ',', default_values_t = [Request::new(0, 0).guidance_eta])]
    guidance_eta: Vec<f32>,
    /// dpm++2m, ddim, euler or ddpm, one row each
    #[arg(long, value_delimiter = ',', default_value = "dpm++2m", value_parser = sampler)]
    sampler: Vec<SamplerKind>,
    /// Pictures per row, spread evenly over the classes
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// First seed
    #[arg(long, default_value_t = 1_000_000)]
    seed: u64,
    /// What is measured
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Measure::Accuracy, Measure::Frechet, Measure::Manifold])]
    measure: Vec<Measure>,
    /// The folder of the judges, which are trained on real MNIST first where their files do not exist
    #[arg(long, default_value = "data/judges")]
    judges: PathBuf,
    /// The folder with MNIST (see `trainer data`)
    #[arg(long, default_value = DEFAULT_DIR)]
    mnist: PathBuf,
    /// Where the report is written (Markdown, JSON, plots)
    #[arg(long, default_value = "runs/eval")]
    out: PathBuf,
    /// A model card with the two marks that the tables go between
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
}

/// One of each digit: more than the neighbours that are looked at.
const FEWEST_FOR_MANIFOLD: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Measure {
    /// Read as asked, and in the style that was asked for
    Accuracy,
    /// Fréchet distance to the test set
    Frechet,
    /// Precision, recall, density, coverage
    Manifold,
    /// A classifier trained on the generated pictures, tested on real ones, beside one trained on as many real ones
    /// (minutes; comparable at --count 60000, as many as MNIST has)
    Transfer,
}

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
    super::print(&report.to_markdown())?;
    say!("the report: {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// Whether one of the rows is an adapter in a style.
    fn compares_styles(&self) -> bool {
        match self.each {
            true => self.lora.iter().any(|lora| style_of(std::slice::from_ref(lora)).is_some()),
            false => style_of(&self.lora).is_some(),
        }
    }

    /// Every setting, one row each; without guidance where the base has learnt none.
    fn requests(&self, guided: bool) -> Vec<Request> {
        let mut requests = vec![Request::new(0, 0)];
        vary(&mut requests, &self.sampler, |request, &sampler| request.sampler = sampler);
        vary(&mut requests, &self.steps, |request, &steps| request.num_inference_steps = steps);
        if !guided {
            requests.iter_mut().for_each(|request| request.guidance_scale = 1.0);
            return requests;
        }
        vary(&mut requests, &self.guidance, |request, &scale| request.guidance_scale = scale);
        vary(&mut requests, &self.guidance_start, |request, &start| request.guidance_start = start);
        vary(&mut requests, &self.guidance_stop, |request, &stop| request.guidance_stop = stop);
        vary(&mut requests, &self.guidance_eta, |request, &eta| request.guidance_eta = eta);
        requests
    }
}

/// Each request with each of the values.
fn vary<T>(requests: &mut Vec<Request>, values: &[T], set: impl Fn(&mut Request, &T)) {
    let with = |request: &Request, value: &T| {
        let mut request = request.clone();
        set(&mut request, value);
        request
    };
    *requests = requests.iter().flat_map(|request| values.iter().map(|value| with(request, value))).collect();
}

/// Adapters by their folders' names, strengths kept.
fn short_names(loras: &[String]) -> Vec<&str> {
    loras.iter().map(|lora| lora.trim_end_matches('/').rsplit('/').next().unwrap_or(lora)).collect()
}

/// The style that a single adapter's folder is named after.
fn style_of(loras: &[String]) -> Option<&'static Style> {
    let [lora] = loras else { return None };
    Style::named(Path::new(split_scale(lora).0).file_name()?.to_str()?).ok()
}
