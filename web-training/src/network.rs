//! What computes the jobs of a run: in the lead's own worker, and in those that help. The same bits, whoever it is.
//!
//! Tests: `tests/page/train.test.mjs`.

use diffusion::training::{Job, JobGradients};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::base::Base;
use crate::failure::Result;

/// The network with the adapter that is trained, at some parameters.
#[wasm_bindgen]
pub struct Network {
    jobs: JobGradients,
}

#[wasm_bindgen]
impl Network {
    /// Of an adapter, as `Teacher.files` tells it: its shape counts, `setParameters` gives the values.
    pub fn load(
        base: &Base,
        #[wasm_bindgen(unchecked_param_type = "AdapterFiles")] adapter: &JsValue,
    ) -> Result<Network> {
        let adapter = base.adapter(adapter)?;
        Ok(Self { jobs: JobGradients::new(base.base.clone(), &adapter)? })
    }

    /// Computes with these parameters from now on: `Teacher.parameters` for gradients, `Teacher.averaged` for a validation.
    #[wasm_bindgen(js_name = setParameters)]
    pub fn set_parameters(&mut self, values: &[f32]) -> Result<()> {
        Ok(self.jobs.set_parameters(values)?)
    }

    /// The loss of a job, and its gradients.
    pub fn gradients(&mut self, job: &[f32]) -> Result<Vec<f32>> {
        Ok(self.jobs.gradients(&Job::from_values(job)?)?.into_values())
    }

    /// The loss of a job of a validation.
    pub fn loss(&mut self, job: &[f32]) -> Result<f32> {
        Ok(self.jobs.loss(&Job::from_values(job)?)?)
    }
}
