//! What `base` and `lora` share: flags, and the loop around the loop.

mod running;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use trainer::config::{differences, sets_length, to_toml};
use trainer::error::Error;
use trainer::files::{Held, hold, write_atomic};
use trainer::say;
use trainer::train::{Checkpoint, LossKind, TrainConfig};

pub use running::{is_finished, train};

/// The checkpoint's name in a run's folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The configuration's.
const CONFIG: &str = "config.toml";
/// There while the first weights are written and their checkpoint is not.
const FIRST_SAVE: &str = ".first-save";

/// Ctrl-C or SIGTERM: the first one asks for an end with a checkpoint, the second one ends.
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on: before that there is nothing to save, and Ctrl-C ends at once.
    pub fn listen() -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first one finds no flag yet.
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
            flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self(stop))
    }

    /// Whether an end was asked for.
    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Flags that override the configuration.
#[derive(Debug, clap::Args)]
pub struct TrainArgs {
    /// A TOML file, or the name of a preset: seed, small, shipped. Flags override it
    #[arg(long, value_name = "FILE|PRESET")]
    pub config: Option<String>,
    /// Times that every picture is seen (fractions allowed) [default: base 6, lora 1]
    #[arg(long)]
    epochs: Option<f64>,
    /// Optimizer steps, instead of --epochs
    #[arg(long, value_name = "N")]
    max_train_steps: Option<usize>,
    /// Pictures per batch [default: base 128, lora 64]
    #[arg(long)]
    batch_size: Option<usize>,
    /// Batches whose gradients are summed before the optimizer steps [default: 1]
    #[arg(long, value_name = "N")]
    gradient_accumulation_steps: Option<usize>,
    /// Pictures per forward and backward: decides how much memory is needed [default: on the CPU a batch divided among the
    /// threads, 8 to 32; on a graphics processor the whole batch]
    #[arg(long)]
    micro_batch: Option<usize>,
    /// Highest learning rate [default: 0.002]
    #[arg(long)]
    lr: Option<f64>,
    /// Steps over which the learning rate rises [default: base 100, lora 20]
    #[arg(long)]
    warmup_steps: Option<usize>,
    /// Part of the learning rate that is left at the end of the cosine; 1 keeps it constant [default: 0.02]
    #[arg(long)]
    lr_floor: Option<f64>,
    /// Loss between predicted and true target [default: l2]
    #[arg(long)]
    loss: Option<LossKind>,
    /// Gamma of min-SNR weighting; 0 weighs all timesteps alike [default: 5]
    #[arg(long)]
    snr_gamma: Option<f32>,
    /// Added to the SNR that min-SNR weighting leaves, for timesteps that are nearly all noise (v prediction,
    /// gamma above 0) [default: 0.25]
    #[arg(long)]
    snr_offset: Option<f32>,
    /// Part of the labels replaced by "no label", for guidance [default: 0.1]
    #[arg(long)]
    class_dropout: Option<f32>,
    /// Decay of the moving average of the weights; 0 saves the weights as they are [default: base 0.999, lora 0.99]
    #[arg(long)]
    ema_decay: Option<f64>,
    /// Largest norm of the whole gradient; 0 for no limit [default: 1]
    #[arg(long)]
    max_grad_norm: Option<f32>,
    /// AdamW's weight decay [default: 0]
    #[arg(long)]
    weight_decay: Option<f32>,
    /// Decides starting weights, order and noise [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// Worker threads (where --micro-batch is given, they do not change the result) [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
    /// Steps between checkpoints
    #[arg(long, default_value_t = 200)]
    save_every: usize,
    /// Steps between weights that are kept beside the latest ones, in OUT/step-000400 and so on; 0 keeps none
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep_every: usize,
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
    /// Says what can be said without data.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.max_train_steps == Some(0) {
            anyhow::bail!("--max-train-steps must be at least 1; leave it out to count in --epochs");
        }
        Ok(())
    }

    /// Nothing that is in `out` is overwritten but by the run that has written it, and by no other meanwhile: held is what is
    /// there. `weights` is the file it ends in.
    pub fn guard(&self, out: &Path, weights: &str) -> anyhow::Result<Option<Held>> {
        let held = out.is_dir().then(|| hold(out)).transpose()?;
        let shown = out.display();
        match (out.join(CHECKPOINT).exists(), out.join(weights).exists()) {
            // Before its first step a run is no more than its settings.
            (true, _) if !self.resume && Checkpoint::load(&out.join(CHECKPOINT))?.step > 0 => {
                anyhow::bail!("{shown} already holds a run; go on with --resume, or choose another --out")
            }
            // Weights of a first save that did not come to its end are nobody's.
            (false, true) if !out.join(FIRST_SAVE).exists() => anyhow::bail!(
                "{shown} already holds {weights}, but no checkpoint to resume from; choose another --out, or remove it"
            ),
            _ => Ok(held),
        }
    }

    /// Takes the folder, where it was not there to be `held` yet, and writes the configuration into it.
    pub fn begin<T: Serialize>(
        &self,
        held: Option<Held>,
        out: &Path,
        weights: &str,
        config: &T,
    ) -> anyhow::Result<Option<Held>> {
        let held = match held {
            Some(held) => Some(held),
            None => {
                fs::create_dir_all(out).map_err(Error::io("create", out))?;
                self.guard(out, weights)?
            }
        };
        write_atomic(&out.join(CONFIG), to_toml(config)?.as_bytes())?;
        Ok(held)
    }

    /// The checkpoint that `--resume` asks for. A run that has not begun begins, unless it is `required`.
    pub fn checkpoint(&self, out: &Path, required: bool) -> anyhow::Result<Option<Checkpoint>> {
        let path = out.join(CHECKPOINT);
        match (self.resume, path.exists()) {
            (true, true) => Ok(Some(Checkpoint::load(&path)?)),
            (true, false) if required => {
                anyhow::bail!("there is no checkpoint in {} to resume from; start without --resume", out.display())
            }
            (true, false) => {
                say!("there is no checkpoint in {} yet: the run begins", out.display());
                Ok(None)
            }
            (false, _) => Ok(None),
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
        let length_given = self.epochs.is_some() || self.max_train_steps.is_some();
        // Only the defaults' own length gives way to so few pictures.
        let unsaid = !length_given && !sets_length(self.config.as_deref())?;
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
            say!("batches of {pictures}: there are no more pictures");
        }
        match resumed {
            // Another length or rate is asked for by a flag: a preset has one of its own, which nobody may have thought of.
            Some(started) => {
                let length = ["epochs", "max_train_steps"].into_iter().filter(|_| length_given);
                let may_change: Vec<&str> = length.chain(self.lr.map(|_| "lr")).collect();
                unchanged(started, &config, &may_change)?;
            }
            None if unsaid => {
                let steps = config.total_steps(pictures);
                if steps < least {
                    config.max_train_steps = least;
                    say!("{least} steps: so few pictures would make only {steps}");
                }
            }
            None => {}
        }
        Ok(config)
    }
}

