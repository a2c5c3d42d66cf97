//! `trainer base`: trains a base model. Tests: in `trainer/tests/runs`.

use std::path::PathBuf;
use std::process::ExitCode;

use diffusion::base::WEIGHTS;
use diffusion::schedule::{NoiseSchedule, PredictionType};
use diffusion::tensors::Precision;
use diffusion::unet::burn::{BurnUNet, read_state};
use diffusion::unet::init::initial_state;
use diffusion::{Base, Model};
use trainer::config::{self, BaseConfig, Count, DataSettings, ModelConfig};
use trainer::data::Dataset;
use trainer::data::check::Purpose;
use trainer::messages::say;
use trainer::ranks::Ranks;
use trainer::store::{read_base, write_base};
use trainer::train::{Origin, Trainer};

use super::data_args::{DataArgs, Reader};
use super::device::DeviceName;
use super::training::{Interrupt, TrainArgs, check_unchanged, is_finished, train};

/// Fewest steps of a run whose length nobody has set: what a few dozen pictures need.
const LEAST_STEPS: usize = 2000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder or zip archive <class name>/* of pictures, an IDX or a CSV file, instead of MNIST
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Side of the pictures that the base draws, a multiple of 4 [default: the pictures' own, where all are squares of one
    /// size, else 28]
    #[arg(long, value_name = "N", conflicts_with = "init")]
    image_size: Option<usize>,
    /// Start from this base model instead of from nothing; network, schedule and classes are its own
    #[arg(long, value_name = "DIR", conflicts_with_all = ["channels", "only_cross_attention", "prediction"])]
    init: Option<PathBuf>,
    /// Where the model is written
    #[arg(long, default_value = "runs/base")]
    out: PathBuf,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    /// Channels of each resolution, finest first [default: 32,64]
    #[arg(long, value_delimiter = ',')]
    channels: Option<Vec<usize>>,
    /// Resolutions whose pixels attend to the class tokens only, not to each other [default: true,false]
    #[arg(long, value_delimiter = ',')]
    only_cross_attention: Option<Vec<bool>>,
    /// What the network predicts [default: v]
    #[arg(long, value_enum)]
    prediction: Option<Prediction>,
    #[command(flatten)]
    source: DataArgs,
    #[command(flatten)]
    train: TrainArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Prediction {
    /// The velocity
    V,
    /// The noise
    Epsilon,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    args.train.check()?;
    let held = args.train.guard(&args.out, WEIGHTS)?;
    let checkpoint = args.train.checkpoint(&args.out, true)?;
    if checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.origin.adapter.is_some()) {
        anyhow::bail!("{} holds the run of an adapter: it goes on with `trainer lora`", args.out.display());
    }
    let resumed = match &checkpoint {
        Some(checkpoint) => {
            let base = read_base(&args.out)?;
            let config = BaseConfig { model: ModelConfig::of(&base), train: checkpoint.config.clone() };
            Some((base, config))
        }
        None => None,
    };
    let defaults = resumed.as_ref().map_or_else(BaseConfig::default, |(_, config)| config.clone());
    let mut config = config::load(defaults, args.train.config.as_deref())?;
    args.override_model(&mut config.model);
    let initial = args.init.as_deref().map(read_base).transpose()?;
    let known = resumed.as_ref().map(|(base, _)| base).or(initial.as_ref());
    let purpose = known.map_or(Purpose::Base, |base| Purpose::Known(&base.info));
    let image_size = Count::from(args.image_size);
    let reader = Reader(args.source.settings(DataSettings { image_size, ..DataSettings::default() }));
    reader.check(1)?;
    let (mut data, mut held_out) = match &args.data {
        Some(path) => reader.own(path, purpose)?,
        None => reader.mnist()?,
    };
    // The pictures may lack some of an existing base's classes.
    if let Some(base) = resumed.as_ref().map(|(base, _)| base).or(initial.as_ref()) {
        data = data.with_classes(&base.info.labels)?;
        held_out = held_out.map(|data| data.with_classes(&base.info.labels)).transpose()?;
    }
    if let Some(checkpoint) = &checkpoint {
        checkpoint.origin.must_be(&Origin { data_sha256: data.sha256(), adapter: None })?;
    }
    let started = resumed.as_ref().map(|(_, config)| &config.train);
    config.train = args.train.settings(config.train, started, data.len(), LEAST_STEPS)?;
    let (device, backend) = (args.device.open()?.autodiff(), args.device.backend()?);
    let interrupt = Interrupt::listen()?;

    let base = match (resumed, initial) {
        (Some((base, started)), _) => {
            // With --init the network is that base's, whatever a configuration says.
            if args.init.is_none() {
                check_unchanged(&started.model, &config.model, &[])?;
            }
            base
        }
        (None, Some(mut base)) => {
            base.info.null_class_trained |= config.train.class_dropout > 0.0;
            base
        }
        (None, None) => new_base(&config, &data)?,
    };
    config.model = ModelConfig::of(&base);
    let schedule = NoiseSchedule::new(base.schedule.clone());
    let unet = BurnUNet::from_base(&base, &device)?;
    let mut trainer = Trainer::new(config.train.clone(), &data, base.info.clone(), schedule, unet, device)?
        .with_operations(args.device.operations());
    let resumes = checkpoint.is_some();
    if let Some(checkpoint) = checkpoint {
        trainer = trainer.resume(checkpoint)?;
    }
    trainer = trainer.with_ranks(Ranks::here())?;
    if resumes && is_finished(&trainer) {
        return Ok(ExitCode::SUCCESS);
    }
    config.train = trainer.config().clone();
    let _held = args.train.begin(held, &args.out, WEIGHTS, &config)?;
    say!(
        "{} parameters, {} pictures of {} classes, {} steps of {}",
        base.state.values().map(|tensor| tensor.values.len()).sum::<usize>(),
        data.len(),
        data.class_names().len(),
        trainer.total(),
        config.train.images_per_step(),
    );
    let trained = |trainer: &Trainer<'_>| -> anyhow::Result<Base> {
        Ok(Base { state: read_state(&trainer.ema_unet())?, ..base.clone() })
    };
    train(
        trainer,
        &args.train,
        &interrupt,
        &args.out,
        held_out.as_ref(),
        |trainer, out| Ok(write_base(out, &trained(trainer)?, Precision::F32)?),
        |trainer| Ok(Model::new(trained(trainer)?, backend.clone())?),
    )
}

impl Args {
    fn override_model(&self, model: &mut ModelConfig) {
        if let Some(channels) = &self.channels {
            model.channels.clone_from(channels);
            // As many values as levels. The first of the default stay: the finest level attends to the class tokens alone.
            model.only_cross_attention.resize(channels.len(), false);
        }
        if let Some(flags) = &self.only_cross_attention {
            model.only_cross_attention.clone_from(flags);
        }
        match self.prediction {
            Some(Prediction::V) => model.prediction_type = PredictionType::VPrediction,
            Some(Prediction::Epsilon) => model.prediction_type = PredictionType::Epsilon,
            None => {}
        }
    }
}

fn new_base(config: &BaseConfig, data: &Dataset) -> anyhow::Result<Base> {
    let (mut info, unet, schedule) = config.model.describe(data)?;
    info.null_class_trained = config.train.class_dropout > 0.0;
    let state = initial_state(&unet, config.train.seed);
    Ok(Base { info, unet, schedule, state })
}
