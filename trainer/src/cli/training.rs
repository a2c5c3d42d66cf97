//! What `base` and `lora` share: flags, and the loop around the loop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diffusion::diffusers::WEIGHTS;
use diffusion::{Model, Request};
use trainer::config::differences;
use trainer::data::Dataset;
use trainer::picture::{Canvas, Grid, grey};
use trainer::sampling::draw;
use trainer::session::Session;
use trainer::store::ADAPTER_WEIGHTS;
use trainer::train::{Checkpoint, LossKind, TrainConfig, Trainer};

/// The checkpoint's name in a run's folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The configuration's.
pub const CONFIG: &str = "config.toml";
/// What a run may go on with otherwise than it was started.
const MAY_CHANGE: [&str; 3] = ["epochs", "max_train_steps", "lr"];

/// Ctrl-C: the first one asks for an end with a checkpoint, the second one ends.
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on; once in a process.
    pub fn listen() -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let handler = Arc::clone(&stop);
        ctrlc::set_handler(move || {
            if handler.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        })?;
        Ok(Self(stop))
    }
}

/// Flags that override the configuration.
#[derive(Debug, clap::Args)]
pub struct TrainArgs {
    /// A TOML file, or the name of a preset: seed, small, shipped. Flags override it
    #[arg(long, value_name = "FILE|PRESET")]
    pub config: Option<String>,
    /// Times that every picture is seen (fractions allowed)
    #[arg(long)]
    epochs: Option<f64>,
    /// Optimizer steps, instead of --epochs
    #[arg(long, value_name = "N")]
    max_train_steps: Option<usize>,
    /// Pictures per batch
    #[arg(long)]
    batch_size: Option<usize>,
    /// Batches whose gradients are summed before the optimizer steps
    #[arg(long, value_name = "N")]
    gradient_accumulation_steps: Option<usize>,
    /// Pictures per forward and backward: decides how much memory is needed [default: on the CPU a batch divided among the
    /// threads, 8 to 32; on a graphics processor the whole batch]
    #[arg(long)]
    micro_batch: Option<usize>,
    /// Highest learning rate
    #[arg(long)]
    lr: Option<f64>,
    /// Steps over which the learning rate rises
    #[arg(long)]
    warmup_steps: Option<usize>,
    /// Part of the learning rate that is left at the end of the cosine; 1 keeps it constant
    #[arg(long)]
    lr_floor: Option<f64>,
    /// Loss between predicted and true target
    #[arg(long)]
    loss: Option<LossKind>,
    /// Gamma of min-SNR weighting; 0 weighs all timesteps alike
    #[arg(long)]
    snr_gamma: Option<f32>,
    /// Added to the SNR that min-SNR weighting leaves, for timesteps that are nearly all noise (v prediction,
    /// gamma above 0)
    #[arg(long)]
    snr_offset: Option<f32>,
    /// Part of the labels replaced by "no label", for guidance
    #[arg(long)]
    class_dropout: Option<f32>,
    /// Decay of the moving average of the weights; 0 saves the weights as they are
    #[arg(long)]
    ema_decay: Option<f64>,
    /// Largest norm of the whole gradient; 0 for no limit
    #[arg(long)]
    max_grad_norm: Option<f32>,
    /// AdamW's weight decay
    #[arg(long)]
    weight_decay: Option<f32>,
    /// Decides starting weights, order and noise
    #[arg(long)]
    seed: Option<u64>,
    /// Worker threads (where --micro-batch is given, they do not change the result) [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
    /// Steps between checkpoints
    #[arg(long, default_value_t = 200)]
    save_every: usize,
    /// Steps between sample sheets; 0 draws none
    #[arg(long, default_value_t = 500)]
    sample_every: usize,
    /// Steps between measurements of the validation loss; 0 for none
    #[arg(long, default_value_t = 200)]
    validate_every: usize,
    /// Steps between lines of metrics
    #[arg(long, default_value_t = 10)]
    log_every: usize,
    /// Also write the curves and the sample sheets elsewhere: tensorboard writes event files into OUT/logs
    #[arg(long, value_name = "TOOL")]
    report_to: Option<ReportTo>,
    /// Go on from the checkpoint in --out, with the settings it was started with; --epochs, --max-train-steps and --lr
    /// may be others
    #[arg(long)]
    resume: bool,
}

