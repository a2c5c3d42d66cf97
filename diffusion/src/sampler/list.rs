//! The list of samplers, and how a run of each begins.
//!
//! Tests: `tests/it/samplers.rs`.

use serde::{Deserialize, Serialize};

use crate::error::{RequestError, Result};
use crate::schedule::NoiseSchedule;

use super::ddim::Ddim;
use super::ddpm::Ddpm;
use super::dpm::{Dpm, timesteps_used};
use super::euler::Euler;
use super::interface::Sampler;

/// The samplers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SamplerKind {
    /// Ancestral sampling (arXiv 2006.11239).
    #[serde(rename = "ddpm")]
    Ddpm,
    /// Implicit, deterministic at eta 0 (arXiv 2010.02502).
    #[serde(rename = "ddim")]
    Ddim,
    /// DPM-Solver++, second order multistep (arXiv 2211.01095), or what the scheduler's settings make of it.
    #[serde(rename = "dpm++2m")]
    DpmPlusPlus2M,
    /// Euler's method on the probability-flow equation (arXiv 2206.00364).
    #[serde(rename = "euler")]
    Euler,
}

impl SamplerKind {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::DpmPlusPlus2M, Self::Ddim, Self::Euler, Self::Ddpm];

    /// The name used on the command line and in JavaScript.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddpm => "ddpm",
            Self::Ddim => "ddim",
            Self::DpmPlusPlus2M => "dpm++2m",
            Self::Euler => "euler",
        }
    }

    /// The sampler of a name.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(|kind| kind.name().to_owned()).into();
            RequestError::Sampler { found: name.to_owned(), known }.into()
        })
    }

    /// Prepares a run of `steps` steps on pictures of `len` values. `eta` is DDIM's amount of fresh noise, 0 to 1. Where
    /// DPM-Solver leaves out timesteps (`lambda_min_clipped`) with "trailing" spacing, there are fewer steps.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) for a number of steps that there is not,
    /// [`Error::Config`](crate::Error::Config) for a setting that this sampler cannot honour.
    pub fn start(self, schedule: &NoiseSchedule, steps: usize, len: usize, eta: f32) -> Result<Box<dyn Sampler>> {
        let t = schedule.num_train_timesteps();
        let most = if self == Self::DpmPlusPlus2M { timesteps_used(schedule).saturating_sub(1) } else { t };
        if steps == 0 || steps > most {
            return Err(RequestError::Steps { sampler: self.name(), most, found: steps }.into());
        }
        if !(0.0..=1.0).contains(&eta) {
            return Err(RequestError::Eta { found: eta }.into());
        }
        Ok(match self {
            Self::Ddpm => Box::new(Ddpm::new(schedule, steps, len)?),
            Self::Ddim => Box::new(Ddim::new(schedule, steps, len, eta)?),
            Self::DpmPlusPlus2M => Box::new(Dpm::new(schedule, steps, len)?),
            Self::Euler => Box::new(Euler::new(schedule, steps)?),
        })
    }
}
