//! Noise schedules: how much of the picture is left at each timestep, and what samplers are to do with it.
//!
//! Tests: `tests/it/schedules.rs`, `tests/it/scheduler_settings.rs`.

mod betas;
mod config;
mod names;
mod read;
mod values;

pub(crate) use betas::linspace;
pub use config::ScheduleConfig;
pub(crate) use config::refuse;
pub use names::{BetaSchedule, FinalSigmasType, InterpolationType, PredictionType, TimestepSpacing, TimestepType};
pub use values::NoiseSchedule;
