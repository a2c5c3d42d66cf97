//! `trainer base`.

use std::path::PathBuf;
use std::process::ExitCode;

use diffusion::config::{ModelInfo, UNetConfig};
use diffusion::init::initial_state;
use diffusion::schedule::{BetaSchedule, NoiseSchedule, PredictionType, ScheduleConfig};
use diffusion::state::read_state;
use diffusion::tensors::Precision;
use diffusion::{Base, Model};
use trainer::data::Dataset;
use trainer::files::write_atomic;
use trainer::store::{read_base, write_base};
use trainer::train::{TrainConfig, Trainer};

use super::device::DeviceName;
use super::training::{DataArgs, TrainArgs, train};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder <class name>/*.png instead of MNIST
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the model is written
    #[arg(long, default_value = "runs/base")]
    out: PathBuf,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    /// Channels of each resolution
    #[arg(long, value_delimiter = ',', default_values_t = [32, 64])]
    channels: Vec<usize>,
    /// Resolutions, finest first, whose pixels attend to the class tokens only, not to each other: attention among
    /// the pixels of the finest one costs a third of a step and shows in no measure
    #[arg(long, value_delimiter = ',', num_args = 1.., default_values_t = [true, false])]
    only_cross_attention: Vec<bool>,
    /// What the network predicts
    #[arg(long, value_enum, default_value_t = Prediction::V)]
    prediction: Prediction,
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
    let data = match &args.data {
        Some(dir) => args.source.folder(dir)?,
        None => Dataset::mnist_train(&args.source.mnist)?,
    };
    let checkpoint = args.train.checkpoint(&args.out)?;
    let config = args.train.config(TrainConfig::base(), checkpoint.as_ref());
    config.check()?;
    let plain = args.device.open();
    let device = plain.clone().autodiff();

    let base = match &checkpoint {
        Some(_) => read_base(&args.out)?,
        None => new_base(&args, &data, config.seed)?,
    };
    let schedule = NoiseSchedule::new(base.schedule.clone());
    let mut trainer = Trainer::new(config.clone(), &data, base.info.clone(), schedule, base.build(&device)?, device)?;
    match checkpoint {
        Some(checkpoint) => trainer = trainer.resume(checkpoint)?,
        None => {
            write_base(&args.out, &base, Precision::F32)?;
            write_atomic(&args.out.join("train_config.json"), serde_json::to_string_pretty(&config)?.as_bytes())?;
        }
    }
    eprintln!(
        "{} parameters, {} pictures of {} classes, {} steps of {}",
        base.state.values().map(|tensor| tensor.values.len()).sum::<usize>(),
        data.len(),
        data.class_names().len(),
        trainer.total(),
        config.batch_size,
    );
    let averaged = |trainer: &Trainer<'_>| -> anyhow::Result<Base> {
        Ok(Base { state: read_state(trainer.averaged())?, ..base.clone() })
    };
    train(
        trainer,
        &args.train,
        &args.out,
        data.len(),
        |trainer| Ok(write_base(&args.out, &averaged(trainer)?, Precision::F32)?),
        |trainer| Ok(Model::new(averaged(trainer)?, plain.clone())?),
    )
}

fn new_base(args: &Args, data: &Dataset, seed: u64) -> anyhow::Result<Base> {
    const PATCH: usize = 2;
    const TOKENS: usize = 8;
    let info = ModelInfo {
        format: 1,
        labels: data.class_names().to_vec(),
        tokens_per_class: TOKENS,
        image_size: data.size(),
        patch_size: PATCH,
    };
    let levels = args.channels.len();
    if args.only_cross_attention.len() != levels {
        anyhow::bail!("--only-cross-attention needs {levels} values, one for each of --channels");
    }
    let unet = UNetConfig {
        sample_size: data.size() / PATCH,
        in_channels: PATCH * PATCH,
        out_channels: PATCH * PATCH,
        block_out_channels: args.channels.clone(),
        layers_per_block: 1,
        down_attention: vec![true; levels],
        up_attention: vec![true; levels],
        transformer_layers_per_block: 1,
        norm_num_groups: 8,
        norm_eps: 1e-5,
        num_heads: vec![4; levels],
        only_cross_attention: args.only_cross_attention.clone(),
        cross_attention_dim: 64,
        encoder_hid_dim: info.encoder_hid_dim(),
    };
    unet.validate()?;
    info.check(&unet)?;
    let prediction_type = match args.prediction {
        Prediction::V => PredictionType::VPrediction,
        Prediction::Epsilon => PredictionType::Epsilon,
    };
    let schedule =
        ScheduleConfig { beta_schedule: BetaSchedule::SquaredcosCapV2, prediction_type, ..ScheduleConfig::default() };
    let state = initial_state(&unet, seed, &args.device.open());
    Ok(Base { info, unet, schedule, state })
}
