//! `trainer lora`: trains adapters. Tests: in `trainer/tests/runs`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diffusion::adapter::{Adapter, Update, merge};
use diffusion::tensors::Precision;
use diffusion::training::Recipe;
use diffusion::{Base, Model, Request};
use trainer::config::{self, AdapterConfig, Keep, RunSettings};
use trainer::files::Held;
use trainer::messages::{did_you_mean, say};
use trainer::ranks::Ranks;
use trainer::store::{ADAPTER_WEIGHTS, base_sha256, read_base, write_adapter_folder};
use trainer::train::adapter::detach;
use trainer::train::{AdapterOrigin, Origin, Source, Trainer, Training};

use super::adapter_args::AdapterArgs;
use super::behind::LATENTS;
use super::data_args::{DataArgs, Reader};
use super::device::DeviceName;
use super::factors;
use super::labels;
use super::lora_pictures::{Pictures, looks};
use super::training::{
    Drawing, Given, Interrupt, Plan, Run, TrainArgs, is_finished, list_presets, print_config, say_estimate,
    stored_settings,
};

/// Fewest steps of a run whose length nobody has set: what a few dozen drawings need.
const LEAST_STEPS: usize = 300;
/// Pictures of each class, on average, below which own pictures are few.
const FEW: usize = 100;
/// The preset for few pictures.
const FEW_PRESET: &str = "few";
/// The base where none is named.
const SHIPPED_BASE: &str = "www/models/base";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A style's name, a folder or zip archive <class name>/* of pictures, an IDX, NPZ, Parquet or CSV file; several, with commas, are trained one after the other
    #[arg(long, value_name = "STYLE|PATH", help_heading = "Data")]
    data: Vec<String>,
    #[command(flatten, next_help_heading = "Data")]
    source: DataArgs,
    /// The base model's folder [default: www/models/base]
    #[arg(long, value_name = "DIR", help_heading = "Adapter")]
    base: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Adapter")]
    adapter: AdapterArgs,
    /// Where to compute [default: cpu]
    #[arg(long, value_enum, help_heading = "Batches")]
    device: Option<DeviceName>,
    /// Where the adapter is written; with several --data, the folder of their folders [default: runs/lora/<name>]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    #[command(flatten)]
    train: TrainArgs,
}

/// What flags and configurations say together.
struct Settings {
    run: RunSettings,
    reader: Reader,
    base: PathBuf,
    device: DeviceName,
}

/// One adapter that the command trains.
struct Job {
    /// The value in `--data`.
    source: String,
    /// The adapter's name.
    name: String,
    /// Its folder.
    out: PathBuf,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.train.list_presets {
        return list_presets();
    }
    args.train.check()?;
    args.adapter.check()?;
    // Everything is checked before the first one trains for minutes.
    let (jobs, settings) = args.settings()?;
    settings.reader.check(jobs.len())?;
    let mut held = Vec::new();
    for (i, job) in jobs.iter().enumerate() {
        if let Some(other) = jobs[..i].iter().find(|other| other.out == job.out) {
            anyhow::bail!(
                "--data {} and {} would both be written to {}; train them one by one, each with its own --out",
                other.source,
                job.source,
                job.out.display()
            );
        }
        held.push(if args.train.print_config { None } else { args.train.guard(&job.out, ADAPTER_WEIGHTS)? });
    }
    let base = read_base(&settings.base)?;
    if base.unet.dropout > 0.0 {
        say!("note: the base's dropout of {} is not applied in this training", base.unet.dropout);
    }
    let pictures = jobs
        .iter()
        .map(|job| Pictures::on_disk(&settings.reader, &job.source, &base))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut interrupt = None;
    for ((job, held), pictures) in jobs.iter().zip(held).zip(pictures) {
        if jobs.len() > 1 {
            say!("{}:", job.source);
        }
        let code = train_one(&args, &settings, &base, job, held, pictures, jobs.len() == 1, &mut interrupt)?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::too_many_arguments, reason = "all of them are made once for several runs")]
