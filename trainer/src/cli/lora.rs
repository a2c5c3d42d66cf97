//! `trainer lora`: trains adapters. Tests: in `trainer/tests/runs`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diffusion::lora::{Adapter, merge};
use diffusion::peft::{LoraConfig, read_adapter};
use diffusion::schedule::NoiseSchedule;
use diffusion::tensors::Precision;
use diffusion::unet::burn::BurnUNet;
use diffusion::{Base, Model};
use trainer::config::{self, AdapterConfig, LoraSettings};
use trainer::data::Dataset;
use trainer::data::check::Purpose;
use trainer::files::Held;
use trainer::messages::{did_you_mean, say};
use trainer::ranks::Ranks;
use trainer::store::{ADAPTER_WEIGHTS, AdapterFiles, adapter_folder, base_sha256, read_base, write_adapter_folder};
use trainer::styles::{STYLES, Style};
use trainer::train::adapter::{attach, detach, initial_adapter, peft_targets};
use trainer::train::{AdapterOrigin, Origin, Trainer};

use super::data_args::DataArgs;
use super::device::DeviceName;
use super::labels;
use super::training::{Interrupt, TrainArgs, check_unchanged, is_finished, train};

/// Fewest steps of a run whose length nobody has set: what a few dozen drawings need.
const LEAST_STEPS: usize = 300;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The base model's folder
    #[arg(long, default_value = "www/models/base")]
    base: PathBuf,
    /// A style's name, a folder or zip archive <class name>/* of pictures, an IDX or a CSV file; several, with commas, are trained one after the other
    #[arg(long, required = true, value_name = "STYLE|PATH")]
    data: Vec<String>,
    /// Rank of the factors [default: 4]
    #[arg(long)]
    rank: Option<usize>,
    /// Numerator of the scaling alpha / rank [default: 8]
    #[arg(long)]
    alpha: Option<f32>,
    /// Scale by alpha / sqrt(rank) instead
    #[arg(long)]
    use_rslora: bool,
    /// Modules that get factors: names or patterns of paths [default: to_q,to_k,to_v]
    #[arg(long, value_delimiter = ',')]
    target_modules: Option<Vec<String>>,
    /// Probability that an input of the factors is dropped in training [default: 0]
    #[arg(long)]
    lora_dropout: Option<f32>,
    /// Start from this adapter (ours, PEFT's or kohya's) instead of from nothing; rank, alpha and targets are its own
    #[arg(long, value_name = "DIR|FILE", conflicts_with_all = ["rank", "alpha", "use_rslora", "target_modules"])]
    init: Option<PathBuf>,
    /// Where the adapter is written; with several --data, the folder of their folders [default: runs/lora/<name>]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    #[command(flatten)]
    source: DataArgs,
    #[command(flatten)]
    train: TrainArgs,
}

/// One adapter that the command trains.
struct Job<'a> {
    /// The value in `--data`.
    source: &'a str,
    /// The adapter's name.
    name: String,
    /// Its folder.
    out: PathBuf,
}

/// The pictures that an adapter is trained on, and those that its loss is measured on; with the base's classes.
struct Pictures {
    train: Dataset,
    held_out: Option<Dataset>,
}

