//! `trainer turbo`: teaches an adapter to draw in few network calls what a base draws in many. Tests: in
//! `trainer/tests/runs/turbo.rs`.

mod args;
mod runs;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diffusion::adapter::{Adapter, Update, merge};
use diffusion::schedule::NoiseSchedule;
use diffusion::tensors::Precision;
use diffusion::training::Segments;
use diffusion::{Base, Model, Request, Turbo};
use trainer::config::Keep;
use trainer::error::Error;
use trainer::messages::{say, shown};
use trainer::store::{ADAPTER_WEIGHTS, base_sha256, read_base, write_adapter_folder};
use trainer::train::adapter::detach;
use trainer::train::{AdapterOrigin, Origin, Source as _, Trainer, Training};

use super::device::DeviceName;
use super::factors;
use super::load::load_adapter;
use super::training::{Drawing, Given, Interrupt, Plan, Run, is_finished, list_presets, print_config, say_estimate};
pub use args::Args;
use runs::{Source, named};

/// The base where none is named.
const SHIPPED_BASE: &str = "www/models/base";

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.train.list_presets {
        return list_presets();
    }
    args.train.check()?;
    args.train.check_without_pictures()?;
    let (out, mut config) = args.configuration()?;
    let steps = config.turbo.steps;
    if config.turbo.own_states && config.run.init.is_none() {
        anyhow::bail!("own_states is about an adapter that is trained on: name it with --init");
    }
    let base_dir = config.run.base.get_or_insert_with(|| PathBuf::from(SHIPPED_BASE)).clone();
    let device = DeviceName::named(config.run.device.get_or_insert_with(|| DeviceName::default().name()))?;
    let held = if args.train.print_config { None } else { args.train.guard(&out, ADAPTER_WEIGHTS)? };
    let checkpoint = args.train.checkpoint(&out, false)?;
    let started = match &checkpoint {
        Some(checkpoint) => {
            let Some(adapter) = &checkpoint.origin.adapter else {
                anyhow::bail!("{} holds the run of a base: it goes on with `trainer base`", shown(out.display()));
            };
            Some((adapter, &checkpoint.config))
        }
        None => None,
    };

    let base = read_base(&base_dir)?;
    let schedule = NoiseSchedule::new(base.schedule.clone());
    let segments = Segments::new(&schedule, steps)?;
    let styles = config.turbo.lora.iter().map(|text| load_adapter(text, &base_dir, &base, false));
    let styles = styles.collect::<anyhow::Result<Vec<_>>>()?;
    let on = || styles.iter().map(|style| (&style.adapter, style.scale));
    if config.turbo.guidance.is_nan() {
        let usual = Request::new(0, 0).for_base(&base.info).guidance_scale;
        config.turbo.guidance = Adapter::guidance_of(on()).map_or(usual, |scale| scale as f32);
    }
    let with = styles.iter().map(named).collect();
    // The adapter is learnt on the weights that the teacher has.
    let state = merge(&base.state, on());
    let taught = Base { state, ..base.clone() };
    let sha256_of_base = base_sha256(&base_dir)?;

    // The rows are known before the runs are there.
    let rows = config.turbo.runs * steps;
    let given = Given { pictures: rows, classes: base.info.num_classes(), augment: 0.0, coloured: false, least: 1 };
    config.train = args.train.settings(config.train, started.map(|(_, train)| train), None, given)?;
    let plan = Plan::new(&config.run, config.train.total_steps(rows));
    config.run = plan.written(&config.run);
    if args.train.print_config {
        return print_config(&config);
    }
    let init = config.run.init.as_deref();
    let (initial, peft) = match started {
        Some((adapter, _)) => factors::resumed(init.is_some(), &out, &taught, adapter, &mut config.lora)?,
        None => {
            let seed = config.train.seed;
            factors::initial(init, &mut config.lora, (&taught, &base_dir, &sha256_of_base), seed)?
        }
    };
    let (opened, backend) = (device.open()?.autodiff(), device.backend()?);
    segments.ends_in(&config.turbo.teacher(), &schedule)?;
    let interrupt = Interrupt::listen()?;
    let held = args.train.begin(held, &out, ADAPTER_WEIGHTS, &config)?;
    // What is recorded is kept a part at a time, and found again.
    interrupt.saves(true);
    let source = Source {
        config: &config,
        base: &taught,
        base_sha256: &sha256_of_base,
        styles: &styles,
        segments: &segments,
        out: &out,
        backend: backend.clone(),
    };
    let (data, held_out) = match source.runs(interrupt.flag()) {
        Ok(recorded) => recorded,
        Err(error) if matches!(error.downcast_ref(), Some(Error::Stopped)) => {
            say!("stopped while runs were recorded; the same command goes on");
            return Ok(ExitCode::from(130));
        }
        Err(error) => return Err(error),
    };
    interrupt.saves(false);

    if let (Some(checkpoint), Some((adapter, _))) = (&checkpoint, started) {
        let adapter = AdapterOrigin { base_sha256: sha256_of_base.clone(), ..adapter.clone() };
        checkpoint.origin.must_be(&Origin { data_sha256: data.sha256(), adapter: Some(adapter) })?;
    }
    let origin = AdapterOrigin {
        settings: config.lora.clone(),
        base_sha256: sha256_of_base.clone(),
        adapter_config: started.map_or_else(|| peft.to_json(), |(adapter, _)| adapter.adapter_config.clone()),
    };
    let mut trainer = Trainer::of_adapter(config.train.clone(), &data, &taught, &initial, opened)?
        .with_operations(device.operations())
        .for_adapter(origin)?;
    let resumes = checkpoint.is_some();
    if let Some(checkpoint) = checkpoint {
        trainer = trainer.resume(checkpoint)?;
    }
    if resumes && is_finished(&trainer, &plan)? {
        return Ok(ExitCode::SUCCESS);
    }
    config.train = trainer.config().clone();
    let _held = args.train.begin(held, &out, ADAPTER_WEIGHTS, &config)?;
    say!(
        "{} modules, {} of rank {}, {} parameters; {} runs of the teacher in {steps} segments, {} steps of {}",
        initial.modules.len(),
        initial.kinds().join(", "),
        initial.rank(),
        initial.modules.values().map(Update::parameters).sum::<usize>(),
        data.runs(),
        trainer.total(),
        config.train.images_per_step(),
    );
    let turbo = Turbo::of_steps(steps, with);
    let trained = |trainer: &Trainer<'_>, keep: Keep| -> anyhow::Result<Adapter> {
        let state = if keep == Keep::Best { trainer.best_state()? } else { trainer.ema_state()? };
        let (base_sha256, turbo) = (Some(sha256_of_base.clone()), Some(turbo.clone()));
        Ok(Adapter { base_sha256, turbo, ..detach(&initial, &state)? })
    };
    let title = out.file_name().map_or_else(|| format!("turbo-{steps}"), |name| name.to_string_lossy().into_owned());
    let run = Run { plan: &plan, interrupt: &interrupt, out: &out };
    let drawing = Drawing {
        held_out: held_out.as_ref().map(|data| data as _),
        request: turbo.request(Request::new(0, 0)),
        seed: plan.sample_seed,
        out: &out,
        save: |trainer: &Trainer<'_>, keep: Keep, out: &Path| {
            Ok(write_adapter_folder(out, &trained(trainer, keep)?, &peft, &title, Precision::F32)?)
        },
        model: |trainer: &Trainer<'_>, keep: Keep| {
            let state = merge(&taught.state, [(&trained(trainer, keep)?, 1.0)]);
            Ok(Model::new(Base { state, ..taught.clone() }, backend.clone())?)
        },
    };
    let parameters = base.state.values().map(|tensor| tensor.values.len()).sum();
    if !say_estimate(&mut trainer, &run, &drawing, &base, parameters)? {
        return Ok(ExitCode::from(130));
    }
    run.train(trainer, &drawing)
}