fn train_one(
    args: &Args,
    settings: &Settings,
    base: &Base,
    job: &Job,
    held: Option<Held>,
    pictures: Option<Pictures>,
    alone: bool,
    interrupt: &mut Option<Interrupt>,
) -> anyhow::Result<ExitCode> {
    let Job { source, name, out } = job;
    let checkpoint = args.train.checkpoint(out, alone)?;
    let started = match &checkpoint {
        Some(checkpoint) => {
            let Some(adapter) = &checkpoint.origin.adapter else {
                anyhow::bail!("{} holds the run of a base: it goes on with `trainer base`", out.display());
            };
            Some((adapter, &checkpoint.config))
        }
        None => None,
    };
    let own = pictures.is_some();
    let Pictures { train: data, held_out, behind } = match args.train.print_config {
        // The length is what it depends on, not the style.
        true => Pictures::unstyled(&settings.reader, base, pictures)?,
        false => Pictures::styled(&settings.reader, source, base, pictures)?,
    };
    // Latents are no strokes that could be moved.
    let strength = if behind.is_some() { 0.0 } else { Recipe::default().augment };
    let given = Given::of(&data, own, strength, LEAST_STEPS);
    let few = own && started.is_none() && args.train.config.is_none() && given.each_class() < FEW;
    let preset = few.then_some(FEW_PRESET);
    if few {
        say!("few pictures: the settings of --config {FEW_PRESET}, where no flag says otherwise");
    }
    let defaults = started.map_or_else(AdapterConfig::default, |(adapter, train)| AdapterConfig {
        lora: adapter.settings.clone(),
        train: train.clone(),
        run: RunSettings::default(),
    });
    let mut config = config::load(defaults, args.train.config.as_deref().or(preset))?;
    if few {
        config.train.max_train_steps = Recipe::for_pictures(data.len()).steps;
    }
    args.adapter.override_settings(&mut config.lora);
    if behind.is_some() && few {
        config.train.augment = 0.0;
    }
    config.train = args.train.settings(config.train, started.map(|(_, train)| train), preset, given)?;
    if behind.is_some() && config.train.augment > 0.0 {
        anyhow::bail!("--augment moves the strokes of pictures, and this base learns latents; leave it out");
    }
    let plan = Plan::new(&settings.run, config.train.total_steps(data.len()));
    config.run = RunSettings { data: Some(source.clone()), ..plan.written(&settings.run) };
    if args.train.print_config {
        return print_config(&config);
    }
    let interrupt = match interrupt {
        Some(interrupt) => interrupt,
        None => interrupt.insert(Interrupt::listen()?),
    };
    if interrupt.came() {
        say!("stopped before {source} began; go on with --resume");
        return Ok(ExitCode::from(130));
    }
    interrupt.saves(false);
    let sha256 = base_sha256(&settings.base)?;
    if let (Some(checkpoint), Some((adapter, _))) = (&checkpoint, started) {
        let adapter = AdapterOrigin { base_sha256: sha256.clone(), ..adapter.clone() };
        let data_sha256 = behind.as_ref().map_or_else(|| Ok(data.sha256()), |behind| behind.sha256(&data))?;
        checkpoint.origin.must_be(&Origin { data_sha256, adapter: Some(adapter) })?;
    }
    let init = settings.run.init.as_deref();
    let (initial, peft) = match started {
        Some((adapter, _)) => factors::resumed(init.is_some(), out, base, adapter, &mut config.lora)?,
        None => factors::initial(init, &mut config.lora, (base, &settings.base, &sha256), config.train.seed)?,
    };
    let origin = AdapterOrigin {
        settings: config.lora.clone(),
        base_sha256: sha256.clone(),
        adapter_config: started.map_or_else(|| peft.to_json(), |(adapter, _)| adapter.adapter_config.clone()),
    };

    let encoded = match &behind {
        Some(behind) => {
            let pictures = (&data, held_out.as_ref());
            match behind.encoded(pictures, &out.join(LATENTS), config.train.threads, interrupt)? {
                None => return Ok(ExitCode::from(130)),
                encoded => encoded,
            }
        }
        None => None,
    };
    let (source_of_rows, held_out): (&dyn Source, Option<&dyn Source>) = match &encoded {
        Some((data, held_out)) => (data, held_out.as_ref().map(|data| data as _)),
        None => (&data, held_out.as_ref().map(|data| data as _)),
    };
    let (device, backend) = (settings.device.open()?.autodiff(), settings.device.backend()?);
    let mut trainer = Trainer::of_adapter(config.train.clone(), source_of_rows, base, &initial, device)?
        .with_operations(settings.device.operations())
        .for_adapter(origin)?;
    let resumes = checkpoint.is_some();
    if let Some(checkpoint) = checkpoint {
        trainer = trainer.resume(checkpoint)?;
    }
    trainer = trainer.with_ranks(Ranks::here())?;
    if resumes && is_finished(&trainer, &plan)? {
        return Ok(ExitCode::SUCCESS);
    }
    config.train = trainer.config().clone();
    let _held = args.train.begin(held, out, ADAPTER_WEIGHTS, &config)?;
    say!(
        "{} modules, {} of rank {}, {} parameters; {} pictures, {} steps of {}",
        initial.modules.len(),
        initial.kinds().join(", "),
        initial.rank(),
        initial.modules.values().map(Update::parameters).sum::<usize>(),
        data.len(),
        trainer.total(),
        config.train.images_per_step(),
    );
    let run = Run { plan: &plan, interrupt, out };
    let trained = |trainer: &Trainer<'_>, keep: Keep| -> anyhow::Result<Adapter> {
        let state = if keep == Keep::Best { trainer.best_state()? } else { trainer.ema_state()? };
        Ok(Adapter { base_sha256: Some(sha256.clone()), ..detach(&initial, &state)? })
    };
    let drawing = Drawing {
        held_out,
        request: Request::new(0, 0).for_base(&base.info),
        seed: plan.sample_seed,
        out,
        save: |trainer: &Trainer<'_>, keep: Keep, out: &Path| {
            Ok(write_adapter_folder(out, &trained(trainer, keep)?, &peft, name, Precision::F32)?)
        },
        model: |trainer: &Trainer<'_>, keep: Keep| {
            let state = merge(&base.state, [(&trained(trainer, keep)?, 1.0)]);
            Ok(Model::new(Base { state, ..base.clone() }, backend.clone())?)
        },
    };
    let parameters = base.state.values().map(|tensor| tensor.values.len()).sum();
    if !say_estimate(&mut trainer, &run, &drawing, base, parameters)? {
        return Ok(ExitCode::from(130));
    }
    run.train(trainer, &drawing)
}

