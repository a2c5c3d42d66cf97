//! Dropout of the inputs of an adapter (`lora_dropout`) in burn's graph. Tests: in `tests/it/training.rs`.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use diffusion::training::{AdapterParameters, Dropout, Masks};
use diffusion::unet::burn::{BurnUNet, parameter_name};

/// A copy of the network for one forward pass, in which inputs of the adapted modules are dropped from what the adapter makes
/// of them. Gradients reach the weights of the given network.
pub fn drop_inputs(unet: &BurnUNet, parameters: &AdapterParameters, dropout: Dropout) -> BurnUNet {
    let masks = parameters.masks(dropout);
    unet.clone().map(&mut DropInputs { path: Vec::new(), parameters, masks })
}

struct DropInputs<'a> {
    path: Vec<String>,
    parameters: &'a AdapterParameters,
    masks: Masks,
}

impl ModuleMapper for DropInputs<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = parameter_name(&self.path.join("."));
        let (Some(mask), Some(pristine)) = (self.masks.get(&name), self.parameters.pristine().get(&name)) else {
            return param;
        };
        let device = param.lazy_device();
        // Matrices are [in, out] here; kernels [out, in, h, w].
        let mut shape = [1; D];
        shape[if D == 2 { 0 } else { 1 }] = mask.len();
        let mask: Tensor<D> = Tensor::from_data(TensorData::new(mask.clone(), shape), &device);
        let pristine = pristine.transposed();
        let pristine: Tensor<D> = Tensor::from_data(TensorData::new(pristine.values, pristine.shape), &device);
        let changed = (param.val() - pristine.clone()) * mask + pristine;
        Param::initialized(param.id, changed)
    }
}
