//! An adapter's gradients on the CPU without a tensor library, its jobs divided among threads: faster than burn's graph, which
//! GPUs and whole networks are trained by. Tests: in `tests/it/training_adapters.rs`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use diffusion::Base;
use diffusion::training::{AdapterNetwork, AdapterParameters, Job, JobResult};
use diffusion::unet::gradients::Buffers;

use crate::error::{Error, Result};
use crate::parallel;

/// The network with the adapter that is trained, and the memory of the threads.
pub struct HostNetwork {
    network: AdapterNetwork,
    free: Mutex<Vec<Buffers>>,
}

impl HostNetwork {
    /// At the parameters that training begins with.
    ///
    /// # Errors
    /// A base whose weights do not fit its configuration.
    pub fn new(base: Arc<Base>, parameters: Arc<AdapterParameters>) -> Result<Self> {
        Ok(Self { network: AdapterNetwork::new(base, parameters)?, free: Mutex::default() })
    }

    /// Computes with these parameters from now on.
    ///
    /// # Errors
    /// A vector of another length.
    pub fn set_parameters(&mut self, values: &[f32]) -> Result<()> {
        Ok(self.network.set_parameters(values)?)
    }

    /// Loss and gradients of every job, in their order.
    ///
    /// # Errors
    /// Jobs that the network is not made for; [`Error::Stopped`] where `stop` was set meanwhile.
    pub fn gradients(&self, jobs: Vec<Job>, threads: usize, stop: &AtomicBool) -> Result<Vec<JobResult>> {
        self.each(jobs, threads, stop, |job, buffers| self.network.gradients(&job, buffers))
    }

    /// The loss of every job at other parameters, in their order.
    ///
    /// # Errors
    /// As [`gradients`](Self::gradients).
    pub fn losses(&self, values: &[f32], jobs: Vec<Job>, threads: usize, stop: &AtomicBool) -> Result<Vec<f32>> {
        let mut network = self.network.clone();
        network.set_parameters(values)?;
        self.each(jobs, threads, stop, |job, buffers| network.loss(&job, buffers))
    }

    fn each<T: Send>(
        &self,
        jobs: Vec<Job>,
        threads: usize,
        stop: &AtomicBool,
        work: impl Fn(Job, &mut Buffers) -> diffusion::Result<T> + Send + Sync,
    ) -> Result<Vec<T>> {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        parallel::map(jobs, threads, |job| {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            let mut buffers = free().pop().unwrap_or_default();
            let result = work(job, &mut buffers);
            free().push(buffers);
            Ok(result?)
        })
    }
}
