//! Samplers: from noise to a picture, step by step.
//!
//! A sampler is plain f32 arithmetic on host slices, the same on every platform; only the network runs
//! on the device. It follows diffusers' scheduler of the same name value by value.
//!
//! Tests: `tests/it/samplers.rs`.

mod ddim;
mod ddpm;
mod dpm;
mod euler;

use serde::{Deserialize, Serialize};

use crate::error::{RequestError, Result};
use crate::schedule::NoiseSchedule;

/// One way of going from noise to a picture.
pub trait Sampler: std::fmt::Debug + Send {
    /// Timesteps the network is asked at, first to last; their number is the number of steps.
    fn timesteps(&self) -> &[f32];

    /// Standard deviation of the starting noise.
    fn init_noise_sigma(&self) -> f32 {
        1.0
    }

    /// What the sample is multiplied by before step `index`, to have the variance that the network knows.
    fn input_scale(&self, _index: usize) -> f32 {
        1.0
    }

    /// How much of the network's input at step `index` is picture, and how much noise.
    fn signal_and_noise(&self, index: usize) -> (f32, f32);

    /// Whether step `index` wants fresh noise.
    fn needs_noise(&self, _index: usize) -> bool {
        false
    }

    /// Step `index` (0-based): replaces `sample` by the next one and returns the predicted x_0.
    /// `noise` is as long as the sample where [`needs_noise`](Self::needs_noise) says so, else empty.
    fn step(&mut self, index: usize, model_output: &[f32], sample: &mut [f32], noise: &[f32]) -> Vec<f32>;
}

/// The samplers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SamplerKind {
    /// Ancestral sampling (arXiv 2006.11239).
    #[serde(rename = "ddpm")]
    Ddpm,
    /// Implicit, deterministic at eta 0 (arXiv 2010.02502).
    #[serde(rename = "ddim")]
    Ddim,
    /// DPM-Solver++, second order multistep (arXiv 2211.01095).
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

    /// Prepares a run of `steps` steps. `eta` is DDIM's amount of fresh noise, 0 to 1.
    pub fn start(self, schedule: &NoiseSchedule, steps: usize, eta: f32) -> Result<Box<dyn Sampler>> {
        let t = schedule.num_train_timesteps();
        let most = if self == Self::DpmPlusPlus2M { t - 1 } else { t };
        if steps == 0 || steps > most {
            return Err(RequestError::Steps { sampler: self.name(), most, found: steps }.into());
        }
        if !(0.0..=1.0).contains(&eta) {
            return Err(RequestError::Eta { found: eta }.into());
        }
        Ok(match self {
            Self::Ddpm => Box::new(ddpm::Ddpm::new(schedule, steps)),
            Self::Ddim => Box::new(ddim::Ddim::new(schedule, steps, eta)),
            Self::DpmPlusPlus2M => Box::new(dpm::DpmPlusPlus2M::new(schedule, steps)),
            Self::Euler => Box::new(euler::Euler::new(schedule, steps)),
        })
    }
}

/// diffusers' "leading" spacing: multiples of T/N, largest first.
fn leading_timesteps(schedule: &NoiseSchedule, steps: usize) -> Vec<usize> {
    let ratio = schedule.num_train_timesteps() / steps;
    (0..steps).rev().map(|i| i * ratio).collect()
}

/// `n` values from 0 to T - 1, largest first, in f64 as numpy computes them.
fn descending_linspace(schedule: &NoiseSchedule, n: usize) -> Vec<f64> {
    let last = (schedule.num_train_timesteps() - 1) as f64;
    if n == 1 {
        return vec![0.0];
    }
    let step = last / (n - 1) as f64;
    (0..n).rev().map(|i| if i == n - 1 { last } else { i as f64 * step }).collect()
}

/// sigma = sqrt((1 - abar) / abar) of every timestep.
fn sigmas(schedule: &NoiseSchedule) -> Vec<f32> {
    schedule.alphas_cumprod().iter().map(|abar| ((1.0 - abar) / abar).sqrt()).collect()
}

fn as_f32(timesteps: &[usize]) -> Vec<f32> {
    timesteps.iter().map(|&t| t as f32).collect()
}
