//! `trainer turbo`: teaches an adapter to draw in few network calls what a base draws in many. Tests: in
//! `trainer/tests/runs/turbo.rs`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diffusion::adapter::{Adapter, Update, merge};
use diffusion::schedule::{NoiseSchedule, TimestepSpacing};
use diffusion::tensors::Precision;
use diffusion::training::Segments;
use diffusion::{Base, Model, Request, SamplerKind, Turbo};
use indicatif::HumanDuration;
use serde_json::json;
use std::time::Duration;
use trainer::config::{self, Keep, RunSettings, TurboConfig, TurboSettings};
use trainer::error::Error;
use trainer::messages::{emit, say, shown};
use trainer::store::{ADAPTER_WEIGHTS, base_sha256, read_base, sha256, write_adapter_folder};
use trainer::train::adapter::detach;
use trainer::train::{AdapterOrigin, Origin, Source, Trainer};
use trainer::turbo::{Recorded, Recording, Told};

use super::device::DeviceName;
use super::factors;
use super::load::{Loaded, load_adapter};
use super::sample::{sampler, spacing};
use super::training::{
    Given, Interrupt, Plan, Run, TrainArgs, check_unchanged, is_finished, list_presets, passes, print_config,
    say_estimate, stored_settings,
};

/// The base where none is named.
const SHIPPED_BASE: &str = "www/models/base";
/// The teacher's runs within the run's folder.
const CACHE: &str = "teacher";
/// Forward passes that take as long as a training step's forward and backward pass on as many pictures.
const FORWARDS: f64 = 3.0;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Network calls that a picture is to take [default: 4]
    #[arg(long, value_name = "N", help_heading = "Teacher")]
    steps: Option<usize>,
    /// The base model's folder, which is the teacher [default: www/models/base]
    #[arg(long, value_name = "DIR", help_heading = "Teacher")]
    base: Option<PathBuf>,
    /// Adapters that are on in the teacher; what is taught is used together with them
    #[arg(long, value_name = "DIR[:SCALE]", help_heading = "Teacher")]
    lora: Vec<String>,
    /// Runs of the teacher that are recorded, and learnt [default: 10000]
    #[arg(long, value_name = "N", help_heading = "Teacher")]
    runs: Option<usize>,
    /// Further runs that the validation loss is measured on [default: 200]
    #[arg(long, value_name = "N", help_heading = "Teacher")]
    held_out: Option<usize>,
    /// The folder of the recorded runs, which other commands with the same teacher can use, too [default: OUT/teacher]
    #[arg(long, value_name = "DIR", help_heading = "Teacher")]
    cache: Option<PathBuf>,
    /// The teacher's sampler: dpm++2m, ddim or euler [default: dpm++2m]
    #[arg(long, value_name = "NAME", value_parser = sampler, help_heading = "Teacher")]
    teacher_sampler: Option<SamplerKind>,
    /// The teacher's denoising steps, a multiple of --steps [default: 12]
    #[arg(long, value_name = "N", help_heading = "Teacher")]
    teacher_steps: Option<usize>,
    /// Which timesteps the teacher visits: it has to pass those of the taught steps, as trailing does [default: trailing]
    #[arg(long, value_name = "NAME", value_parser = spacing, help_heading = "Teacher")]
    teacher_spacing: Option<TimestepSpacing>,
    /// The teacher's guidance, which is taught with the rest; 1 is off [default: 1.6]
    #[arg(long, help_heading = "Teacher")]
    guidance: Option<f32>,
    /// Share of the teacher's run before which there is no guidance [default: 0.2]
    #[arg(long, value_name = "0..1", help_heading = "Teacher")]
    guidance_start: Option<f64>,
    /// Share of the teacher's run from which on there is no guidance [default: 0.75]
    #[arg(long, value_name = "0..1", help_heading = "Teacher")]
    guidance_stop: Option<f64>,
    /// How much of what guidance adds along the predicted picture, its ink, is kept; 1 is plain guidance [default: 0]
    #[arg(long, value_name = "0..1", help_heading = "Teacher")]
    guidance_eta: Option<f32>,
    /// Rank of the factors [default: 8]
    #[arg(long, value_name = "N", help_heading = "Adapter")]
    rank: Option<usize>,
    /// Numerator of the scaling alpha / rank [default: 16]
    #[arg(long, help_heading = "Adapter")]
    alpha: Option<f32>,
    /// Linears and convolutions that are changed: names or patterns of paths [default: convolutions, attention, feed-forward]
    #[arg(long, value_delimiter = ',', value_name = "NAMES", help_heading = "Adapter")]
    target_modules: Option<Vec<String>>,
    /// Start from this adapter instead of from nothing; kind, rank, alpha and targets are its own
    #[arg(long, value_name = "DIR|FILE", conflicts_with_all = ["rank", "alpha", "target_modules"], help_heading = "Adapter")]
    init: Option<PathBuf>,
    /// Where to compute [default: cpu]
    #[arg(long, value_enum, help_heading = "Batches")]
    device: Option<DeviceName>,
    /// Where the adapter is written [default: runs/turbo/turbo-<steps>]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    #[command(flatten)]
    train: TrainArgs,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.train.list_presets {
        return list_presets();
    }
    args.train.check()?;
    args.train.check_without_pictures()?;
    let (out, mut config) = args.configuration()?;
    let TurboSettings { steps, held_out, .. } = config.turbo;
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
    let segments = Segments::new(&NoiseSchedule::new(base.schedule.clone()), steps)?;
    let styles = config.turbo.lora.iter().map(|text| load_adapter(text, &base_dir, &base, false));
    let styles = styles.collect::<anyhow::Result<Vec<_>>>()?;
    let with = styles.iter().map(named).collect();
    // The adapter is learnt on the weights that the teacher has.
    let state = merge(&base.state, styles.iter().map(|style| (&style.adapter, style.scale)));
    let taught = Base { state, ..base.clone() };
    let sha256_of_base = base_sha256(&base_dir)?;

    // The rows are known before the runs are there.
    let rows = config.turbo.runs * steps;
    let given = Given { pictures: rows, classes: base.info.num_classes(), augmentable: false, least: 1 };
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
    let teacher = Model::new(taught.clone(), device.backend()?)?;
    let recording = Recording {
        model: &teacher,
        request: config.turbo.teacher(),
        weights: weights(&sha256_of_base, &styles),
        segments,
        folder: if config.turbo.cache.is_empty() { out.join(CACHE) } else { PathBuf::from(&config.turbo.cache) },
    };
    recording.segments.ends_in(&recording.request, teacher.schedule())?;

    let interrupt = Interrupt::listen()?;
    let held = args.train.begin(held, &out, ADAPTER_WEIGHTS, &config)?;
    // What is recorded is kept a part at a time, and found again.
    interrupt.saves(true);
    let (data, held_out) = match record(&recording, &config, held_out, &interrupt) {
        Ok(recorded) => recorded,
        Err(error) if matches!(error.downcast_ref(), Some(Error::Stopped)) => {
            say!("stopped while the teacher's runs were recorded; the same command goes on");
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
    let (opened, backend) = (device.open()?.autodiff(), device.backend()?);
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
    let drawn = turbo.request(Request::new(0, 0));
    let held_out = held_out.as_ref().map(|data| data as _);
    let run = Run { plan: &plan, interrupt: &interrupt, out: &out, held_out, drawn };
    let parameters = base.state.values().map(|tensor| tensor.values.len()).sum();
    if !say_estimate(&mut trainer, &run, &base, parameters)? {
        return Ok(ExitCode::from(130));
    }
    let trained = |trainer: &Trainer<'_>, keep: Keep| -> anyhow::Result<Adapter> {
        let state = if keep == Keep::Best { trainer.best_state()? } else { trainer.ema_state()? };
        let (base_sha256, turbo) = (Some(sha256_of_base.clone()), Some(turbo.clone()));
        Ok(Adapter { base_sha256, turbo, ..detach(&initial, &state)? })
    };
    let title = out.file_name().map_or_else(|| format!("turbo-{steps}"), |name| name.to_string_lossy().into_owned());
    run.train(
        trainer,
        |trainer, keep, out| Ok(write_adapter_folder(out, &trained(trainer, keep)?, &peft, &title, Precision::F32)?),
        |trainer, keep| {
            let state = merge(&taught.state, [(&trained(trainer, keep)?, 1.0)]);
            Ok(Model::new(Base { state, ..taught.clone() }, backend.clone())?)
        },
    )
}