/// A run goes on with the settings it was started with.
pub fn unchanged<T: Serialize>(started: &T, now: &T, may_change: &[&str]) -> anyhow::Result<()> {
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

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use trainer::config::to_toml;

    use super::*;

    #[test]
    fn the_help_tells_the_defaults() {
        // By way of the text, in which a float is as short as it was given.
        let table = |config: TrainConfig| toml::from_str::<toml::Table>(&to_toml(&config).unwrap()).unwrap();
        let (base, lora) = (table(TrainConfig::base()), table(TrainConfig::lora()));
        let shown = |value: &toml::Value| match value {
            toml::Value::String(text) => text.clone(),
            number => number.to_string().trim_end_matches(".0").to_owned(),
        };
        let command = TrainArgs::augment_args(Command::new("train"));
        // Others say what they are decided by.
        for (name, value) in base.iter().filter(|(name, _)| !["max_train_steps", "micro_batch"].contains(&&name[..])) {
            let help = command.get_arguments().find(|argument| argument.get_id() == name.as_str()).unwrap().get_help();
            let expected = match (shown(value), shown(&lora[name])) {
                (base, lora) if base == lora => format!("[default: {base}]"),
                (base, lora) => format!("[default: base {base}, lora {lora}]"),
            };
            let help = help.unwrap().to_string();
            assert!(help.contains(&expected), "--{name}: {expected} is not in: {help}");
        }
    }
}
