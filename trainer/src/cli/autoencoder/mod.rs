//! `trainer autoencoder`: trains an autoencoder. Tests: in `trainer/tests/runs/autoencoder.rs`.

mod args;
mod run;

use std::process::ExitCode;

use diffusion::autoencoder::Autoencoder;
use diffusion::autoencoder::files::WEIGHTS;
use diffusion::autoencoder::init::initial_state;
use trainer::autoencoder::{AutoencoderRun, Inked, Media, Pictures};
use trainer::config::{self, AutoencoderRunConfig, RunSettings};
use trainer::data::Dataset;
use trainer::messages::{say, shown};
use trainer::train::{Checkpoint, Training};

use super::behind::HELD_OUT_INK;
use super::device::DeviceName;
use super::training::{
    Given, Interrupt, Plan, Run, check_unchanged, is_finished, list_presets, print_config, stored_config,
};
pub use args::Args;
use run::Reconstructing;

/// Fewest steps of a run whose length nobody has set.
const LEAST_STEPS: usize = 2000;

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.train.list_presets {
        return list_presets();
    }
    args.train.check()?;
    args.train.check_without_classes()?;
    let run = args.settings()?;
    let device = DeviceName::named(run.device.as_deref().unwrap_or_default())?;
    let held = if args.train.print_config { None } else { args.train.guard(&args.out, WEIGHTS)? };
    let checkpoint = args.train.checkpoint(&args.out, true)?;
    if checkpoint.is_some() && !args.out.join(WEIGHTS).is_file() {
        anyhow::bail!("{} holds another kind of run, not that of an autoencoder", shown(args.out.display()));
    }
    let started = checkpoint.as_ref().map(|checkpoint| started(&args, checkpoint)).transpose()?;
    let mut config = config::load(started.clone().unwrap_or_default(), args.train.config.as_deref())?;
    let (data, held_out) = args.pictures(&run)?;
    args.override_settings(&mut config.autoencoder, &data, run.data.is_some())?;
    let settings = &config.autoencoder;
    if let Some(started) = &started {
        check_unchanged(&started.autoencoder, settings, &["crop", "crop_share"])?;
    }
    let side = settings.image_size;
    let drawn = |data, first| -> anyhow::Result<Box<dyn Pictures + '_>> {
        let data: &Dataset = data;
        Ok(if settings.ink { Box::new(Inked::new(data, Media::All, side, first)?) } else { Box::new(data) })
    };
    let pictures = drawn(&data, 0)?;
    let held_out = held_out.as_ref().map(|data| drawn(data, HELD_OUT_INK)).transpose()?;
    let coloured = pictures.channels() > 1;
    let given = Given { pictures: data.len(), classes: 1, augment: 0.0, coloured, least: LEAST_STEPS };
    let train_before = checkpoint.as_ref().map(|checkpoint| &checkpoint.config);
    config.train = args.train.settings(config.train, train_before, None, given)?;
    let plan = Plan::new(&run, config.train.total_steps(data.len()));
    config.run = plan.written(&run);
    let network = config.autoencoder.network(pictures.channels())?;
    if args.train.print_config {
        return print_config(&config);
    }
    let state = initial_state(&network, config.train.seed);
    let parameters = state.values().map(|tensor| tensor.values.len()).sum::<usize>();
    let (operations, device) = (device.operations(), device.open()?.autodiff());
    let interrupt = Interrupt::listen()?;
    let start = Autoencoder { config: network, state };
    let mut trainer =
        AutoencoderRun::new(config.train.clone(), &config.autoencoder, start, &*pictures, device, operations)?;
    if let Some(checkpoint) = checkpoint {
        trainer = trainer.resume(checkpoint)?;
        if is_finished(&trainer, &plan)? {
            return Ok(ExitCode::SUCCESS);
        }
    }
    config.train = trainer.config().clone();
    let _held = args.train.begin(held, &args.out, WEIGHTS, &config)?;
    say!(
        "{parameters} parameters, {} pictures of {side}x{side} in {}, {} steps of {}",
        data.len(),
        if pictures.channels() == 1 { "grey" } else { "colour" },
        trainer.total(),
        config.train.images_per_step(),
    );
    let (pictures, held_out) = (&*pictures, held_out.as_deref());
    let work = Reconstructing { keep: plan.keep, pictures, held_out };
    Run { plan: &plan, interrupt: &interrupt, out: &args.out }.train(trainer, &work)
}

/// What the run that is gone on with was started with.
fn started(args: &Args, checkpoint: &Checkpoint) -> anyhow::Result<AutoencoderRunConfig> {
    let stored = stored_config(&args.out, AutoencoderRunConfig::default())?;
    Ok(AutoencoderRunConfig { train: checkpoint.config.clone(), run: RunSettings::default(), ..stored })
}
