//! What `base` and `lora` share: flags, data, and the loop around the loop.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diffusion::{Model, Request};
use trainer::data::{BadPictures, Dataset};
use trainer::picture::{Grid, grey};
use trainer::sampling::draw;
use trainer::session::Session;
use trainer::train::{Checkpoint, LossKind, TrainConfig, Trainer};

/// The checkpoint's name in a run's folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// Flags that override the defaults.
#[derive(Debug, clap::Args)]
pub struct TrainArgs {
    /// Times that every picture is seen (fractions allowed)
    #[arg(long)]
    epochs: Option<f64>,
    /// Pictures per optimizer step
    #[arg(long)]
    batch_size: Option<usize>,
    /// Pictures per forward and backward
    #[arg(long)]
    micro_batch: Option<usize>,
    /// Highest learning rate
    #[arg(long)]
    lr: Option<f64>,
    /// Steps over which the learning rate rises
    #[arg(long)]
    warmup_steps: Option<usize>,
    /// Loss between predicted and true target
    #[arg(long)]
    loss: Option<LossKind>,
    /// Gamma of min-SNR weighting; 0 weighs all timesteps alike
    #[arg(long)]
    snr_gamma: Option<f32>,
    /// Part of the labels replaced by "no label", for guidance
    #[arg(long)]
    class_dropout: Option<f32>,
    /// Decay of the moving average of the weights
    #[arg(long)]
    ema_decay: Option<f64>,
    /// Decides starting weights, order and noise
    #[arg(long)]
    seed: Option<u64>,
    /// Worker threads (does not change the result)
    #[arg(long)]
    threads: Option<usize>,
    /// Steps between checkpoints
    #[arg(long, default_value_t = 200)]
    pub save_every: usize,
    /// Steps between sample sheets; 0 draws none
    #[arg(long, default_value_t = 500)]
    pub sample_every: usize,
    /// Steps between lines of metrics
    #[arg(long, default_value_t = 10)]
    pub log_every: usize,
    /// Go on from the checkpoint in --out, with the settings it was started with
    #[arg(long)]
    pub resume: bool,
}

impl TrainArgs {
    /// The settings: those of the checkpoint when resuming, else the defaults with the flags on top.
    pub fn config(&self, defaults: TrainConfig, resumed: Option<&Checkpoint>) -> TrainConfig {
        if let Some(checkpoint) = resumed {
            let mut config = checkpoint.config.clone();
            config.threads = self.threads.unwrap_or(config.threads);
            return config;
        }
        let mut config = defaults;
        fn set<T: Copy>(field: &mut T, flag: Option<T>) {
            if let Some(value) = flag {
                *field = value;
            }
        }
        set(&mut config.epochs, self.epochs);
        set(&mut config.batch_size, self.batch_size);
        set(&mut config.micro_batch, self.micro_batch);
        set(&mut config.lr, self.lr);
        set(&mut config.warmup_steps, self.warmup_steps);
        set(&mut config.loss, self.loss);
        set(&mut config.class_dropout, self.class_dropout);
        set(&mut config.ema_decay, self.ema_decay);
        set(&mut config.seed, self.seed);
        set(&mut config.threads, self.threads);
        if let Some(gamma) = self.snr_gamma {
            config.snr_gamma = (gamma > 0.0).then_some(gamma);
        }
        config
    }

    /// The checkpoint in `out`, when `--resume` asks for it. Without it a folder with a checkpoint is left alone.
    pub fn checkpoint(&self, out: &Path) -> anyhow::Result<Option<Checkpoint>> {
        let path = out.join(CHECKPOINT);
        match (self.resume, path.exists()) {
            (true, true) => Ok(Some(Checkpoint::load(&path)?)),
            (true, false) => {
                anyhow::bail!("there is no checkpoint in {} to resume from; start without --resume", out.display())
            }
            (false, true) => {
                anyhow::bail!("{} already holds a run; go on with --resume, or choose another --out", out.display())
            }
            (false, false) => Ok(None),
        }
    }
}

