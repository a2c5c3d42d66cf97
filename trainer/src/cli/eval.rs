//! `trainer eval`: are the digits what was asked for?

use std::path::PathBuf;
use std::process::ExitCode;

use diffusion::{Request, SamplerKind};
use trainer::classifier::{Classifier, TrainConfig, train};
use trainer::data::Dataset;
use trainer::eval::evaluate;
use trainer::parallel::default_threads;
use trainer::sampling::draw;

use super::device::DeviceName;
use super::sample::load_model;

/// Pictures drawn before they are read.
const ROUND: usize = 500;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The base model's folder
    #[arg(long, default_value = "www/models/base")]
    base: PathBuf,
    /// Adapters to switch on, with :scale behind them where it is not 1
    #[arg(long, value_name = "DIR[:SCALE]")]
    lora: Vec<String>,
    /// Denoising steps, one report each
    #[arg(long, value_delimiter = ',', default_values_t = [20])]
    steps: Vec<usize>,
    /// Guidance scales, one report each
    #[arg(long, value_delimiter = ',', default_values_t = [2.0])]
    guidance: Vec<f32>,
    /// dpm++2m, ddim, euler or ddpm
    #[arg(long, default_value = "dpm++2m", value_parser = |name: &str| SamplerKind::from_name(name).map_err(|e| e.to_string()))]
    sampler: SamplerKind,
    /// Pictures per report, spread evenly over the classes
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// First seed
    #[arg(long, default_value_t = 1_000_000)]
    seed: u64,
    /// The judge, trained on real MNIST first where the file does not exist
    #[arg(long, default_value = "data/classifier.safetensors")]
    classifier: PathBuf,
    /// The folder with MNIST (see `trainer data`)
    #[arg(long, default_value = "data/mnist")]
    mnist: PathBuf,
    /// Where the reports are written (JSON and Markdown)
    #[arg(long, default_value = "runs/eval")]
    out: PathBuf,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let judge = judge(&args)?;
    let model = load_model(&args.base, &args.lora, false, args.device)?;
    let classes = model.base().info.num_classes();
    let suffix = if args.lora.is_empty() { String::new() } else { format!(", with {}", args.lora.join(" and ")) };
    for &steps in &args.steps {
        for &guidance in &args.guidance {
            let title = format!("{} at {steps} steps, guidance {guidance}{suffix}", args.sampler.name());
            let rounds = (0..args.count).step_by(ROUND).map(|from| {
                let range = from..(from + ROUND).min(args.count);
                let request = Request {
                    labels: range.clone().map(|i| i % classes).collect(),
                    seeds: range.map(|i| args.seed + i as u64).collect(),
                    num_inference_steps: steps,
                    sampler: args.sampler,
                    guidance_scale: guidance,
                    ..Request::new(0, 0)
                };
                let images = draw(&model, &request, default_threads(), |_, _| {});
                images
                    .map(|images| request.labels.into_iter().map(|label| label as u16).zip(images).collect::<Vec<_>>())
            });
            let samples = rounds.flat_map(|round| match round {
                Ok(samples) => samples.into_iter().map(Ok).collect::<Vec<_>>(),
                Err(error) => vec![Err(error)],
            });
            let report = evaluate(&title, &judge, samples)?;
            report.save(&args.out, &format!("{}-{steps}-{guidance}", args.sampler.name()))?;
            println!("{}", report.to_markdown());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn judge(args: &Args) -> anyhow::Result<Classifier> {
    let device = args.device.open();
    if args.classifier.exists() {
        return Ok(Classifier::load(&args.classifier, &device)?);
    }
    eprintln!("training the judge on real MNIST first: a few minutes, once");
    let data = Dataset::mnist_train(&args.mnist)?;
    let bar = indicatif::ProgressBar::new(0);
    let mut classifier = train(&TrainConfig::default(), &data, &device, |progress| {
        bar.set_length(progress.total as u64);
        bar.set_position(progress.step as u64);
    })?;
    bar.finish_and_clear();
    let accuracy = classifier.test(&Dataset::mnist_test(&args.mnist)?)?;
    classifier.save(&args.classifier)?;
    eprintln!(
        "the judge reads {:.2} % of the real test pictures right: {}",
        100.0 * accuracy,
        args.classifier.display()
    );
    Ok(classifier)
}