/// The teacher's runs: those that are learnt, and those that are held out, which come first.
fn record(
    recording: &Recording<'_>,
    config: &TurboConfig,
    held_out: usize,
    interrupt: &Interrupt,
) -> anyhow::Result<(Recorded, Option<Recorded>)> {
    let total = held_out + config.turbo.runs;
    let threads = config.train.threads;
    let training = (config.train.total_steps(config.turbo.runs * config.turbo.steps) * config.train.images_per_step())
        as f64
        * FORWARDS
        / passes(&recording.request);
    let mut told = false;
    recording.record(total, threads, interrupt.flag(), |Told { done, total, drawn: (drawn, seconds) }| {
        if drawn > 0 && done < total && !told {
            told = true;
            let each = seconds / drawn as f64;
            let duration = |runs: f64| {
                HumanDuration(Duration::try_from_secs_f64(each * runs).unwrap_or(Duration::MAX)) // too many seconds for it
            };
            let left = (total - done) as f64;
            say!(
                "{done} of {total} runs of the teacher are recorded: the rest takes about {}, training about {}",
                duration(left),
                duration(training)
            );
        }
        emit(json!({ "event": "recorded", "runs": done, "of": total }))
    })?;
    let held = if held_out == 0 { None } else { Some(recording.read(0..held_out)?) };
    Ok((recording.read(held_out..total)?, held))
}