/// Where pictures come from.
#[derive(Debug, clap::Args)]
pub struct DataArgs {
    /// The folder with MNIST (see `trainer data`)
    #[arg(long, default_value = "data/mnist")]
    pub mnist: PathBuf,
    /// Leave out pictures that cannot be used instead of stopping
    #[arg(long)]
    pub skip_bad: bool,
}

impl DataArgs {
    /// Reads a folder `<class name>/*.png`.
    pub fn folder(&self, dir: &Path) -> anyhow::Result<Dataset> {
        let policy = if self.skip_bad { BadPictures::Skip } else { BadPictures::Refuse };
        let (data, skipped) = Dataset::from_folder(dir, policy)?;
        for picture in skipped {
            eprintln!("left out: {picture}");
        }
        Ok(data)
    }
}

/// Runs a trainer to its end or to Ctrl-C. `save` writes what the run is for; `model` gives what sheets are drawn with.
pub fn train(
    mut trainer: Trainer<'_>,
    args: &TrainArgs,
    out: &Path,
    images: usize,
    save: impl Fn(&Trainer<'_>) -> anyhow::Result<()>,
    model: impl Fn(&Trainer<'_>) -> anyhow::Result<Model>,
) -> anyhow::Result<ExitCode> {
    let stop = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if handler.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    let config = trainer.config().clone();
    let mut session =
        Session::new(out, trainer.step(), trainer.total(), config.steps_per_epoch(images), args.log_every)?;
    let checkpoint = out.join(CHECKPOINT);
    let save_all = |trainer: &Trainer<'_>| -> anyhow::Result<()> {
        trainer.checkpoint()?.save(&checkpoint)?;
        save(trainer)
    };
    let result = trainer.run(&stop, |trainer, report| {
        session.step(report)?;
        let last = report.step == report.total;
        let due = |every: usize| every > 0 && report.step.is_multiple_of(every);
        if last || due(args.save_every) {
            save_all(trainer).map_err(boxed)?;
            session.plot()?;
        }
        if args.sample_every > 0 && (last || due(args.sample_every)) {
            let sheet = out.join(format!("samples/step-{:06}.png", report.step));
            model(trainer).and_then(|model| draw_sheet(&model, &sheet, config.threads)).map_err(boxed)?;
        }
        Ok(())
    });
    if let Err(error) = result {
        session.finish("stopped");
        return Err(anyhow::Error::from(error).context(format!("the last checkpoint in {} is intact", out.display())));
    }
    if trainer.step() < trainer.total() {
        save_all(&trainer)?;
        session.plot()?;
        session.finish(&format!("stopped at step {} with a checkpoint; go on with --resume", trainer.step()));
        return Ok(ExitCode::from(130));
    }
    session.finish(&format!("done: {}", out.display()));
    Ok(ExitCode::SUCCESS)
}

fn boxed(error: anyhow::Error) -> trainer::error::Error {
    match error.downcast::<trainer::error::Error>() {
        Ok(error) => error,
        Err(error) => trainer::error::Error::Setting { reason: format!("{error:#}") },
    }
}

/// Every class in a row of eight seeds.
fn draw_sheet(model: &Model, path: &Path, threads: usize) -> anyhow::Result<()> {
    const SEEDS: usize = 8;
    let info = &model.base().info;
    let labels: Vec<usize> = (0..SEEDS).flat_map(|_| 0..info.num_classes()).collect();
    let seeds = (0..SEEDS as u64).flat_map(|seed| std::iter::repeat_n(seed, info.num_classes())).collect();
    let images = draw(model, &Request { labels, seeds, ..Request::new(0, 0) }, threads, |_, _| {})?;
    let tiles: Vec<Vec<u8>> = images.iter().map(|image| grey(image)).collect();
    Ok(Grid::new(info.image_size, info.num_classes()).draw(&tiles).save_png(path)?)
}