pub fn run(mut args: Args) -> anyhow::Result<ExitCode> {
    args.train.check()?;
    args.data = labels::sources(&args.data);
    // Everything is checked before the first one trains for minutes.
    let jobs = args.data.iter().map(|source| args.job(source)).collect::<anyhow::Result<Vec<_>>>()?;
    args.source.reader().check(jobs.len())?;
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
        held.push(args.train.guard(&job.out, ADAPTER_WEIGHTS)?);
    }
    let base = read_base(&args.base)?;
    if base.unet.dropout > 0.0 {
        say!("note: the base's dropout of {} is not applied in this training", base.unet.dropout);
    }
    let pictures = jobs.iter().map(|job| args.pictures(job.source, &base)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut interrupt = None;
    for ((job, held), pictures) in jobs.iter().zip(held).zip(pictures) {
        if jobs.len() > 1 {
            say!("{}:", job.source);
        }
        let code = train_one(&args, &base, job, held, pictures, jobs.len() == 1, &mut interrupt)?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn train_one(
    args: &Args,
    base: &Base,
    job: &Job<'_>,
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
    let defaults = started.map_or_else(AdapterConfig::default, |(adapter, train)| AdapterConfig {
        lora: adapter.settings.clone(),
        train: train.clone(),
    });
    let mut config = config::load(defaults, args.train.config.as_deref())?;
    args.override_lora(&mut config.lora);
    let Pictures { train: data, held_out } = args.styled(source, pictures)?;
    let interrupt = match interrupt {
        Some(interrupt) => interrupt,
        None => interrupt.insert(Interrupt::listen()?),
    };
    if interrupt.came() {
        say!("stopped before {source} began; go on with --resume");
        return Ok(ExitCode::from(130));
    }
    let sha256 = base_sha256(&args.base)?;
    if let (Some(checkpoint), Some((adapter, _))) = (&checkpoint, started) {
        let adapter = AdapterOrigin { base_sha256: sha256.clone(), ..adapter.clone() };
        checkpoint.origin.must_be(&Origin { data_sha256: data.sha256(), adapter: Some(adapter) })?;
    }
    config.train = args.train.settings(config.train, started.map(|(_, train)| train), data.len(), LEAST_STEPS)?;
    let (initial, peft) = match started {
        Some((adapter, _)) => args.resumed(out, base, adapter, &mut config.lora)?,
        None => args.initial(&mut config.lora, base, &sha256, config.train.seed)?,
    };
    let origin = AdapterOrigin {
        settings: config.lora.clone(),
        base_sha256: sha256.clone(),
        adapter_config: started.map_or_else(|| peft.to_json(), |(adapter, _)| adapter.adapter_config.clone()),
    };

    let (device, backend) = (args.device.open()?.autodiff(), args.device.backend()?);
    let unet = attach(BurnUNet::from_base(base, &device)?, &initial, &device);
    let schedule = NoiseSchedule::new(base.schedule.clone());
    let mut trainer = Trainer::new(config.train.clone(), &data, base.info.clone(), schedule, unet, device)?
        .with_operations(args.device.operations())
        .for_adapter(origin)?;
    let resumes = checkpoint.is_some();
    if let Some(checkpoint) = checkpoint {
        trainer = trainer.resume(checkpoint)?;
    }
    trainer = trainer.with_ranks(Ranks::here())?;
    if resumes && is_finished(&trainer) {
        return Ok(ExitCode::SUCCESS);
    }
    config.train = trainer.config().clone();
    let _held = args.train.begin(held, out, ADAPTER_WEIGHTS, &config)?;
    say!(
        "{} modules of rank {}, {} parameters; {} pictures, {} steps of {}",
        initial.modules.len(),
        initial.rank(),
        initial.modules.values().map(|f| f.a.values.len() + f.b.values.len()).sum::<usize>(),
        data.len(),
        trainer.total(),
        config.train.images_per_step(),
    );
    let trained = |trainer: &Trainer<'_>| -> anyhow::Result<Adapter> {
        let adapter = detach(&initial, &trainer.ema_state()?)?;
        Ok(Adapter { base_sha256: Some(sha256.clone()), ..adapter })
    };
    train(
        trainer,
        &args.train,
        interrupt,
        out,
        held_out.as_ref(),
        |trainer, out| Ok(write_adapter_folder(out, &trained(trainer)?, &peft, name, Precision::F32)?),
        |trainer| {
            let state = merge(&base.state, [(&trained(trainer)?, 1.0)]);
            Ok(Model::new(Base { state, ..base.clone() }, backend.clone())?)
        },
    )
}

impl Args {
    fn override_lora(&self, lora: &mut LoraSettings) {
        lora.rank = self.rank.unwrap_or(lora.rank);
        lora.alpha = self.alpha.unwrap_or(lora.alpha);
        lora.use_rslora |= self.use_rslora;
        if let Some(targets) = &self.target_modules {
            lora.target_modules.clone_from(targets);
        }
        lora.dropout = self.lora_dropout.unwrap_or(lora.dropout);
    }

    /// The adapter for one value of `--data`.
    fn job<'a>(&self, source: &'a str) -> anyhow::Result<Job<'a>> {
        let path = Path::new(source);
        if !path.exists() && Style::named(source).is_err() {
            anyhow::bail!(
                "--data {source} is neither a style nor a folder nor a file; the styles are {}{}",
                STYLES.iter().map(|style| style.name).collect::<Vec<_>>().join(", "),
                did_you_mean(source, STYLES.iter().map(|style| style.name))
            );
        }
        // A folder's name may have a dot in it.
        let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
        let Some(name) = name.map(|name| name.to_string_lossy().into_owned()) else {
            anyhow::bail!("--data {source} has no name to call the adapter by; give the folder's own name");
        };
        let out = match &self.out {
            Some(out) if self.data.len() == 1 => out.clone(),
            Some(out) => out.join(&name),
            None => Path::new("runs/lora").join(&name),
        };
        Ok(Job { source, name, out })
    }

    /// Pictures on disk, which take precedence over a style of the same name. Nothing for a style, whose pictures are made
    /// later; it is only checked that they can be.
    fn pictures(&self, source: &str, base: &Base) -> anyhow::Result<Option<Pictures>> {
        let style = !Path::new(source).exists();
        let reader = self.source.reader();
        let (train, held_out) = match style {
            true => reader.mnist()?,
            false => reader.own(Path::new(source), Purpose::Known(&base.info))?,
        };
        let train = train.with_classes(&base.info.labels)?;
        train.must_fit(&base.info)?;
        let held_out = held_out.map(|data| data.with_classes(&base.info.labels)).transpose()?;
        Ok((!style).then_some(Pictures { train, held_out }))
    }

    /// The user's own pictures as they are, or MNIST's in a style.
    fn styled(&self, source: &str, pictures: Option<Pictures>) -> anyhow::Result<Pictures> {
        if let Some(pictures) = pictures {
            return Ok(pictures);
        }
        let style = Style::named(source)?;
        let (train, held_out) = self.source.reader().mnist()?;
        say!("{}: {} pictures are drawn in this style, seconds of work", style.title, train.len());
        Ok(Pictures { train: train.styled(style)?, held_out: held_out.map(|data| data.styled(style)).transpose()? })
    }

    /// The factors that training begins with, and their `adapter_config.json`. With `--init`, the settings become those of
    /// that adapter.
    fn initial(
        &self,
        lora: &mut LoraSettings,
        base: &Base,
        base_sha256: &str,
        seed: u64,
    ) -> anyhow::Result<(Adapter, LoraConfig)> {
        let Some(path) = &self.init else {
            lora.check()?;
            let adapter = initial_adapter(&base.state, &lora.target_modules, lora.rank, lora.scaling(), seed)?;
            let config = LoraConfig {
                r: lora.rank,
                lora_alpha: lora.alpha,
                lora_dropout: lora.dropout,
                target_modules: serde_json::json!(peft_targets(&base.state, &lora.target_modules)?),
                use_rslora: lora.use_rslora,
                rank_pattern: Default::default(),
                alpha_pattern: Default::default(),
                exclude_modules: Default::default(),
                layers_to_transform: Default::default(),
                layers_pattern: Default::default(),
            };
            return Ok((adapter, config));
        };
        let files = AdapterFiles::read(path)?;
        let adapter = files.adapter(&base.state)?;
        if let Some(note) = adapter.note() {
            say!("note: {}: {note}", path.display());
        }
        if let Some((path, _)) = adapter.modules.iter().find(|(_, factors)| factors.a.shape.len() != 2) {
            anyhow::bail!("--init has factors of {path}, a convolution; only those of Linears can be trained on");
        }
        if adapter.base_sha256.as_ref().is_some_and(|sum| sum != base_sha256) {
            say!("{} was trained on another base than {}; it goes on on this one", path.display(), self.base.display());
        }
        let config = LoraConfig { lora_dropout: lora.dropout, ..files.config(&adapter)? };
        *lora = LoraSettings {
            rank: config.r,
            alpha: config.lora_alpha,
            use_rslora: config.use_rslora,
            target_modules: adapter.modules.keys().cloned().collect(),
            dropout: lora.dropout,
        };
        // Exactly as it will be read when the run is resumed: the scaling that an alpha gives is off by a rounding error.
        let [(_, text), (_, weights)] = adapter_folder(&adapter, &config, "", Precision::F32)?;
        let adapter = read_adapter(&weights, Some(std::str::from_utf8(&text)?), &base.state)?;
        Ok((adapter, config))
    }

    /// The factors and configuration of a resumed run, as it has written them.
    fn resumed(
        &self,
        out: &Path,
        base: &Base,
        AdapterOrigin { settings: started, adapter_config, .. }: &AdapterOrigin,
        now: &mut LoraSettings,
    ) -> anyhow::Result<(Adapter, LoraConfig)> {
        if self.init.is_some() {
            // The adapter's own settings, whatever a configuration says.
            *now = LoraSettings { dropout: now.dropout, ..started.clone() };
        }
        check_unchanged(started, now, &[])?;
        let mut files = AdapterFiles::read(out)?;
        // The file in the folder may have been edited since.
        if !adapter_config.is_empty() {
            files.config = Some(adapter_config.clone());
        }
        let adapter = files.adapter(&base.state)?;
        let config = files.config(&adapter)?;
        Ok((adapter, config))
    }
}
