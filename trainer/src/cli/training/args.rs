//! Flags that `base`, `lora` and `turbo` share. Tests: here.

use std::collections::BTreeSet;

use clap::ValueEnum;
use diffusion::training::augment::has_plain_ground;
use trainer::config::{DataSettings, Keep, RunSettings, sets};
use trainer::data::Dataset;
use trainer::messages::say;
use trainer::train::{LossKind, TrainConfig};

use super::unchanged::check_unchanged;

/// Flags that override the configuration.
#[derive(Debug, clap::Args)]
pub struct TrainArgs {
    /// A TOML file (a run's own config.toml repeats it), or the name of a preset: few, shipped, small, seed. Flags override it
    #[arg(long, value_name = "FILE|PRESET", help_heading = "Configuration")]
    pub config: Option<String>,
    /// Go on from the checkpoint in --out, with the data and settings that it was started with; --epochs, --max-train-steps
    /// and --lr may be others
    #[arg(long, help_heading = "Configuration")]
    pub resume: bool,
    /// Print the whole configuration as TOML, and train nothing
    #[arg(long, help_heading = "Configuration", conflicts_with = "list_presets")]
    pub print_config: bool,
    /// Print the presets, and train nothing
    #[arg(long, help_heading = "Configuration")]
    pub list_presets: bool,
    /// Times that every picture is seen (fractions allowed) [default: base 6, lora 1, turbo 4; few pictures get more]
    #[arg(long, help_heading = "Length")]
    epochs: Option<f64>,
    /// Optimizer steps, instead of --epochs
    #[arg(long, value_name = "N", help_heading = "Length")]
    max_train_steps: Option<usize>,
    /// End when the validation loss had no new least value in so many measurements (8, where no number is given)
    #[arg(long, value_name = "PATIENCE", num_args = 0..=1, default_missing_value = "8", help_heading = "Length")]
    early_stop: Option<usize>,
    /// Pictures per batch [default: base 128, lora 64; for few pictures 32]
    #[arg(long, value_name = "N", help_heading = "Batches")]
    batch_size: Option<usize>,
    /// Batches whose gradients are summed before the optimizer steps [default: 1]
    #[arg(long, value_name = "N", help_heading = "Batches")]
    gradient_accumulation_steps: Option<usize>,
    /// Pictures per forward and backward: decides how much memory is needed [default: on the CPU a batch divided among the
    /// threads, 8 to 32; on a GPU the whole batch]
    #[arg(long, value_name = "N", help_heading = "Batches")]
    micro_batch: Option<usize>,
    /// Turn, stretch and move the pictures a little, and their strokes' width, anew each time one is seen: auto, none, or how
    /// strongly. auto is 0.5 (of base 1) for grey pictures of your own on a plain ground, fewer than 300 of each class; those in colour stay as they are
    /// [default: auto]
    #[arg(long, value_name = "auto|none|STRENGTH", value_parser = augment, help_heading = "Batches")]
    augment: Option<Augment>,
    /// Part of the labels replaced by "no label", for guidance [default: 0.1]
    #[arg(long, value_name = "0..1", help_heading = "Batches")]
    class_dropout: Option<f32>,
    /// Decides starting weights, order and noise [default: 0]
    #[arg(long, help_heading = "Batches")]
    seed: Option<u64>,
    /// Worker threads (where --micro-batch is given, they do not change the result) [default: all cores]
    #[arg(long, value_name = "N", help_heading = "Batches")]
    threads: Option<usize>,
    /// Highest learning rate [default: 0.002; turbo 0.004]
    #[arg(long, help_heading = "Optimizer")]
    lr: Option<f64>,
    /// Steps over which the learning rate rises [default: base 100, lora 20]
    #[arg(long, value_name = "N", help_heading = "Optimizer")]
    warmup_steps: Option<usize>,
    /// Part of the learning rate that is left at the end of the cosine; 1 keeps it constant [default: 0.02]
    #[arg(long, value_name = "0..1", help_heading = "Optimizer")]
    lr_floor: Option<f64>,
    /// Loss between predicted and true target [default: l2]
    #[arg(long, help_heading = "Optimizer")]
    loss: Option<LossKind>,
    /// Gamma of min-SNR weighting; 0 gives all timesteps the same weight [default: 5]
    #[arg(long, value_name = "GAMMA", help_heading = "Optimizer")]
    snr_gamma: Option<f32>,
    /// Added to the SNR that min-SNR weighting leaves, for timesteps that are nearly all noise (v prediction,
    /// gamma above 0) [default: 0.25]
    #[arg(long, value_name = "OFFSET", help_heading = "Optimizer")]
    snr_offset: Option<f32>,
    /// Decay of the moving average of the weights; 0 saves the weights as they are [default: base 0.999, lora 0.99]
    #[arg(long, value_name = "0..1", help_heading = "Optimizer")]
    ema_decay: Option<f64>,
    /// Largest norm of the whole gradient; 0 for no limit [default: 1]
    #[arg(long, value_name = "NORM", help_heading = "Optimizer")]
    max_grad_norm: Option<f32>,
    /// AdamW's weight decay [default: 0]
    #[arg(long, value_name = "DECAY", help_heading = "Optimizer")]
    weight_decay: Option<f32>,
    /// Weights that are in --out at the end: best, those of the least validation loss, with the last ones in OUT/last; or last
    /// [default: best]
    #[arg(long, value_name = "best|last", hide_possible_values = true, help_heading = "Output")]
    keep: Option<Keep>,
    /// Steps between checkpoints [default: 200]
    #[arg(long, value_name = "N", help_heading = "Output")]
    save_every: Option<usize>,
    /// Minutes between checkpoints, in addition; 0 for none by time [default: 5]
    #[arg(long, value_name = "MINUTES", help_heading = "Output")]
    save_minutes: Option<f64>,
    /// Steps between weights that are kept in addition to the latest ones, in OUT/step-000400 and so on; 0 keeps none [default: 0]
    #[arg(long, value_name = "N", help_heading = "Output")]
    keep_every: Option<usize>,
    /// Steps between sample sheets; 0 draws none [default: the first after 2 % of the run, eight in all]
    #[arg(long, value_name = "N", help_heading = "Output")]
    sample_every: Option<usize>,
    /// Seed of the first row of a sample sheet; the next rows have the next seeds [default: 0]
    #[arg(long, value_name = "SEED", help_heading = "Output")]
    sample_seed: Option<u64>,
    /// Steps between measurements of the validation loss; 0 for none [default: 25 measurements in a run]
    #[arg(long, value_name = "N", help_heading = "Output")]
    validate_every: Option<usize>,
    /// Steps between lines of metrics [default: 10]
    #[arg(long, value_name = "N", help_heading = "Output")]
    log_every: Option<usize>,
    /// Also write the curves and the sample sheets elsewhere: tensorboard writes event files into OUT/logs
    #[arg(long, value_name = "TOOL", help_heading = "Output")]
    report_to: Option<ReportTo>,
}