/// Tools that read a run, beside the metrics, plot and sheets that are always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ReportTo {
    /// TensorBoard: `tensorboard --logdir OUT`
    Tensorboard,
}

impl TrainArgs {
    /// Nothing that is in `out` is overwritten but by the run that has written it. `weights` is the file it ends in.
    pub fn guard(&self, out: &Path, weights: &str) -> anyhow::Result<()> {
        let shown = out.display();
        match (out.join(CHECKPOINT).exists(), out.join(weights).exists()) {
            (true, _) if !self.resume => {
                anyhow::bail!("{shown} already holds a run; go on with --resume, or choose another --out")
            }
            (false, true) => anyhow::bail!(
                "{shown} already holds {weights}, but no checkpoint to resume from; choose another --out, or remove it"
            ),
            _ => Ok(()),
        }
    }

    /// The checkpoint that `--resume` asks for. A run that has none yet begins, unless it is `required`.
    pub fn checkpoint(&self, out: &Path, required: bool) -> anyhow::Result<Option<Checkpoint>> {
        let path = out.join(CHECKPOINT);
        match (self.resume, path.exists()) {
            (true, true) => Ok(Some(Checkpoint::load(&path)?)),
            (true, false) if required => {
                anyhow::bail!("there is no checkpoint in {} to resume from; start without --resume", out.display())
            }
            _ => Ok(None),
        }
    }

    /// The flags' values in place of the configuration's, which are those of the run where it is `resumed`.
    /// `pictures` are there to train on; where nothing is said of the length, it is `least` steps at least.
    pub fn settings(
        &self,
        configured: TrainConfig,
        resumed: Option<&TrainConfig>,
        pictures: usize,
        least: usize,
    ) -> anyhow::Result<TrainConfig> {
        let mut config = configured;
        // Only the defaults' own length gives way to so few pictures.
        let unsaid = [TrainConfig::base(), TrainConfig::lora()]
            .iter()
            .any(|defaults| (config.epochs, config.max_train_steps) == (defaults.epochs, defaults.max_train_steps));
        let unsaid = unsaid && self.epochs.is_none() && self.max_train_steps.is_none();
        fn set<T: Copy>(field: &mut T, flag: Option<T>) {
            if let Some(value) = flag {
                *field = value;
            }
        }
        if self.epochs.is_some() {
            config.max_train_steps = 0;
        }
        set(&mut config.epochs, self.epochs);
        set(&mut config.max_train_steps, self.max_train_steps);
        set(&mut config.batch_size, self.batch_size);
        set(&mut config.gradient_accumulation_steps, self.gradient_accumulation_steps);
        set(&mut config.micro_batch, self.micro_batch);
        set(&mut config.lr, self.lr);
        set(&mut config.warmup_steps, self.warmup_steps);
        set(&mut config.lr_floor, self.lr_floor);
        set(&mut config.loss, self.loss);
        set(&mut config.snr_gamma, self.snr_gamma);
        set(&mut config.snr_offset, self.snr_offset);
        set(&mut config.class_dropout, self.class_dropout);
        set(&mut config.ema_decay, self.ema_decay);
        set(&mut config.max_grad_norm, self.max_grad_norm);
        set(&mut config.weight_decay, self.weight_decay);
        set(&mut config.seed, self.seed);
        set(&mut config.threads, self.threads);
        config.check()?;
        if config.gradient_accumulation_steps == 1 && config.batch_size > pictures {
            config.batch_size = pictures;
            eprintln!("batches of {pictures}: there are no more pictures");
        }
        match resumed {
            Some(started) => unchanged(started, &config, &MAY_CHANGE)?,
            None if unsaid => {
                let steps = config.total_steps(pictures);
                if steps < least {
                    config.max_train_steps = least;
                    eprintln!("{least} steps: so few pictures would make only {steps}");
                }
            }
            None => {}
        }
        Ok(config)
    }
}

