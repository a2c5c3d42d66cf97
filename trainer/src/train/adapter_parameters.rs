//! An adapter's parameters in burn's graph. Tests: in `tests/it/training.rs`, `tests/it/adapter_gradients.rs`.

use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use diffusion::state::{HostTensor, StateDict};
use diffusion::training::{AdapterParameters, Dropout, Layout};
use diffusion::unet::burn::{BurnUNet, parameter_name, with_parameters};

use super::input_dropout::drop_inputs;
use super::tensors::{host, tensor};
use super::trained::Trained;
use crate::error::{Error, Result};

impl Trained for Arc<AdapterParameters> {
    fn layout(&self) -> &Layout {
        AdapterParameters::layout(self)
    }

    fn initial(&self, _: &BurnUNet, device: &Device) -> Result<Tensor<1>> {
        Ok(tensor(AdapterParameters::initial(self), device))
    }

    fn network(&self, unet: BurnUNet, parameters: &Tensor<1>) -> Result<BurnUNet> {
        let adapter = self.adapter(&host(parameters.clone())?)?;
        Ok(with_parameters(unet, &self.changed(&adapter)))
    }

    fn for_job(&self, unet: &BurnUNet, dropout: Option<Dropout>) -> BurnUNet {
        match dropout {
            Some(dropout) => drop_inputs(unet, self, dropout),
            None => unet.clone(),
        }
    }

    fn gradients(
        &self,
        unet: &BurnUNet,
        gradients: GradientsParams,
        parameters: &Tensor<1>,
        device: &Device,
    ) -> Result<Tensor<1>> {
        let mut visitor = Gather { path: Vec::new(), gradients, found: StateDict::new(), failed: None };
        unet.visit(&mut visitor);
        if let Some(error) = visitor.failed {
            return Err(error);
        }
        if visitor.found.is_empty() {
            return Err(Error::Setting { reason: "no trained parameter received a gradient".into() });
        }
        let adapter = self.adapter(&host(parameters.clone())?)?;
        Ok(tensor(AdapterParameters::gradients(self, &adapter, &visitor.found), device))
    }

    /// Checkpoints of older versions have LoRA's factors as `to_q.weight.lora.a`, transposed.
    fn renamed(&self, state: StateDict) -> StateDict {
        let name = |old: &str| {
            let (path, letter) = old.rsplit_once(".weight.lora.")?;
            Some(format!("{}.lora.{letter}", parameter_name(&format!("{path}.weight")).strip_suffix(".weight")?))
        };
        let renamed = |(old, tensor): (String, HostTensor)| match name(&old) {
            Some(new) => (new, tensor.transposed()),
            None => (old, tensor),
        };
        state.into_iter().map(renamed).collect()
    }
}

/// The gradients of weights and biases, by name and in the file's layout.
struct Gather {
    path: Vec<String>,
    gradients: GradientsParams,
    found: StateDict,
    failed: Option<Error>,
}

impl ModuleVisitor for Gather {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return };
        let data = gradient.into_data();
        let shape = data.shape().to_vec();
        match data.try_into_vec_as::<f32>() {
            Ok(values) => {
                let tensor = HostTensor { shape, values }.transposed();
                self.found.insert(parameter_name(&self.path.join(".")), tensor);
            }
            Err(error) => self.failed = Some(Error::Device(format!("{error:?}"))),
        }
    }
}
