//! `trainer lora`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diffusion::Model;
use diffusion::lora::{Adapter, merge};
use diffusion::peft::{LoraConfig, read_adapter};
use diffusion::schedule::NoiseSchedule;
use diffusion::tensors::Precision;
use diffusion::{Base, state::StateDict};
use trainer::data::Dataset;
use trainer::files::write_atomic;
use trainer::store::{base_sha256, read_adapter_files, read_base, write_adapter_folder};
use trainer::styles::{STYLES, Style};
use trainer::train::adapter::{attach, detach, initial_adapter};
use trainer::train::{TrainConfig, Trainer};

use super::device::DeviceName;
use super::training::{DataArgs, TrainArgs, train};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The base model's folder
    #[arg(long, default_value = "www/models/base")]
    base: PathBuf,
    /// A style's name, or a folder <class name>/*.png
    #[arg(long)]
    data: String,
    /// Rank of the factors
    #[arg(long, default_value_t = 4)]
    rank: usize,
    /// Numerator of the scaling alpha / rank
    #[arg(long, default_value_t = 8.0)]
    alpha: f32,
    /// Modules that get factors: names or patterns of paths
    #[arg(long, value_delimiter = ',', default_values_t = ["to_q", "to_k", "to_v"].map(String::from))]
    target_modules: Vec<String>,
    /// Start from this adapter instead of from nothing
    #[arg(long)]
    init: Option<PathBuf>,
    /// Where the adapter is written
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
    let base = read_base(&args.base)?;
    let name =
        Path::new(&args.data).file_name().map_or_else(|| args.data.clone(), |name| name.to_string_lossy().into_owned());
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs/lora").join(&name));
    let data = load_data(&args)?;
    if data.class_names() != base.info.labels {
        anyhow::bail!(
            "the data has the classes {}, the base {}",
            data.class_names().join(", "),
            base.info.labels.join(", ")
        );
    }
    let checkpoint = args.train.checkpoint(&out)?;
    let config = args.train.config(TrainConfig::lora(), checkpoint.as_ref());
    config.check()?;
    let peft = LoraConfig {
        r: args.rank,
        lora_alpha: args.alpha,
        lora_dropout: 0.0,
        target_modules: serde_json::json!(args.target_modules),
        use_rslora: false,
        rank_pattern: Default::default(),
        alpha_pattern: Default::default(),
    };
    let initial = start(&args, &base, &peft, config.seed)?;

    let plain = args.device.open();
    let device = plain.clone().autodiff();
    let unet = attach(base.build(&device)?, &initial, &device);
    let schedule = NoiseSchedule::new(base.schedule.clone());
    let mut trainer = Trainer::new(config.clone(), &data, base.info.clone(), schedule, unet, device)?;
    match checkpoint {
        Some(checkpoint) => trainer = trainer.resume(checkpoint)?,
        None => write_atomic(&out.join("train_config.json"), serde_json::to_string_pretty(&config)?.as_bytes())?,
    }
    eprintln!(
        "{} modules of rank {}, {} parameters; {} pictures, {} steps of {}",
        initial.modules.len(),
        initial.rank(),
        initial.modules.values().map(|f| f.a.values.len() + f.b.values.len()).sum::<usize>(),
        data.len(),
        trainer.total(),
        config.batch_size,
    );
    let sha256 = base_sha256(&args.base)?;
    let averaged = |trainer: &Trainer<'_>| -> anyhow::Result<Adapter> {
        let adapter = detach(&initial, &trainer.averaged_state()?)?;
        Ok(Adapter { base_sha256: Some(sha256.clone()), ..adapter })
    };
    train(
        trainer,
        &args.train,
        &out,
        data.len(),
        |trainer| Ok(write_adapter_folder(&out, &averaged(trainer)?, &peft, &name, Precision::F32)?),
        |trainer| {
            let state: StateDict = merge(&base.state, [(&averaged(trainer)?, 1.0)]);
            Ok(Model::new(Base { state, ..base.clone() }, plain.clone())?)
        },
    )
}

fn load_data(args: &Args) -> anyhow::Result<Dataset> {
    if Path::new(&args.data).is_dir() {
        return args.source.folder(Path::new(&args.data));
    }
    match Style::named(&args.data) {
        Ok(style) => Ok(Dataset::mnist_train(&args.source.mnist)?.styled(style)?),
        Err(_) => anyhow::bail!(
            "--data {} is neither a folder nor a style; the styles are {}",
            args.data,
            STYLES.iter().map(|style| style.name).collect::<Vec<_>>().join(", ")
        ),
    }
}

fn start(args: &Args, base: &Base, peft: &LoraConfig, seed: u64) -> anyhow::Result<Adapter> {
    let Some(path) = &args.init else {
        return Ok(initial_adapter(
            &base.state,
            &args.target_modules,
            args.rank,
            peft.lora_alpha / args.rank as f32,
            seed,
        )?);
    };
    let (bytes, config) = read_adapter_files(path)?;
    let adapter = read_adapter(&bytes, config.as_deref(), &base.state)?;
    let expected = peft.lora_alpha / args.rank as f32;
    if adapter.modules.values().any(|f| f.rank() != args.rank || f.scaling != expected) {
        anyhow::bail!(
            "{} has another rank or alpha than --rank {} --alpha {}; give the same ones",
            path.display(),
            args.rank,
            args.alpha
        );
    }
    Ok(adapter)
}
