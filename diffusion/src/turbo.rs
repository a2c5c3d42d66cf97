//! What an adapter says of itself that was taught to draw in few steps: how it is to be drawn with. It stands in the header
//! of its weights file, where programs that do not know it pass it over.
//!
//! Tests: `tests/it/turbo.rs`.

use serde_json::{Value, json};

use crate::error::{ConfigError, Error, Result, shown};
use crate::json;
use crate::request::Request;
use crate::sampler::SamplerKind;
use crate::schedule::TimestepSpacing;

/// Its name in the header, and in sentences.
pub(crate) const KEY: &str = "digit_diffusion.turbo";

const KEYS: [&str; 5] = ["guidance_scale", "sampler", "steps", "timestep_spacing", "with"];

/// How an adapter is drawn with that was taught to draw in few steps. Guidance is inside: each step is one call of the
/// network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turbo {
    /// Number of denoising steps.
    pub steps: usize,
    /// Which sampler.
    pub sampler: SamplerKind,
    /// Which timesteps it visits.
    pub timestep_spacing: TimestepSpacing,
    /// The adapters that were on when it was taught, and have to be on with it: `outline` or `outline:0.8`.
    pub with: Vec<String>,
}

impl Turbo {
    /// As it is taught here: DDIM (arXiv 2010.02502) at timesteps counted from the last.
    pub fn of_steps(steps: usize, with: Vec<String>) -> Self {
        Self { steps, sampler: SamplerKind::Ddim, timestep_spacing: TimestepSpacing::Trailing, with }
    }

    /// The request as the adapter is drawn with: its steps, sampler and spacing, no guidance, no fresh noise.
    #[must_use]
    pub fn request(&self, request: Request) -> Request {
        Request {
            num_inference_steps: self.steps,
            sampler: self.sampler,
            timestep_spacing: Some(self.timestep_spacing),
            guidance_scale: 1.0,
            eta: 0.0,
            ..request
        }
    }

    /// As it stands in the header.
    pub fn to_json(&self) -> String {
        let mut value = json!({
            "guidance_scale": 1,
            "sampler": self.sampler.name(),
            "steps": self.steps,
            "timestep_spacing": self.timestep_spacing.name(),
        });
        if !self.with.is_empty() {
            value["with"] = json!(self.with);
        }
        value.to_string()
    }

    /// Reads what stands in a header.
    ///
    /// # Errors
    /// Text that is no JSON, and settings that are missing, unknown, or others than an adapter can be drawn with.
    pub fn from_json(text: &str) -> Result<Self> {
        let value = json::read(KEY, text)?;
        let refuse = |key: &str, accepted: &str| {
            let found = value.get(key).map(shown);
            let source = ConfigError::Value { key: key.to_owned(), accepted: accepted.to_owned(), found };
            Error::Config { file: KEY, source }
        };
        let word = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let steps = value.get("steps").and_then(Value::as_u64).filter(|steps| (1..=1000).contains(steps));
        let names = value.get("with").map_or(Some(Vec::new()), |names| {
            names.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
        });
        if value.get("guidance_scale").is_some_and(|scale| scale.as_f64() != Some(1.0)) {
            return Err(refuse("guidance_scale", "1: guidance is inside"));
        }
        if let Some((key, _)) = value.as_object().into_iter().flatten().find(|(key, _)| !KEYS.contains(&key.as_str())) {
            return Err(refuse(key, "left out: this program does not know it"));
        }
        Ok(Self {
            steps: steps.ok_or_else(|| refuse("steps", "a whole number from 1 to 1000"))? as usize,
            sampler: SamplerKind::from_name(word("sampler"))
                .map_err(|_| refuse("sampler", "the name of a sampler of this program"))?,
            timestep_spacing: TimestepSpacing::from_name(word("timestep_spacing"))
                .map_err(|_| refuse("timestep_spacing", "linspace, leading or trailing"))?,
            with: names.ok_or_else(|| refuse("with", "a list of names"))?,
        })
    }
}
