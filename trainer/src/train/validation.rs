//! The validation loss, and the weights that had the least. Tests: in `tests/it/training.rs`; across kills and resumes, in
//! `trainer/tests/runs/best.rs`.

use std::sync::atomic::{AtomicBool, Ordering};

use diffusion::noise::NoiseSource;

use super::batch::Batch;
use super::best::{Best, Validated};
use super::layout::host;
use super::loss::TrainingLoss;
use super::trainer::Trainer;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::parallel;

const VALIDATION_STREAM: u64 = 3 << 32;

/// Draws of timestep and noise that a validation loss is measured on at least: few held-out pictures get several each. Two
/// steps are compared on the same draws, so that their difference varies less than either.
const DRAWS: usize = 192;

/// Draws that the loss on these held-out pictures is measured on.
pub fn draws_on(held_out: &Dataset) -> usize {
    DRAWS.div_ceil(held_out.len()) * held_out.len()
}

impl Trainer<'_> {
    /// Mean loss of the EMA network on held-out pictures, with the same timesteps and noise every time, all labels kept.
    ///
    /// # Errors
    /// Pictures that do not fit the model; what the device refuses.
    pub fn validation_loss(&self, held_out: &Dataset) -> Result<f32> {
        self.measure(held_out, &AtomicBool::new(false))
    }

    /// Measures the validation loss after this step, and keeps the weights where it is the least so far.
    ///
    /// # Errors
    /// As [`validation_loss`](Self::validation_loss); [`Error::Stopped`] where `stop` was set meanwhile: nothing is kept then.
    pub fn validate(&mut self, held_out: &Dataset, stop: &AtomicBool) -> Result<f32> {
        let loss = self.measure(held_out, stop)?;
        self.validated.step = self.step();
        self.validated.stale += 1;
        // A loss that is no number is never the least.
        if loss.is_finite() && (self.best.is_none() || loss < self.validated.best_loss) {
            let step = self.step();
            self.validated = Validated { step, stale: 0, best_step: step, best_loss: loss };
            self.best = Some(Best { ema: self.ema().clone() });
        }
        Ok(loss)
    }

    /// What validation has found so far.
    pub fn validated(&self) -> &Validated {
        &self.validated
    }

    fn measure(&self, held_out: &Dataset, stop: &AtomicBool) -> Result<f32> {
        held_out.must_fit(&self.info)?;
        let device = self.device.clone().without_autodiff();
        let noise = NoiseSource::with_stream(self.config().seed, VALIDATION_STREAM);
        let timesteps = self.schedule.num_train_timesteps();
        let batch = match DRAWS.div_ceil(held_out.len()) {
            1 => {
                let all: Vec<usize> = (0..held_out.len()).collect();
                Batch::new(held_out, &all, &self.info, timesteps, 0.0, noise, None)
            }
            times => Batch::of_all(held_out, times, &self.info, timesteps, noise),
        };
        let loss = TrainingLoss::new(self.config(), &self.schedule);
        let unet = self.ema_unet()?;
        let jobs = self.own_part(batch.split(self.micro_batch())).into_iter().map(|job| (unet.clone(), job)).collect();
        let sums = parallel::map(jobs, self.config().threads, |(unet, job)| {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            host(job.loss(&unet, &loss, &self.info, &device, self.operations)?)
        });
        let sums = sums.map(|sums| sums.concat());
        Ok(self.loss_of_all_ranks(sums, stop)? / batch.len() as f32)
    }
}
