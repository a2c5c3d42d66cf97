//! `trainer lora`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diffusion::lora::{Adapter, merge};
use diffusion::peft::{LoraConfig, read_adapter};
use diffusion::schedule::NoiseSchedule;
use diffusion::tensors::Precision;
use diffusion::{Base, Model};
use trainer::config::{self, AdapterConfig, LoraSettings};
use trainer::data::Dataset;
use trainer::files::write_atomic;
use trainer::store::{base_sha256, read_adapter_files, read_base, write_adapter_folder};
use trainer::styles::{STYLES, Style};
use trainer::train::Trainer;
use trainer::train::adapter::{attach, detach, initial_adapter};

use super::data_args::DataArgs;
use super::device::DeviceName;
use super::training::{CONFIG, Interrupt, TrainArgs, train};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The base model's folder
    #[arg(long, default_value = "www/models/base")]
    base: PathBuf,
    /// A style's name, a folder <class name>/*.png, or an IDX file; several are trained one after the other
    #[arg(long, required = true, value_delimiter = ',', value_name = "STYLE|PATH")]
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

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let interrupt = Interrupt::listen()?;
    // Each name is checked before the first one trains for minutes.
    for source in &args.data {
        args.check_source(source)?;
    }
    let base = read_base(&args.base)?;
    for source in &args.data {
        if args.data.len() > 1 {
            eprintln!("{source}:");
        }
        let code = one(&args, &base, source, &interrupt)?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn one(args: &Args, base: &Base, source: &str, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let name = Path::new(source).file_stem().map_or_else(|| source.to_owned(), |name| name.to_string_lossy().into());
    let out = match &args.out {
        Some(out) if args.data.len() == 1 => out.clone(),
        Some(out) => out.join(&name),
        None => Path::new("runs/lora").join(&name),
    };
    let checkpoint = match args.data.len() {
        1 => args.train.checkpoint(&out)?,
        _ => args.train.checkpoint_if_any(&out)?,
    };
    let mut config: AdapterConfig = config::load(args.train.config.as_deref())?;
    args.override_lora(&mut config.lora);
    config.train = args.train.settings(config.train, checkpoint.as_ref())?;
    let (initial, peft) = args.start(&config.lora, base, config.train.seed)?;
    let (data, held_out) = args.load(source)?;
    let data = data.with_classes(&base.info.labels)?;
    let held_out = held_out.map(|data| data.with_classes(&base.info.labels)).transpose()?;

    let (device, place) = (args.device.open()?.autodiff(), args.device.place()?);
    let unet = attach(base.build(&device)?, &initial, &device);
    let schedule = NoiseSchedule::new(base.schedule.clone());
    let mut trainer = Trainer::new(config.train.clone(), &data, base.info.clone(), schedule, unet, device)?
        .with_operations(args.device.operations())
        .with_lora_dropout(config.lora.dropout)?;
    match checkpoint {
        Some(checkpoint) => trainer = trainer.resume(checkpoint)?,
        None => write_atomic(&out.join(CONFIG), config::to_toml(&config)?.as_bytes())?,
    }
    eprintln!(
        "{} modules of rank {}, {} parameters; {} pictures, {} steps of {}",
        initial.modules.len(),
        initial.rank(),
        initial.modules.values().map(|f| f.a.values.len() + f.b.values.len()).sum::<usize>(),
        data.len(),
        trainer.total(),
        config.train.images_per_step(),
    );
    let sha256 = base_sha256(&args.base)?;
    let averaged = |trainer: &Trainer<'_>| -> anyhow::Result<Adapter> {
        let adapter = detach(&initial, &trainer.averaged_state()?)?;
        Ok(Adapter { base_sha256: Some(sha256.clone()), ..adapter })
    };
    train(
        trainer,
        &args.train,
        interrupt,
        &out,
        held_out.as_ref(),
        |trainer| Ok(write_adapter_folder(&out, &averaged(trainer)?, &peft, &name, Precision::F32)?),
        |trainer| {
            let state = merge(&base.state, [(&averaged(trainer)?, 1.0)]);
            Ok(Model::new(Base { state, ..base.clone() }, place.clone())?)
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

    fn check_source(&self, source: &str) -> anyhow::Result<()> {
        if Path::new(source).exists() || Style::named(source).is_ok() {
            return Ok(());
        }
        anyhow::bail!(
            "--data {source} is neither a style nor a folder nor a file; the styles are {}",
            STYLES.iter().map(|style| style.name).collect::<Vec<_>>().join(", ")
        )
    }

    /// What is there on disk goes before a style of the same name.
    fn load(&self, source: &str) -> anyhow::Result<(Dataset, Option<Dataset>)> {
        if Path::new(source).exists() {
            return self.source.own(Path::new(source));
        }
        let style = Style::named(source)?;
        let (train, held_out) = self.source.mnist()?;
        Ok((train.styled(style)?, held_out.map(|data| data.styled(style)).transpose()?))
    }

    /// The factors that training begins with, and what their `adapter_config.json` says.
    fn start(&self, lora: &LoraSettings, base: &Base, seed: u64) -> anyhow::Result<(Adapter, LoraConfig)> {
        let Some(path) = &self.init else {
            let adapter = initial_adapter(&base.state, &lora.target_modules, lora.rank, lora.scaling(), seed)?;
            let config = LoraConfig {
                r: lora.rank,
                lora_alpha: lora.alpha,
                lora_dropout: lora.dropout,
                target_modules: serde_json::json!(lora.target_modules),
                use_rslora: lora.use_rslora,
                rank_pattern: Default::default(),
                alpha_pattern: Default::default(),
            };
            return Ok((adapter, config));
        };
        let (bytes, config) = read_adapter_files(path)?;
        let adapter = read_adapter(&bytes, config.as_deref(), &base.state)
            .map_err(|error| anyhow::anyhow!("{} cannot be used: {error}", path.display()))?;
        let config = match config {
            Some(text) => LoraConfig::from_json(&text)?,
            None => LoraConfig::describing(&adapter),
        };
        Ok((adapter, config))
    }
}
