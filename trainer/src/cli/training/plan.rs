//! When a run saves, measures and draws. Tests: here.

use diffusion::training::{VALIDATIONS, is_due};
use trainer::config::{Keep, RunSettings};

/// Where in a run sample sheets are drawn, in hundredths: most of what is to be seen happens early.
const SHEETS: [usize; 8] = [2, 5, 10, 20, 40, 60, 80, 100];

/// The settings of a run, with the defaults of those that are not set.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    total: usize,
    validate_every: usize,
    sample_every: Option<usize>,
    save_every: usize,
    keep_every: usize,
    /// Minutes between checkpoints; 0 for none by time.
    pub save_minutes: f64,
    /// Seed of the first row of a sheet.
    pub sample_seed: u64,
    pub log_every: usize,
    pub keep: Keep,
    /// Measurements without a new least loss after which a run ends; 0 for never.
    pub early_stop: usize,
    pub tensorboard: bool,
}

impl Plan {
    /// For a run of `total` steps.
    pub fn new(settings: &RunSettings, total: usize) -> Self {
        Self {
            total,
            validate_every: settings.validate_every.unwrap_or_else(|| (total / VALIDATIONS).max(1)),
            sample_every: settings.sample_every,
            save_every: settings.save_every.unwrap_or(200),
            keep_every: settings.keep_every.unwrap_or(0),
            save_minutes: settings.save_minutes.unwrap_or(5.0),
            sample_seed: settings.sample_seed.unwrap_or(0),
            log_every: settings.log_every.unwrap_or(10),
            keep: settings.keep.unwrap_or(Keep::Best),
            early_stop: settings.early_stop.unwrap_or(0),
            tensorboard: settings.report_to.is_some(),
        }
    }

    /// The settings with all that decides the result or is not sized to the run, for `config.toml`.
    pub fn written(&self, settings: &RunSettings) -> RunSettings {
        RunSettings {
            keep: Some(self.keep),
            early_stop: Some(self.early_stop),
            validate_every: Some(self.validate_every),
            sample_seed: Some(self.sample_seed),
            save_every: Some(self.save_every),
            save_minutes: Some(self.save_minutes),
            keep_every: Some(self.keep_every),
            log_every: Some(self.log_every),
            ..settings.clone()
        }
    }

    /// Whether the validation loss is measured after this step.
    pub fn validates(&self, step: usize) -> bool {
        self.due(self.validate_every, step)
    }

    /// Whether everything is saved after this step, whatever the time.
    pub fn saves(&self, step: usize) -> bool {
        step == self.total || self.due(self.save_every, step) || self.keeps(step)
    }

    /// Whether the weights after this step are kept beside the others.
    pub fn keeps(&self, step: usize) -> bool {
        self.keep_every > 0 && step.is_multiple_of(self.keep_every)
    }

    /// Whether a sheet is drawn after this step.
    pub fn draws(&self, step: usize) -> bool {
        match self.sample_every {
            Some(every) => self.due(every, step),
            None => SHEETS.iter().any(|share| step == (self.total * share).div_ceil(100).max(1)),
        }
    }

    /// Measurements and sheets that are still to come after `done` steps.
    pub fn left(&self, done: usize) -> (usize, usize) {
        let left = |of: &dyn Fn(usize) -> bool| (done + 1..=self.total).filter(|&step| of(step)).count();
        (left(&|step| self.validates(step)), left(&|step| self.draws(step)))
    }

    fn due(&self, every: usize, step: usize) -> bool {
        is_due(every, step, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_and_sheets_are_sized_to_the_run() {
        let plan = Plan::new(&RunSettings::default(), 300);
        assert_eq!(plan.left(0), (25, 8));
        let sheets: Vec<usize> = (1..=300).filter(|&step| plan.draws(step)).collect();
        assert_eq!(sheets, [6, 15, 30, 60, 120, 180, 240, 300]);
        let tiny = Plan::new(&RunSettings::default(), 3);
        assert_eq!(tiny.left(0), (3, 3));
        let none = RunSettings { sample_every: Some(0), validate_every: Some(0), ..RunSettings::default() };
        assert_eq!(Plan::new(&none, 300).left(0), (0, 0));
        let given = RunSettings { sample_every: Some(100), validate_every: Some(7), ..RunSettings::default() };
        assert_eq!(Plan::new(&given, 300).left(99), (29, 3));
    }

    #[test]
    fn what_decides_the_result_is_written_down() {
        let settings = RunSettings { data: Some("x".into()), ..RunSettings::default() };
        let plan = Plan::new(&settings, 1000);
        let written = plan.written(&settings);
        assert_eq!(
            (written.validate_every, written.data.as_deref(), written.sample_every),
            (Some(40), Some("x"), None)
        );
        assert_eq!(Plan::new(&written, 1000), plan);
    }
}