/// All that decides the teacher's weights.
fn weights(base_sha256: &str, styles: &[Loaded]) -> String {
    let styles = styles.iter().map(|style| format!(" + {} at {}", sha256(&style.files.bytes), style.scale));
    format!("base {base_sha256}{}", styles.collect::<String>())
}

/// A style's name with its strength, where that is not 1.
fn named(style: &Loaded) -> String {
    let path = Path::new(&style.path);
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    let name = name.map_or_else(|| style.path.clone(), |name| name.to_string_lossy().into_owned());
    if style.scale == 1.0 { name } else { format!("{name}:{}", style.scale) }
}

impl Args {
    /// The run's folder, and what flags, `--config` and with `--resume` the run itself say.
    fn configuration(&self) -> anyhow::Result<(PathBuf, TurboConfig)> {
        let file = self.train.config.as_deref();
        // A folder of its own for each number of steps.
        let steps = match self.steps {
            Some(steps) => steps,
            None => config::load(TurboConfig::default(), file)?.turbo.steps,
        };
        let out = self.out.clone().unwrap_or_else(|| Path::new("runs/turbo").join(format!("turbo-{steps}")));
        let stored = out.join("config.toml");
        let stored = stored.is_file().then(|| stored.display().to_string()).filter(|_| self.train.resume);
        let before = stored.as_deref().map(|stored| config::load(TurboConfig::default(), Some(stored))).transpose()?;
        let mut config = config::load(before.clone().unwrap_or_default(), file)?;
        self.override_settings(&mut config);
        config.turbo.check()?;
        if let Some(before) = before {
            check_unchanged(&before.turbo, &config.turbo, &["cache"])?;
        }
        let flags = RunSettings {
            base: self.base.clone(),
            init: self.init.clone(),
            device: self.device.map(DeviceName::name),
            ..self.train.run_settings()
        };
        config.run = flags.over(config::run_settings(file)?.unwrap_or_default());
        if let Some(stored) = self.train.resume.then(|| stored_settings(&out)).transpose()?.flatten() {
            config.run = config.run.over(self.train.without_stale(stored));
        }
        config.run.check()?;
        Ok((out, config))
    }

    fn override_settings(&self, config: &mut TurboConfig) {
        fn set<T: Clone>(field: &mut T, flag: &Option<T>) {
            if let Some(value) = flag {
                field.clone_from(value);
            }
        }
        let (turbo, lora) = (&mut config.turbo, &mut config.lora);
        set(&mut turbo.steps, &self.steps);
        set(&mut turbo.runs, &self.runs);
        set(&mut turbo.held_out, &self.held_out);
        set(&mut turbo.cache, &self.cache.as_ref().map(|folder| folder.display().to_string()));
        set(&mut turbo.teacher_sampler, &self.teacher_sampler);
        set(&mut turbo.teacher_steps, &self.teacher_steps);
        set(&mut turbo.teacher_spacing, &self.teacher_spacing);
        set(&mut turbo.guidance, &self.guidance);
        set(&mut turbo.guidance_start, &self.guidance_start);
        set(&mut turbo.guidance_stop, &self.guidance_stop);
        set(&mut turbo.guidance_eta, &self.guidance_eta);
        if !self.lora.is_empty() {
            turbo.lora.clone_from(&self.lora);
        }
        set(&mut lora.rank, &self.rank);
        set(&mut lora.alpha, &self.alpha);
        set(&mut lora.target_modules, &self.target_modules);
    }
}
