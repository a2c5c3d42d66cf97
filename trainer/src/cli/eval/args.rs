//! Flags of `trainer eval`, and the settings that they ask for.

use std::path::{Path, PathBuf};

use diffusion::schedule::TimestepSpacing;
use diffusion::{Model, Request, SamplerKind, Turbo};
use trainer::classifier::Design;
use trainer::styles::{Medium, Style};

use crate::cli::data_args::DataArgs;
use crate::cli::device::DeviceName;
use crate::cli::load::split_scale;
use crate::cli::sample::{sampler, spacing};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The base model's folder
    #[arg(long, default_value = "www/models/base")]
    pub base: PathBuf,
    /// Adapters to switch on, followed by :scale where it is not 1. A folder named like a style is compared with
    /// real pictures in that style
    #[arg(long, value_name = "DIR[:SCALE]")]
    pub lora: Vec<String>,
    /// The base alone first, then each --lora alone, instead of all of them together
    #[arg(long)]
    pub each: bool,
    /// Use what of an adapter fits the base, and say what is left out, here and in the report; else such an adapter is refused
    #[arg(long)]
    pub partial: bool,
    /// Denoising steps, one row each [default: 12; with an adapter that was taught to draw in few, those]
    #[arg(long, value_delimiter = ',')]
    pub steps: Vec<usize>,
    /// Guidance scales, one row each [default: the base's, usually 1.6; with an adapter that has it inside 1]
    #[arg(long, value_delimiter = ',')]
    pub guidance: Vec<f32>,
    /// Shares of the run before which there is no guidance, one row each
    #[arg(long, value_name = "0..1", value_delimiter = ',', default_values_t = [Request::new(0, 0).guidance_start])]
    pub guidance_start: Vec<f64>,
    /// Shares of the run from which on there is no guidance, one row each
    #[arg(long, value_name = "0..1", value_delimiter = ',', default_values_t = [Request::new(0, 0).guidance_stop])]
    pub guidance_stop: Vec<f64>,
    /// How much of what guidance adds along the predicted picture, its ink, is kept (1: plain guidance), one row each
    #[arg(long, value_name = "0..1", value_delimiter = ',', default_values_t = [Request::new(0, 0).guidance_eta])]
    pub guidance_eta: Vec<f32>,
    /// dpm++2m, ddim, euler or ddpm, one row each [default: dpm++2m; or the adapter's]
    #[arg(long, value_delimiter = ',', value_parser = sampler)]
    pub sampler: Vec<SamplerKind>,
    /// Which timesteps are visited: linspace, leading or trailing, one row each [default: as the base's scheduler says; or
    /// the adapter's]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = spacing)]
    pub timestep_spacing: Vec<TimestepSpacing>,
    /// Pictures per row, spread evenly over the classes
    #[arg(long, default_value_t = 1000)]
    pub count: usize,
    /// First seed
    #[arg(long, default_value_t = 1_000_000)]
    pub seed: u64,
    /// What is measured [default: accuracy,frechet,manifold; with --data copies, too]
    #[arg(long, value_enum, value_delimiter = ',')]
    measure: Vec<Measure>,
    /// What `--measure` asks for, filled in by `resolve`
    #[arg(skip)]
    pub measures: Vec<Measure>,
    /// The folder of the judges, which are trained first on the real pictures where their files do not exist, once
    #[arg(long, default_value = "data/judges")]
    pub judges: PathBuf,
    /// Which judges read plain digits: the report tells of each, and the worst
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Design::ALL)]
    pub judge: Vec<Design>,
    /// Times that a judge of your own pictures sees each of them [default: 12, of few pictures or for many classes more]
    #[arg(long, value_name = "N", requires = "data")]
    pub judge_epochs: Option<usize>,
    /// Pictures of your own that the base or the adapter was trained on, to compare with instead of MNIST: what `trainer base
    /// --data` takes
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub data_args: DataArgs,
    /// Where the report is written (Markdown, JSON, plots)
    #[arg(long, default_value = "runs/eval")]
    pub out: PathBuf,
    /// A model card with the two marks that the tables go between
    #[arg(long, value_name = "FILE")]
    pub card: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceName,
}

/// `--measure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Measure {
    /// Read as asked, and in the style that was asked for
    Accuracy,
    /// Fréchet distance to the test set
    Frechet,
    /// Precision, recall, density, coverage
    Manifold,
    /// Generated pictures that are training pictures again, and a sheet of them beside the nearest ones (with --data)
    Copies,
    /// A classifier trained on the generated pictures, tested on real ones; and one trained on as many real ones
    /// (minutes; comparable at --count 60000, as many as MNIST has)
    Transfer,
}

impl Args {
    /// Fills in what is measured.
    pub fn resolve(&mut self, own: bool) {
        self.measures = match (self.measure.is_empty(), own) {
            (false, _) => self.measure.clone(),
            (true, false) => vec![Measure::Accuracy, Measure::Frechet, Measure::Manifold],
            (true, true) => vec![Measure::Accuracy, Measure::Frechet, Measure::Manifold, Measure::Copies],
        };
    }

    /// Whether one of the rows is an adapter in a style.
    pub fn compares_styles(&self) -> bool {
        match self.each {
            true => self.lora.iter().any(|lora| style_of(std::slice::from_ref(lora)).is_some()),
            false => style_of(&self.lora).is_some(),
        }
    }

    /// Whether some row is of an adapter of a medium.
    pub fn compares_media(&self) -> bool {
        match self.each {
            true => self.lora.iter().any(|lora| medium_of(std::slice::from_ref(lora)).is_some()),
            false => medium_of(&self.lora).is_some(),
        }
    }

    /// One request for each row: every combination of the settings, over those of an adapter that was taught to draw in few
    /// steps; without guidance where the base has not learnt it.
    pub fn requests(&self, model: &Model, turbo: Option<&Turbo>) -> Vec<Request> {
        let usual = model.usual_request(0, 0);
        let mut requests = vec![turbo.map_or(usual.clone(), |turbo| turbo.request(usual))];
        vary(&mut requests, &self.sampler, |request, &sampler| request.sampler = sampler);
        vary(&mut requests, &self.timestep_spacing, |request, &spacing| request.timestep_spacing = Some(spacing));
        vary(&mut requests, &self.steps, |request, &steps| request.num_inference_steps = steps);
        if !model.base().info.null_class_trained {
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

/// Each request with each of the values, where there are any.
fn vary<T>(requests: &mut Vec<Request>, values: &[T], set: impl Fn(&mut Request, &T)) {
    let with = |request: &Request, value: &T| {
        let mut request = request.clone();
        set(&mut request, value);
        request
    };
    if values.is_empty() {
        return;
    }
    *requests = requests.iter().flat_map(|request| values.iter().map(|value| with(request, value))).collect();
}

/// The style that a single adapter's folder is named after.
pub fn style_of(loras: &[String]) -> Option<&'static Style> {
    let [lora] = loras else { return None };
    Style::named(Path::new(split_scale(lora).0).file_name()?.to_str()?).ok()
}

/// The medium of one adapter, by its folder's name.
pub fn medium_of(loras: &[String]) -> Option<&'static Medium> {
    let [lora] = loras else { return None };
    Medium::named(Path::new(split_scale(lora).0).file_name()?.to_str()?).ok()
}
