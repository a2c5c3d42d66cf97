//! `trainer base`: trains a base model. Tests: in `trainer/tests/runs`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use diffusion::base::WEIGHTS;
use diffusion::schedule::{NoiseSchedule, PredictionType};
use diffusion::tensors::Precision;
use diffusion::unet::burn::{BurnUNet, read_state};
use diffusion::unet::init::initial_state;
use diffusion::{Base, Model, Request};
use trainer::autoencoder::{Media, latent_rgb};
use trainer::config::{self, BaseConfig, Count, Keep, ModelConfig, RunSettings};
use trainer::data::Dataset;
use trainer::data::check::Purpose;
use trainer::messages::{say, shown};
use trainer::ranks::Ranks;
use trainer::store::{read_base, write_base};
use trainer::train::{Origin, Source, Trainer, Training};

use super::behind::{Behind, LATENTS};
use super::data_args::{DataArgs, Reader};
use super::device::DeviceName;
use super::training::{
    Drawing, Given, Interrupt, Plan, Run, TrainArgs, check_unchanged, is_finished, list_presets, print_config,
    say_estimate, stored_settings,
};

/// Fewest steps of a run whose length nobody has set: what a few dozen pictures need.
const LEAST_STEPS: usize = 2000;
/// Pictures that tell what latents look like.
const LOOKED_AT: usize = 512;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder or zip archive <class name>/* of pictures, an IDX, NPZ, Parquet or CSV file, instead of MNIST
    #[arg(long, value_name = "PATH", help_heading = "Data")]
    data: Option<PathBuf>,
    /// Side of the pictures that the base draws, a multiple of 4 [default: the pictures' own, where all are squares of one
    /// size, else 28]
    #[arg(long, visible_alias = "size", value_name = "N", conflicts_with = "init", help_heading = "Data")]
    image_size: Option<usize>,
    #[command(flatten, next_help_heading = "Data")]
    source: DataArgs,
    /// Start from this base model instead of from nothing; network, schedule and classes are its own
    #[arg(long, value_name = "DIR", conflicts_with_all = ["channels", "only_cross_attention", "prediction"], help_heading = "Network")]
    init: Option<PathBuf>,
    /// Side of the squares of pixels that the network takes as one, folded into channels: 4 makes a step of large pictures cheap,
    /// details coarser [default: 2]
    #[arg(long, value_name = "N", conflicts_with = "init", help_heading = "Network")]
    patch_size: Option<usize>,
    /// Work on the latents of this autoencoder (a run of `trainer autoencoder`), not on pixels: larger pictures, as MNIST's digits in
    /// ink, at about the same cost
    #[arg(long, value_name = "DIR", conflicts_with_all = ["init", "patch_size"], help_heading = "Network")]
    autoencoder: Option<PathBuf>,
    /// With --autoencoder: draw the pictures of --data as ink on paper, as MNIST's digits are
    #[arg(long, requires = "autoencoder", help_heading = "Data")]
    ink: bool,
    /// Channels of each resolution, finest first [default: 32,64]
    #[arg(long, value_delimiter = ',', help_heading = "Network")]
    channels: Option<Vec<usize>>,
    /// Resolutions whose pixels attend to the class tokens only, not to each other [default: true,false]
    #[arg(long, value_delimiter = ',', help_heading = "Network")]
    only_cross_attention: Option<Vec<bool>>,
    /// What the network predicts [default: v]
    #[arg(long, value_enum, help_heading = "Network")]
    prediction: Option<Prediction>,
    /// Where to compute [default: cpu]
    #[arg(long, value_enum, help_heading = "Batches")]
    device: Option<DeviceName>,
    /// Where the model is written
    #[arg(long, value_name = "DIR", default_value = "runs/base", help_heading = "Output")]
    out: PathBuf,
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
    if args.train.list_presets {
        return list_presets();
    }
    args.train.check()?;
    let run = args.settings()?;
    let device = DeviceName::named(run.device.as_deref().unwrap_or_default())?;
    let held = if args.train.print_config { None } else { args.train.guard(&args.out, WEIGHTS)? };
    let checkpoint = args.train.checkpoint(&args.out, true)?;
    if checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.origin.adapter.is_some()) {
        anyhow::bail!("{} holds the run of an adapter: it goes on with `trainer lora`", shown(args.out.display()));
    }
    let resumed = match &checkpoint {
        Some(checkpoint) => {
            let base = read_base(&args.out)?;
            let (model, train) = (ModelConfig::of(&base), checkpoint.config.clone());
            let config = BaseConfig { model, train, run: RunSettings::default() };
            Some((base, config))
        }
        None => None,
    };
    let defaults = resumed.as_ref().map_or_else(BaseConfig::default, |(_, config)| config.clone());
    let mut config = config::load(defaults, args.train.config.as_deref())?;
    args.override_model(&mut config.model);
    let initial = run.init.as_deref().map(read_base).transpose()?;
    let known = resumed.as_ref().map(|(base, _)| base).or(initial.as_ref());
    // MNIST's digits are drawn as ink where there is an autoencoder to see them.
    let ink = run.ink.unwrap_or(run.data.is_none());
    let behind = Behind::of(known, args.new_autoencoder(&run, known), args.image_size, ink.then(Media::ink))?;
    let pictures = run.pictures.clone().unwrap_or_default();
    let (purpose, pictures) = match (&behind, known) {
        (Some(behind), _) => (Purpose::Base, behind.settings(pictures)),
        (None, Some(base)) => (Purpose::Known(&base.info), pictures),
        (None, None) => (Purpose::Base, pictures),
    };
    let reader = Reader(pictures);
    reader.check(1)?;
    let (mut data, mut held_out) = match &run.data {
        Some(path) => reader.own(Path::new(path), purpose)?,
        None => {
            let channels = reader.channels(purpose)?;
            let (data, held_out) = reader.mnist()?;
            (data.in_channels(channels), held_out.map(|data| data.in_channels(channels)))
        }
    };
    // The pictures may lack some of an existing base's classes.
    if let Some(base) = resumed.as_ref().map(|(base, _)| base).or(initial.as_ref()) {
        data = data.with_classes(&base.info.labels)?;
        held_out = held_out.map(|data| data.with_classes(&base.info.labels)).transpose()?;
    }
    if let Some(checkpoint) = &checkpoint {
        let data_sha256 = match &behind {
            Some(behind) => behind.sha256(&data)?,
            None => data.sha256(),
        };
        checkpoint.origin.must_be(&Origin { data_sha256, adapter: None })?;
    }
    let started = resumed.as_ref().map(|(_, config)| &config.train);
    // Latents are no strokes that could be moved.
    let strength = if behind.is_some() { 0.0 } else { 1.0 };
    let given = Given::of(&data, run.data.is_some(), strength, LEAST_STEPS);
    config.train = args.train.settings(config.train, started, None, given)?;
    if behind.is_some() && config.train.augment > 0.0 {
        anyhow::bail!("--augment moves the strokes of pictures, and this base learns latents; leave it out");
    }
    let plan = Plan::new(&run, config.train.total_steps(data.len()));
    config.run = plan.written(&run);

    let is_new = resumed.is_none();
    let mut base = match (resumed, initial) {
        (Some((base, started)), _) => {
            // With --init the network is that base's, whatever a configuration says.
            if run.init.is_none() {
                check_unchanged(&started.model, &config.model, &[])?;
            }
            base
        }
        (None, Some(mut base)) => {
            base.info.null_class_trained |= config.train.class_dropout > 0.0;
            base
        }
        (None, None) => new_base(&config, &data, behind.as_ref())?,
    };
    config.model = ModelConfig::of(&base);
    if args.train.print_config {
        return print_config(&config);
    }
    let (operations, backend, device) = (device.operations(), device.backend()?, device.open()?.autodiff());
    let interrupt = Interrupt::listen()?;
    let schedule = NoiseSchedule::new(base.schedule.clone());
    let unet = BurnUNet::from_base(&base, &device)?;
    let encoded = match &behind {
        Some(behind) => {
            let pictures = (&data, held_out.as_ref());
            match behind.encoded(pictures, &args.out.join(LATENTS), config.train.threads, &interrupt)? {
                None => return Ok(ExitCode::from(130)),
                encoded => encoded,
            }
        }
        None => None,
    };
    if let (true, Some(behind), Some((latents, _))) = (is_new, &behind, &encoded) {
        base.info.latent_rgb = latent_rgb(&*behind.pictures(&data, 0)?, latents, LOOKED_AT);
    }
    let (source, held_out): (&dyn Source, Option<&dyn Source>) = match &encoded {
        Some((data, held_out)) => (data, held_out.as_ref().map(|data| data as _)),
        None => (&data, held_out.as_ref().map(|data| data as _)),
    };
    let mut trainer = Trainer::new(config.train.clone(), source, base.info.clone(), schedule, unet, device)?
        .with_operations(operations);
    let resumes = checkpoint.is_some();
    if let Some(checkpoint) = checkpoint {
        trainer = trainer.resume(checkpoint)?;
    }
    trainer = trainer.with_ranks(Ranks::here())?;
    if resumes && is_finished(&trainer, &plan)? {
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
    let run = Run { plan: &plan, interrupt: &interrupt, out: &args.out };
    let trained = |trainer: &Trainer<'_>, keep: Keep| -> anyhow::Result<Base> {
        let unet = if keep == Keep::Best { trainer.best_unet()? } else { trainer.ema_unet()? };
        Ok(Base { state: read_state(&unet)?, ..base.clone() })
    };
    let drawing = Drawing {
        held_out,
        request: Request::new(0, 0),
        seed: plan.sample_seed,
        out: &args.out,
        save: |trainer: &Trainer<'_>, keep: Keep, out: &Path| {
            Ok(write_base(out, &trained(trainer, keep)?, Precision::F32)?)
        },
        model: |trainer: &Trainer<'_>, keep: Keep| Ok(Model::new(trained(trainer, keep)?, backend.clone())?),
    };
    let parameters = base.state.values().map(|tensor| tensor.values.len()).sum();
    if !say_estimate(&mut trainer, &run, &drawing, &base, parameters)? {
        return Ok(ExitCode::from(130));
    }
    run.train(trainer, &drawing)
}

impl Args {
    /// What flags, `--config` and with `--resume` the run itself say of data, device and intervals.
    fn settings(&self) -> anyhow::Result<RunSettings> {
        let flags = RunSettings {
            data: self.data.as_ref().map(|path| path.to_string_lossy().into_owned()),
            init: self.init.clone(),
            autoencoder: self.autoencoder.clone(),
            ink: self.ink.then_some(true),
            device: self.device.map(DeviceName::name),
            ..self.train.run_settings()
        };
        let mut run = flags.over(config::run_settings(self.train.config.as_deref())?.unwrap_or_default());
        if self.train.resume
            && let Some(stored) = stored_settings(&self.out)?
        {
            run = run.over(self.train.without_stale(stored));
        }
        run.check()?;
        let mut pictures = self.source.settings(run.pictures.take().unwrap_or_else(|| self.train.unset_pictures()));
        pictures.image_size = self.image_size.map_or(pictures.image_size, Count::Of);
        run.pictures = Some(pictures);
        if let Some(path) = run.data.as_deref().filter(|path| self.data.is_none() && !Path::new(path).exists()) {
            anyhow::bail!(
                "data of [run], counted from the folder in which the program is started, {} is not there; give --data",
                shown(path)
            );
        }
        run.device.get_or_insert_with(|| DeviceName::default().name());
        Ok(run)
    }

    /// The autoencoder of a base that is begun. One that goes on has a copy of its own.
    fn new_autoencoder<'a>(&self, run: &'a RunSettings, known: Option<&Base>) -> Option<&'a Path> {
        run.autoencoder.as_deref().filter(|_| known.is_none() || !self.train.resume)
    }

    fn override_model(&self, model: &mut ModelConfig) {
        if let Some(channels) = &self.channels {
            model.channels.clone_from(channels);
            // As many values as levels. The first of the default stay: the finest level attends to the class tokens alone.
            model.only_cross_attention.resize(channels.len(), false);
        }
        if let Some(flags) = &self.only_cross_attention {
            model.only_cross_attention.clone_from(flags);
        }
        model.patch_size = self.patch_size.unwrap_or(model.patch_size);
        match self.prediction {
            Some(Prediction::V) => model.prediction_type = PredictionType::VPrediction,
            Some(Prediction::Epsilon) => model.prediction_type = PredictionType::Epsilon,
            None => {}
        }
    }
}

fn new_base(config: &BaseConfig, data: &Dataset, behind: Option<&Behind>) -> anyhow::Result<Base> {
    let latents = behind.map(|behind| (&behind.codec.autoencoder().config, behind.side()));
    let (mut info, unet, schedule) = config.model.describe(data, latents)?;
    info.null_class_trained = config.train.class_dropout > 0.0;
    let state = initial_state(&unet, config.train.seed);
    Ok(Base { info, unet, schedule, state, autoencoder: behind.map(|behind| Arc::clone(&behind.codec)) })
}
