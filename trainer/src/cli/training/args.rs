//! Flags that `base` and `lora` share. Tests: here.

use trainer::config::sets_length;
use trainer::messages::say;
use trainer::train::{LossKind, TrainConfig};

use super::unchanged::check_unchanged;

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
    /// threads, 8 to 32; on a GPU the whole batch]
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
    /// Gamma of min-SNR weighting; 0 gives all timesteps the same weight [default: 5]
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
    pub save_every: usize,
    /// Steps between weights that are kept in addition to the latest ones, in OUT/step-000400 and so on; 0 keeps none
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub keep_every: usize,
    /// Steps between sample sheets; 0 draws none
    #[arg(long, default_value_t = 500)]
    pub sample_every: usize,
    /// Steps between measurements of the validation loss; 0 for none
    #[arg(long, default_value_t = 200)]
    pub validate_every: usize,
    /// Steps between lines of metrics
    #[arg(long, default_value_t = 10)]
    pub log_every: usize,
    /// Also write the curves and the sample sheets elsewhere: tensorboard writes event files into OUT/logs
    #[arg(long, value_name = "TOOL")]
    pub report_to: Option<ReportTo>,
    /// Go on from the checkpoint in --out, with the settings it was started with; --epochs, --max-train-steps and --lr
    /// may be others
    #[arg(long)]
    pub resume: bool,
}

/// `--report-to`: tools that read a run, in addition to the metrics, plot and sheets that are always written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportTo {
    /// TensorBoard: `tensorboard --logdir OUT`
    Tensorboard,
}

impl TrainArgs {
    /// Checks the flags that can be checked without data.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.max_train_steps == Some(0) {
            anyhow::bail!("--max-train-steps must be at least 1; leave it out to count in --epochs");
        }
        Ok(())
    }

    /// The configuration, overridden by the flags. `resumed` are the settings of the run that is gone on with. There are
    /// `pictures` to train on; a run whose length nobody has set has at least `least` steps.
    pub fn settings(
        &self,
        configured: TrainConfig,
        resumed: Option<&TrainConfig>,
        pictures: usize,
        least: usize,
    ) -> anyhow::Result<TrainConfig> {
        let mut config = configured;
        let length_given = self.epochs.is_some() || self.max_train_steps.is_some();
        // Only a default length is made longer for few pictures.
        let default_length = !length_given && !sets_length(self.config.as_deref())?;
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
            // Length and rate may change by flags alone: a preset's may be unintended.
            Some(started) => {
                let length = ["epochs", "max_train_steps"].into_iter().filter(|_| length_given);
                let may_change: Vec<&str> = length.chain(self.lr.map(|_| "lr")).collect();
                check_unchanged(started, &config, &may_change)?;
            }
            None if default_length => {
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
