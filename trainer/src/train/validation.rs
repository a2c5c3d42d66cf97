//! The validation loss, and the weights that had the least. Tests: in `tests/it/training.rs`; across kills and resumes, in
//! `trainer/tests/runs/best.rs`.

use std::sync::atomic::{AtomicBool, Ordering};

use super::loss::job_loss;
use super::source::Source;
use super::tensors::host;
use super::trainer::Trainer;
use super::training::Training;
use crate::error::{Error, Result};
use crate::parallel;

impl Trainer<'_> {
    /// Mean loss of the EMA network on held-out pictures, with the same timesteps and noise every time, all labels kept.
    ///
    /// # Errors
    /// Pictures that do not fit the model; what the device refuses.
    pub fn validation_loss(&self, held_out: &dyn Source) -> Result<f32> {
        self.measure(held_out, &AtomicBool::new(false))
    }

    /// Measures the validation loss after this step, and keeps the weights where it is the least so far.
    ///
    /// # Errors
    /// As [`validation_loss`](Self::validation_loss); [`Error::Stopped`] where `stop` was set meanwhile: nothing is kept then.
    pub fn validate(&mut self, held_out: &dyn Source, stop: &AtomicBool) -> Result<f32> {
        let loss = self.measure(held_out, stop)?;
        self.progress.note(loss);
        Ok(loss)
    }

    fn measure(&self, held_out: &dyn Source, stop: &AtomicBool) -> Result<f32> {
        held_out.must_fit(&self.info)?;
        let device = self.device.clone().without_autodiff();
        let jobs = self.own_part(held_out.held_out_jobs(&self.recipe(), &self.info, &self.schedule));
        let threads = self.config().threads;
        if let Some(network) = &self.host {
            let losses = host(self.progress.ema().clone()).and_then(|ema| network.losses(&ema, jobs, threads, stop));
            return self.loss_of_all_ranks(losses, stop);
        }
        let unet = self.ema_unet()?;
        let jobs = jobs.into_iter().map(|job| (unet.clone(), job)).collect();
        let losses = parallel::map(jobs, threads, |(unet, job)| {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            host(job_loss(&job, &unet, &self.info, &device, self.operations)?)
        });
        self.loss_of_all_ranks(losses.map(|losses| losses.concat()), stop)
    }
}
