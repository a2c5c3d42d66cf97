//! Loss and gradients of jobs: the network with an adapter, as a thread or worker holds it.
//!
//! Tests: `tests/it/adapter_run.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::adapter::Adapter;
use crate::base::Base;
use crate::error::Result;
use crate::state::StateDict;
use crate::unet::gradients::{Batch, Buffers, GradientUNet, Input, Picture};

use super::adapter_parameters::AdapterParameters;
use super::input_dropout::{drop_inputs, mask_gradients};
use super::job::{Job, JobResult};

/// A base with the adapter that is trained, at some parameters. Several threads may use it at a time, each with memory of
/// its own.
#[derive(Debug, Clone)]
pub struct AdapterNetwork {
    unet: GradientUNet,
    parameters: Arc<AdapterParameters>,
    adapter: Adapter,
    /// Side of the latents.
    side: usize,
}

impl AdapterNetwork {
    /// At the parameters that training begins with.
    ///
    /// # Errors
    /// An adapter that is not of this base, or has nothing to train; a base whose weights do not fit its configuration.
    pub fn new(base: Arc<Base>, parameters: Arc<AdapterParameters>) -> Result<Self> {
        let [_, side, _] = base.info.latent_shape();
        let adapter = parameters.adapter(&parameters.initial())?;
        let mut unet = GradientUNet::new(base)?;
        unet.set_weights(parameters.changed(&adapter))?;
        Ok(Self { unet, parameters, adapter, side })
    }

    /// The parameters, as they lie in the vector.
    pub fn parameters(&self) -> &Arc<AdapterParameters> {
        &self.parameters
    }

    /// Computes with these parameters from now on, `[len]`.
    ///
    /// # Errors
    /// A vector of another length.
    pub fn set_parameters(&mut self, values: &[f32]) -> Result<()> {
        self.adapter = self.parameters.adapter(values)?;
        self.unet.set_weights(self.parameters.changed(&self.adapter))
    }

    /// Loss and gradients of a job. `buffers`: memory that is reused from job to job, with any values in it.
    ///
    /// # Errors
    /// A job that the network is not made for.
    pub fn gradients(&self, job: &Job, buffers: &mut Buffers) -> Result<JobResult> {
        let wanted = self.parameters.touched();
        let Some(dropout) = job.dropout else {
            let (loss, found) = self.run(&self.unet, job, wanted, buffers)?;
            return Ok(JobResult { loss, gradients: self.parameters.gradients(&self.adapter, &found) });
        };
        let changed = self.unet.weights();
        let masks = self.parameters.masks(dropout);
        let unet = self.unet.with_weights(drop_inputs(changed, self.parameters.pristine(), &masks))?;
        let (loss, mut found) = self.run(&unet, job, wanted, buffers)?;
        mask_gradients(&mut found, &masks);
        Ok(JobResult { loss, gradients: self.parameters.gradients(&self.adapter, &found) })
    }

    /// The loss of a job alone, whose inputs are all kept.
    ///
    /// # Errors
    /// A job that the network is not made for.
    pub fn loss(&self, job: &Job, buffers: &mut Buffers) -> Result<f32> {
        Ok(self.run(&self.unet, job, &BTreeSet::new(), buffers)?.0)
    }

    fn run(
        &self,
        unet: &GradientUNet,
        job: &Job,
        wanted: &BTreeSet<String>,
        buffers: &mut Buffers,
    ) -> Result<(f32, StateDict)> {
        let numbers = job.timesteps.iter().zip(&job.labels).zip(&job.weights);
        let pictures: Vec<Picture> = numbers
            .map(|((timestep, label), weight)| Picture { timestep: *timestep, label: *label, weight: *weight })
            .collect();
        let input = Input { noisy: &job.noisy, size: [self.side; 2], pictures: &pictures };
        unet.loss_and_gradients(Batch { input, target: &job.target }, job.loss, wanted, buffers)
    }
}

/// The network of one thread or worker, with its memory.
#[derive(Debug)]
pub struct JobGradients {
    network: AdapterNetwork,
    buffers: Buffers,
}

impl JobGradients {
    /// Of an adapter on a base, at the adapter's own values. Its kind, ranks and modules are what counts:
    /// [`set_parameters`](Self::set_parameters) gives it others.
    ///
    /// # Errors
    /// As [`AdapterParameters::new`]; a base whose weights do not fit its configuration.
    pub fn new(base: Arc<Base>, adapter: &Adapter) -> Result<Self> {
        let parameters = Arc::new(AdapterParameters::new(adapter, &base.state)?);
        Ok(Self { network: AdapterNetwork::new(base, parameters)?, buffers: Buffers::default() })
    }

    /// Computes with these parameters from now on: those of [`AdapterRun::parameters`](super::AdapterRun::parameters) for
    /// gradients, [`averaged`](super::AdapterRun::averaged) for the validation.
    ///
    /// # Errors
    /// A vector of another length.
    pub fn set_parameters(&mut self, values: &[f32]) -> Result<()> {
        self.network.set_parameters(values)
    }

    /// Loss and gradients of a job.
    ///
    /// # Errors
    /// A job that the network is not made for.
    pub fn gradients(&mut self, job: &Job) -> Result<JobResult> {
        self.network.gradients(job, &mut self.buffers)
    }

    /// The loss of a job of the validation.
    ///
    /// # Errors
    /// A job that the network is not made for.
    pub fn loss(&mut self, job: &Job) -> Result<f32> {
        self.network.loss(job, &mut self.buffers)
    }
}