/// `--augment`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Augment {
    Auto,
    Of(f32),
}

fn augment(text: &str) -> Result<Augment, String> {
    match text {
        "auto" => Ok(Augment::Auto),
        "none" | "no" | "off" => Ok(Augment::Of(0.0)),
        number => number.parse().map(Augment::Of).map_err(|_| "give auto, none, or a strength such as 1".to_owned()),
    }
}

/// `--report-to`: tools that read a run, in addition to the metrics, plot and sheets that are always written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportTo {
    /// TensorBoard: `tensorboard --logdir OUT`
    Tensorboard,
}

/// Pictures of each class, on average, from which on they are varied enough by themselves.
const AUGMENTED: usize = 300;

/// What the defaults of a run depend on.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// Pictures to train on.
    pub pictures: usize,
    /// Classes of which there are pictures.
    pub classes: usize,
    /// Strength of the augmentation, unless it is set.
    pub augment: f32,
    /// Whether they are in colour.
    pub coloured: bool,
    /// Steps that a run has at least, whose length nobody has set.
    pub least: usize,
}

impl Given {
    /// Of a run on `data`, which are the user's `own` or not; few of them, on a plain ground, are augmented with `strength`.
    pub fn of(data: &Dataset, own: bool, strength: f32, least: usize) -> Self {
        let classes = data.labels().iter().collect::<BTreeSet<_>>().len();
        let pictures = data.len();
        let coloured = data.channels() > 1;
        // Of colours nothing is known that could be moved.
        let small = own && !coloured && pictures / classes.max(1) < AUGMENTED;
        let augmentable = small && data.images().all(|image| has_plain_ground(image, data.size()));
        let augment = if augmentable { strength } else { 0.0 };
        Self { pictures, classes, augment, coloured, least }
    }

    /// Pictures of each class, on average.
    pub fn each_class(&self) -> usize {
        self.pictures / self.classes.max(1)
    }
}