/// A run goes on with the settings it was started with.
pub fn unchanged<T: serde::Serialize>(started: &T, now: &T, may_change: &[&str]) -> anyhow::Result<()> {
    let changed: Vec<String> = differences(started, now)?
        .into_iter()
        .filter(|(name, _)| !may_change.contains(&name.as_str()))
        .map(|(_, text)| text)
        .collect();
    if !changed.is_empty() {
        anyhow::bail!("--resume goes on with the settings that the run was started with: {}", changed.join(", "));
    }
    Ok(())
}

/// Whether a resumed run was at its end already; says so.
pub fn is_finished(trainer: &Trainer<'_>) -> bool {
    let finished = trainer.step() >= trainer.total();
    if finished {
        eprintln!("nothing is left to do: {} steps are done; more with --max-train-steps or --epochs", trainer.step());
    }
    finished
}

/// Runs a trainer to its end or to Ctrl-C. `save` writes what the run is for; `model` gives what sheets are drawn with.
pub fn train(
    mut trainer: Trainer<'_>,
    args: &TrainArgs,
    Interrupt(stop): &Interrupt,
    out: &Path,
    held_out: Option<&Dataset>,
    save: impl Fn(&Trainer<'_>) -> anyhow::Result<()>,
    model: impl Fn(&Trainer<'_>) -> anyhow::Result<Model>,
) -> anyhow::Result<ExitCode> {
    let threads = trainer.config().threads;
    let mut session = Session::new(out, trainer.step(), trainer.total(), trainer.steps_per_epoch(), args.log_every)?;
    if args.report_to == Some(ReportTo::Tensorboard) {
        session = session.with_tensorboard()?;
    }
    let checkpoint = out.join(CHECKPOINT);
    // The checkpoint goes last: it says that everything before it is there.
    let save_all = |trainer: &Trainer<'_>| -> anyhow::Result<()> {
        let run = trainer.checkpoint()?;
        save(trainer)?;
        let saved = run.save(&checkpoint);
        if saved.is_err() && !checkpoint.exists() {
            // Weights alone would stand in the way of a new start.
            for name in [WEIGHTS, ADAPTER_WEIGHTS] {
                let _ = std::fs::remove_file(out.join(name));
            }
        }
        Ok(saved?)
    };
    let result = trainer.run(stop, |trainer, report| {
        let last = report.step == report.total;
        let due = |every: usize| every > 0 && (last || report.step.is_multiple_of(every));
        let held_out = held_out.filter(|_| due(args.validate_every));
        session.step(report, held_out.map(|data| trainer.validation_loss(data)).transpose()?)?;
        if last || due(args.save_every) {
            save_all(trainer).map_err(boxed)?;
            session.plot()?;
        }
        if due(args.sample_every) {
            let sheet = model(trainer).and_then(|model| draw_sheet(&model, threads)).map_err(boxed)?;
            session.sheet(report.step, &sheet)?;
        }
        Ok(())
    });
    if let Err(error) = result {
        session.finish("stopped");
        let kept = match checkpoint.exists() {
            true => format!(
                "the last checkpoint in {} is intact: go on from it with --resume, where --lr may be lower",
                out.display()
            ),
            false => format!("there was no checkpoint yet in {}", out.display()),
        };
        return Err(anyhow::Error::from(error).context(kept));
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
fn draw_sheet(model: &Model, threads: usize) -> anyhow::Result<Canvas> {
    const SEEDS: usize = 8;
    let info = &model.base().info;
    let labels: Vec<usize> = (0..SEEDS).flat_map(|_| 0..info.num_classes()).collect();
    // A schedule of few timesteps has no twelve different ones.
    let steps = Request::new(0, 0).num_inference_steps.min(model.base().schedule.num_train_timesteps - 1);
    let seeds = (0..SEEDS as u64).flat_map(|seed| std::iter::repeat_n(seed, info.num_classes())).collect();
    let images =
        draw(model, &Request { labels, seeds, num_inference_steps: steps, ..Request::new(0, 0) }, threads, |_, _| {})?;
    let tiles: Vec<Vec<u8>> = images.iter().map(|image| grey(image)).collect();
    Ok(Grid::new(info.image_size, info.num_classes()).draw(&tiles))
}
