//! Dropout of the inputs of the LoRA factors (`lora_dropout`). Tests: in `tests/it/training.rs`.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use diffusion::noise::NoiseSource;
use diffusion::unet::burn::BurnUNet;

/// A copy of the network for one forward pass, in which each input feature of each adapter is dropped with
/// `probability`, and the others are scaled up in return: `x Wᵀ + scaling · (x ∘ m) Aᵀ Bᵀ`, m from
/// {0, 1 / (1 - probability)}.
///
/// PEFT draws m for every token of every picture. Here the adapter is part of the weights, so m is drawn once for each
/// adapted module and micro-batch, and multiplies the columns of A. Gradients reach the factors of the given network.
pub fn drop_inputs(unet: &BurnUNet, probability: f32, noise: NoiseSource, device: &Device) -> BurnUNet {
    if probability == 0.0 {
        return unet.clone();
    }
    unet.clone().map(&mut DropInputs { path: Vec::new(), probability, noise, device })
}

struct DropInputs<'a> {
    path: Vec<String>,
    probability: f32,
    noise: NoiseSource,
    device: &'a Device,
}

impl ModuleMapper for DropInputs<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let is_a = self.path.len() > 1 && self.path[self.path.len() - 2..] == ["lora", "a"];
        if !is_a {
            return param;
        }
        // burn keeps A as [in, rank].
        let inputs = param.lazy_shape()[0];
        let kept = 1.0 / (1.0 - self.probability);
        let mask = (0..inputs).map(|_| if self.noise.uniform() < self.probability { 0.0 } else { kept }).collect();
        let mut shape = [1; D];
        shape[0] = inputs;
        let mask: Tensor<D> = Tensor::from_data(TensorData::new::<f32, _>(mask, shape), self.device);
        Param::initialized(param.id, param.val() * mask)
    }
}