impl TrainArgs {
    /// Checks the flags that can be checked without data.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.max_train_steps == Some(0) {
            anyhow::bail!("--max-train-steps must be at least 1; leave it out to count in --epochs");
        }
        Ok(())
    }

    /// Refuses the flags that are about pictures, where a run learns none.
    pub fn check_without_pictures(&self) -> anyhow::Result<()> {
        self.refuse_of_diffusion("is about pictures, and turbo learns its teacher's runs")
    }

    /// Refuses the flags that are about timesteps and classes, where a run has none.
    pub fn check_without_classes(&self) -> anyhow::Result<()> {
        self.refuse_of_diffusion("is about diffusion on digits, and an autoencoder learns pictures as they are")
    }

    fn refuse_of_diffusion(&self, reason: &str) -> anyhow::Result<()> {
        let given = [
            ("--augment", self.augment.is_some()),
            ("--class-dropout", self.class_dropout.is_some()),
            ("--snr-gamma", self.snr_gamma.is_some()),
            ("--snr-offset", self.snr_offset.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) => anyhow::bail!("{flag} {reason}; leave it out"),
            None => Ok(()),
        }
    }

    /// Whether a flag sets the length.
    pub fn sets_length(&self) -> bool {
        self.epochs.is_some() || self.max_train_steps.is_some()
    }

    /// What the run that is gone on with has in section `[run]`, without what was sized to a length that is another now.
    pub fn without_stale(&self, stored: RunSettings) -> RunSettings {
        if self.sets_length() { RunSettings { validate_every: None, ..stored } } else { stored }
    }

    /// How pictures are read where no configuration says it. A run that is gone on with and has not written it is of an
    /// older version.
    pub fn unset_pictures(&self) -> DataSettings {
        DataSettings { hold_out_evenly: !self.resume, ..DataSettings::default() }
    }

    /// The flags that belong into section `[run]`.
    pub fn run_settings(&self) -> RunSettings {
        RunSettings {
            keep: self.keep,
            early_stop: self.early_stop,
            validate_every: self.validate_every,
            sample_every: self.sample_every,
            sample_seed: self.sample_seed,
            save_every: self.save_every,
            save_minutes: self.save_minutes,
            keep_every: self.keep_every,
            log_every: self.log_every,
            report_to: self.report_to.and_then(|tool| Some(tool.to_possible_value()?.get_name().to_owned())),
            ..RunSettings::default()
        }
    }

    /// The configuration, overridden by the flags. `resumed` are the settings of the run that is gone on with; `preset` names
    /// the one that was taken unasked.
    pub fn settings(
        &self,
        configured: TrainConfig,
        resumed: Option<&TrainConfig>,
        preset: Option<&str>,
        given: Given,
    ) -> anyhow::Result<TrainConfig> {
        let mut config = configured;
        let length_given = self.sets_length();
        let file = self.config.as_deref().or(preset);
        // Only a default length is made longer for few pictures.
        let default_length = !length_given && !sets(file, &["epochs", "max_train_steps"])?;
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
        match self.augment {
            Some(Augment::Of(strength)) if given.coloured && strength > 0.0 => {
                anyhow::bail!(
                    "--augment moves ink on its ground, of grey pictures: those in colour are learnt as they are"
                )
            }
            Some(Augment::Of(strength)) => config.augment = strength,
            None if resumed.is_some() || sets(self.config.as_deref(), &["augment"])? => {}
            _ => config.augment = given.augment,
        }
        config.check()?;
        if config.gradient_accumulation_steps == 1 && config.batch_size > given.pictures {
            config.batch_size = given.pictures;
            say!("batches of {}: there are no more pictures", given.pictures);
        }
        match resumed {
            // Length and rate may change by flags alone: a preset's may be unintended.
            Some(started) => {
                let length = ["epochs", "max_train_steps"].into_iter().filter(|_| length_given);
                let may_change: Vec<&str> = length.chain(self.lr.map(|_| "lr")).collect();
                check_unchanged(started, &config, &may_change)?;
            }
            None if default_length => {
                let steps = config.total_steps(given.pictures);
                if steps < given.least {
                    config.max_train_steps = given.least;
                    say!("{} steps: so few pictures would make only {steps}", given.least);
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
        for (name, value) in
            base.iter().filter(|(name, _)| !["max_train_steps", "micro_batch", "augment"].contains(&&name[..]))
        {
            let help = command.get_arguments().find(|argument| argument.get_id() == name.as_str()).unwrap().get_help();
            let expected = match (shown(value), shown(&lora[name])) {
                (base, lora) if base == lora => format!("[default: {base}"),
                (base, lora) => format!("[default: base {base}, lora {lora}"),
            };
            let help = help.unwrap().to_string();
            assert!(help.contains(&expected), "--{name}: {expected} is not in: {help}");
        }
    }
}
