//! Dropout of the inputs of an adapter (`lora_dropout`). Tests: in `tests/it/training.rs`.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use diffusion::noise::NoiseSource;
use diffusion::state::StateDict;
use diffusion::unet::burn::{BurnUNet, parameter_name};

/// A copy of the network for one forward pass, in which each input feature of each adapted module is dropped with
/// `probability` from what the adapter makes of it, and the others are scaled up in return: `x Wᵀ + (x ∘ m) (W' - W)ᵀ`,
/// m from {0, 1 / (1 - probability)}.
///
/// PEFT draws m for every token or pixel of every picture. Here the adapter is part of the weights, so m is drawn once for
/// each adapted module and micro-batch. Gradients reach the weights of the given network.
pub fn drop_inputs(unet: &BurnUNet, pristine: &StateDict, probability: f32, noise: NoiseSource) -> BurnUNet {
    if probability == 0.0 {
        return unet.clone();
    }
    unet.clone().map(&mut DropInputs { path: Vec::new(), pristine, probability, noise })
}

struct DropInputs<'a> {
    path: Vec<String>,
    pristine: &'a StateDict,
    probability: f32,
    noise: NoiseSource,
}

impl ModuleMapper for DropInputs<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // Matrices [in, out] and kernels [out, in, h, w]; biases and norms have no inputs.
        let inputs_at = match D {
            2 => 0,
            4 => 1,
            _ => return param,
        };
        if !param.base().is_require_grad() {
            return param;
        }
        let Some(pristine) = self.pristine.get(&parameter_name(&self.path.join("."))) else { return param };
        let device = param.lazy_device();
        let inputs = param.lazy_shape()[inputs_at];
        let kept = 1.0 / (1.0 - self.probability);
        let mask: Vec<f32> =
            (0..inputs).map(|_| if self.noise.uniform() < self.probability { 0.0 } else { kept }).collect();
        let mut shape = [1; D];
        shape[inputs_at] = inputs;
        let mask: Tensor<D> = Tensor::from_data(TensorData::new(mask, shape), &device);
        let pristine = pristine.transposed();
        let pristine: Tensor<D> = Tensor::from_data(TensorData::new(pristine.values, pristine.shape), &device);
        let changed = (param.val() - pristine.clone()) * mask + pristine;
        Param::initialized(param.id, changed)
    }
}
