//! Flags of `trainer turbo`, and the configuration that they make.

use std::path::{Path, PathBuf};

use diffusion::SamplerKind;
use diffusion::schedule::TimestepSpacing;
use trainer::config::{self, RunSettings, TurboConfig};

use crate::cli::device::DeviceName;
use crate::cli::sample::{sampler, spacing};
use crate::cli::training::{TrainArgs, check_unchanged, stored_settings};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Network calls that a picture is to take [default: 4]
    #[arg(long, value_name = "N", help_heading = "Teacher")]
    steps: Option<usize>,
    /// The base model's folder, which is the teacher [default: www/models/base]
    #[arg(long, value_name = "DIR", help_heading = "Teacher")]
    base: Option<PathBuf>,
    /// Adapters that are on in the teacher; what is taught is used together with them
    #[arg(long, value_name = "DIR[:SCALE]", help_heading = "Teacher")]
    lora: Vec<String>,
    /// Runs of the teacher that are recorded, and learnt [default: 10000]
    #[arg(long, value_name = "N", help_heading = "Teacher")]
    runs: Option<usize>,
    /// Further runs that the validation loss is measured on [default: 200]
    #[arg(long, value_name = "N", help_heading = "Teacher")]
    held_out: Option<usize>,
    /// The folder of the recorded runs, which other commands with the same teacher can use, too [default: OUT/teacher]
    #[arg(long, value_name = "DIR", help_heading = "Teacher")]
    cache: Option<PathBuf>,
    /// The teacher's sampler: dpm++2m, ddim or euler [default: dpm++2m]
    #[arg(long, value_name = "NAME", value_parser = sampler, help_heading = "Teacher")]
    teacher_sampler: Option<SamplerKind>,
    /// The teacher's denoising steps, a multiple of --steps [default: 12]
    #[arg(long, value_name = "N", help_heading = "Teacher")]
    teacher_steps: Option<usize>,
    /// Which timesteps the teacher visits: it has to pass those of the taught steps, as trailing does [default: trailing]
    #[arg(long, value_name = "NAME", value_parser = spacing, help_heading = "Teacher")]
    teacher_spacing: Option<TimestepSpacing>,
    /// The teacher's guidance, which is taught with the rest; 1 is off [default: the base's, usually 1.6]
    #[arg(long, help_heading = "Teacher")]
    guidance: Option<f32>,
    /// Share of the teacher's run before which there is no guidance [default: 0.2]
    #[arg(long, value_name = "0..1", help_heading = "Teacher")]
    guidance_start: Option<f64>,
    /// Share of the teacher's run from which on there is no guidance [default: 0.75]
    #[arg(long, value_name = "0..1", help_heading = "Teacher")]
    guidance_stop: Option<f64>,
    /// How much of what guidance adds along the predicted picture, its ink, is kept; 1 is plain guidance [default: 0]
    #[arg(long, value_name = "0..1", help_heading = "Teacher")]
    guidance_eta: Option<f32>,
    /// Rank of the factors [default: 8]
    #[arg(long, value_name = "N", help_heading = "Adapter")]
    rank: Option<usize>,
    /// Numerator of the scaling alpha / rank [default: 16]
    #[arg(long, help_heading = "Adapter")]
    alpha: Option<f32>,
    /// Linears and convolutions that are changed: names or patterns of paths [default: convolutions, attention, feed-forward]
    #[arg(long, value_delimiter = ',', value_name = "NAMES", help_heading = "Adapter")]
    target_modules: Option<Vec<String>>,
    /// Start from this adapter instead of from nothing; kind, rank, alpha and targets are its own
    #[arg(long, value_name = "DIR|FILE", conflicts_with_all = ["rank", "alpha", "target_modules"], help_heading = "Adapter")]
    init: Option<PathBuf>,
    /// A second training of what --init has learnt: from where it stands itself to where the teacher does, so that it mends its own mistakes
    #[arg(long, requires = "init", help_heading = "Adapter")]
    own_states: bool,
    /// Where to compute [default: cpu]
    #[arg(long, value_enum, help_heading = "Batches")]
    device: Option<DeviceName>,
    /// Where the adapter is written [default: runs/turbo/turbo-<steps>]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    #[command(flatten)]
    pub train: TrainArgs,
}

impl Args {
    /// The run's folder, and what flags, `--config` and with `--resume` the run itself say. The teacher's guidance is no number where
    /// none of them says it.
    pub fn configuration(&self) -> anyhow::Result<(PathBuf, TurboConfig)> {
        let mut unsaid = TurboConfig::default();
        unsaid.turbo.guidance = f32::NAN;
        let file = self.train.config.as_deref();
        // A folder of its own for each number of steps.
        let steps = match self.steps {
            Some(steps) => steps,
            None => config::load(TurboConfig::default(), file)?.turbo.steps,
        };
        let out = self.out.clone().unwrap_or_else(|| Path::new("runs/turbo").join(format!("turbo-{steps}")));
        let stored = out.join("config.toml");
        let stored = stored.is_file().then(|| stored.display().to_string()).filter(|_| self.train.resume);
        let before = stored.as_deref().map(|stored| config::load(TurboConfig::default(), Some(stored))).transpose()?;
        let mut config = config::load(before.clone().unwrap_or(unsaid), file)?;
        self.override_settings(&mut config);
        config.turbo.check()?;
        if let Some(before) = before {
            check_unchanged(&before.turbo, &config.turbo, &["cache"])?;
        }
        let flags = RunSettings {
            base: self.base.clone(),
            init: self.init.clone(),
            device: self.device.map(DeviceName::name),
            ..self.train.run_settings()
        };
        config.run = flags.over(config::run_settings(file)?.unwrap_or_default());
        if let Some(stored) = self.train.resume.then(|| stored_settings(&out)).transpose()?.flatten() {
            config.run = config.run.over(self.train.without_stale(stored));
        }
        config.run.check()?;
        Ok((out, config))
    }

    fn override_settings(&self, config: &mut TurboConfig) {
        fn set<T: Clone>(field: &mut T, flag: &Option<T>) {
            if let Some(value) = flag {
                field.clone_from(value);
            }
        }
        let (turbo, lora) = (&mut config.turbo, &mut config.lora);
        set(&mut turbo.steps, &self.steps);
        set(&mut turbo.runs, &self.runs);
        set(&mut turbo.held_out, &self.held_out);
        set(&mut turbo.cache, &self.cache.as_ref().map(|folder| folder.display().to_string()));
        set(&mut turbo.teacher_sampler, &self.teacher_sampler);
        set(&mut turbo.teacher_steps, &self.teacher_steps);
        set(&mut turbo.teacher_spacing, &self.teacher_spacing);
        set(&mut turbo.guidance, &self.guidance);
        set(&mut turbo.guidance_start, &self.guidance_start);
        set(&mut turbo.guidance_stop, &self.guidance_stop);
        set(&mut turbo.guidance_eta, &self.guidance_eta);
        if !self.lora.is_empty() {
            turbo.lora.clone_from(&self.lora);
        }
        turbo.own_states |= self.own_states;
        set(&mut lora.rank, &self.rank);
        set(&mut lora.alpha, &self.alpha);
        set(&mut lora.target_modules, &self.target_modules);
    }
}