impl Args {
    /// The adapters to be trained, and what flags, `--config` and with `--resume` the run itself say of them.
    fn settings(&self) -> anyhow::Result<(Vec<Job>, Settings)> {
        let flags = RunSettings {
            base: self.base.clone(),
            init: self.adapter.init.clone(),
            device: self.device.map(DeviceName::name),
            ..self.train.run_settings()
        };
        let mut run = flags.over(config::run_settings(self.train.config.as_deref())?.unwrap_or_default());
        let stored = |out: &Path| if self.train.resume { stored_settings(out) } else { Ok(None) };
        let mut sources = labels::sources(&self.data);
        let mut from = "--data";
        if sources.is_empty() {
            from = "data of [run], counted from the folder in which the program is started,";
            let of_the_run = self.out.as_deref().map(stored).transpose()?.flatten();
            sources.extend(run.data.clone().or(of_the_run.and_then(|stored| stored.data)));
        }
        if sources.is_empty() {
            anyhow::bail!(
                "give --data: a style's name ({}), a folder <class name>/*.png, an IDX, NPZ, Parquet or CSV file; or the --config of a run that names it",
                looks().collect::<Vec<_>>().join(", ")
            );
        }
        let alone = sources.len() == 1;
        let jobs =
            sources.into_iter().map(|source| self.job(source, from, alone)).collect::<anyhow::Result<Vec<_>>>()?;
        if let Some(stored) = stored(&jobs[0].out)? {
            run = run.over(self.train.without_stale(stored));
        }
        run.check()?;
        let pictures = self.source.settings(run.pictures.take().unwrap_or_else(|| self.train.unset_pictures()));
        run.pictures = Some(pictures.clone());
        let reader = Reader(pictures);
        let base = run.base.get_or_insert_with(|| PathBuf::from(SHIPPED_BASE)).clone();
        let device = DeviceName::named(run.device.get_or_insert_with(|| DeviceName::default().name()))?;
        Ok((jobs, Settings { run, reader, base, device }))
    }

    /// The adapter for one value of `--data`.
    fn job(&self, source: String, from: &str, alone: bool) -> anyhow::Result<Job> {
        let path = Path::new(&source);
        if !path.exists() && !looks().any(|name| name == source) {
            anyhow::bail!(
                "{from} {source} is neither a style nor a folder nor a file; the styles are {}{}",
                looks().collect::<Vec<_>>().join(", "),
                did_you_mean(&source, looks())
            );
        }
        // A folder's name may have a dot in it.
        let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
        let Some(name) = name.map(|name| name.to_string_lossy().into_owned()) else {
            anyhow::bail!("{from} {source} has no name to call the adapter by; give the folder's own name");
        };
        let out = match &self.out {
            Some(out) if alone => out.clone(),
            Some(out) => out.join(&name),
            None => Path::new("runs/lora").join(&name),
        };
        Ok(Job { source, name, out })
    }
}
