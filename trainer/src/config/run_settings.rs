//! Section `[run]`: what a run reads, where it computes, and what it leaves behind when. Tests: here; that it repeats a run
//! alone, in `trainer/tests/runs/repeat.rs`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::data::DataSettings;
use crate::error::{Error, Result};

/// Which weights a run ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Those of the least validation loss; the last where none is measured
    Best,
    /// The last
    Last,
}

/// Section `[run]`. What is not set is left to the defaults, of which those of the intervals depend on the length of the run.
/// Paths are as they were given: relative ones count from the folder in which the program is started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunSettings {
    /// A style's name or the path of pictures; MNIST where it is not set.
    pub data: Option<String>,
    /// The folder of the base that an adapter is trained for.
    pub base: Option<PathBuf>,
    /// The folder of the autoencoder that a new base works behind.
    pub autoencoder: Option<PathBuf>,
    /// Whether the pictures that a base is trained on behind an autoencoder are drawn as ink on paper.
    pub ink: Option<bool>,
    /// The base or adapter that training began with.
    pub init: Option<PathBuf>,
    /// Where to compute, as `--device` has it.
    pub device: Option<String>,
    /// Which weights are in the run's folder.
    pub keep: Option<Keep>,
    /// Measurements of the validation loss without a new least one after which training ends; 0 for never.
    pub early_stop: Option<usize>,
    /// Steps between measurements of the validation loss; 0 for none.
    pub validate_every: Option<usize>,
    /// Steps between sample sheets; 0 for none.
    pub sample_every: Option<usize>,
    /// Seed of the first row of a sample sheet.
    pub sample_seed: Option<u64>,
    /// Steps between checkpoints.
    pub save_every: Option<usize>,
    /// Minutes between checkpoints; 0 for none by time.
    pub save_minutes: Option<f64>,
    /// Steps between weights that are kept beside the others; 0 for none.
    pub keep_every: Option<usize>,
    /// Steps between lines of metrics.
    pub log_every: Option<usize>,
    /// Another program's files that the curves are written to, too.
    pub report_to: Option<String>,
    /// How pictures are read.
    pub pictures: Option<DataSettings>,
}

impl RunSettings {
    /// These settings, and those of `below` where they are not set.
    pub fn over(self, below: Self) -> Self {
        Self {
            data: self.data.or(below.data),
            base: self.base.or(below.base),
            autoencoder: self.autoencoder.or(below.autoencoder),
            ink: self.ink.or(below.ink),
            init: self.init.or(below.init),
            device: self.device.or(below.device),
            keep: self.keep.or(below.keep),
            early_stop: self.early_stop.or(below.early_stop),
            validate_every: self.validate_every.or(below.validate_every),
            sample_every: self.sample_every.or(below.sample_every),
            sample_seed: self.sample_seed.or(below.sample_seed),
            save_every: self.save_every.or(below.save_every),
            save_minutes: self.save_minutes.or(below.save_minutes),
            keep_every: self.keep_every.or(below.keep_every),
            log_every: self.log_every.or(below.log_every),
            report_to: self.report_to.or(below.report_to),
            pictures: self.pictures.or(below.pictures),
        }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// Those that cannot work.
    pub fn check(&self) -> Result<()> {
        match (self.save_minutes, self.sample_seed) {
            (Some(minutes), _) if !(minutes >= 0.0 && minutes.is_finite()) => {
                Err(Error::Setting { reason: "save_minutes must be at least 0, which saves by steps alone".into() })
            }
            // TOML has no larger numbers.
            (_, Some(seed)) if seed > i64::MAX as u64 - 64 => {
                Err(Error::Setting { reason: "sample_seed must be below 2^63 - 64".into() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::to_toml;

    #[test]
    fn what_is_set_comes_before_what_is_below() {
        let text = "data = \"a\"\nkeep = \"last\"\nsave_minutes = 0.5\n";
        let file: RunSettings = toml::from_str(text).unwrap();
        assert_eq!(to_toml(&file).unwrap(), text);
        let flags = RunSettings { data: Some("b".into()), ..RunSettings::default() };
        let both = flags.over(file);
        assert_eq!((both.data.as_deref(), both.keep, both.save_minutes), (Some("b"), Some(Keep::Last), Some(0.5)));
        assert!(toml::from_str::<RunSettings>("dataa = 1").unwrap_err().to_string().contains("dataa"));
        assert!(RunSettings { save_minutes: Some(-1.0), ..both }.check().is_err());
    }
}
