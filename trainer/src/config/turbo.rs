//! Section `[turbo]`: how many steps an adapter is taught to draw in, and by which teacher. Tests: here.

use diffusion::schedule::TimestepSpacing;
use diffusion::{Request, SamplerKind};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Most runs that can be recorded: a seed each, and memory.
const MOST_RUNS: usize = 10_000_000;

/// Section `[turbo]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurboSettings {
    /// Steps that are taught, a call of the network each.
    pub steps: usize,
    /// Adapters that are on in the teacher, each `DIR[:SCALE]`; the taught one is used with them.
    pub lora: Vec<String>,
    /// Runs of the teacher that are learnt.
    pub runs: usize,
    /// Further runs that the validation loss is measured on.
    pub held_out: usize,
    /// The teacher's sampler.
    pub teacher_sampler: SamplerKind,
    /// The teacher's denoising steps.
    pub teacher_steps: usize,
    /// Which timesteps the teacher visits.
    pub teacher_spacing: TimestepSpacing,
    /// The teacher's guidance.
    pub guidance: f32,
    /// Share of the teacher's run before which it has no guidance.
    pub guidance_start: f64,
    /// Share of the teacher's run from which on it has none.
    pub guidance_stop: f64,
    /// How much of what guidance adds along the predicted picture is kept.
    pub guidance_eta: f32,
    /// Whether rows begin where the adapter that is trained on stands itself, not where the teacher does.
    #[serde(default)]
    pub own_states: bool,
    /// The folder of the recorded runs; empty for the run's own.
    pub cache: String,
}

impl Default for TurboSettings {
    fn default() -> Self {
        let Request {
            guidance_scale, guidance_start, guidance_stop, guidance_eta, num_inference_steps, sampler, ..
        } = Request::new(0, 0);
        Self {
            steps: 4,
            lora: Vec::new(),
            runs: 10_000,
            held_out: 200,
            teacher_sampler: sampler,
            teacher_steps: num_inference_steps,
            teacher_spacing: TimestepSpacing::Trailing,
            guidance: guidance_scale,
            guidance_start,
            guidance_stop,
            guidance_eta,
            own_states: false,
            cache: String::new(),
        }
    }
}

impl TurboSettings {
    /// Checks the numbers that no model is needed for.
    ///
    /// # Errors
    /// Those that cannot work.
    pub fn check(&self) -> Result<()> {
        let refuse = |reason: String| Err(Error::Setting { reason });
        if self.runs == 0 || self.runs > MOST_RUNS {
            return refuse(format!("runs must be 1 to {MOST_RUNS}, not {}", self.runs));
        }
        if self.held_out > MOST_RUNS {
            return refuse(format!("held_out must be at most {MOST_RUNS}, not {}", self.held_out));
        }
        if self.teacher_sampler == SamplerKind::Ddpm {
            return refuse("the teacher's sampler must be one without fresh noise: dpm++2m, ddim or euler".into());
        }
        Ok(())
    }

    /// A run of the teacher, without classes and seeds.
    pub fn teacher(&self) -> Request {
        Request {
            num_inference_steps: self.teacher_steps,
            sampler: self.teacher_sampler,
            timestep_spacing: Some(self.teacher_spacing),
            guidance_scale: self.guidance,
            guidance_start: self.guidance_start,
            guidance_stop: self.guidance_stop,
            guidance_eta: self.guidance_eta,
            ..Request::new(0, 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::to_toml;

    #[test]
    fn the_teacher_is_the_usual_rule_counted_from_the_last_timestep() {
        let settings = TurboSettings::default();
        let usual = Request::new(0, 0);
        assert_eq!(settings.teacher(), Request { timestep_spacing: Some(TimestepSpacing::Trailing), ..usual });
        let text = to_toml(&settings).unwrap();
        assert_eq!(toml::from_str::<TurboSettings>(&text).unwrap(), settings, "{text}");
        settings.check().unwrap();
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let refused = |settings: TurboSettings| settings.check().unwrap_err().to_string();
        let default = TurboSettings::default;
        assert!(refused(TurboSettings { runs: 0, ..default() }).contains("runs must be 1"));
        assert!(refused(TurboSettings { held_out: usize::MAX, ..default() }).contains("held_out"));
        let noisy = TurboSettings { teacher_sampler: SamplerKind::Ddpm, ..default() };
        assert!(refused(noisy).contains("without fresh noise"));
    }
}
