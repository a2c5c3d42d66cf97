//! An adapter's parameters. The network sees the weights that they make of the base's: gradients of those come back, and
//! become the parameters' by each kind's chain rule. Tests: in `tests/it/training.rs`, `tests/it/adapter_gradients.rs`.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use diffusion::adapter::{Adapter, Parameters, compose};
use diffusion::noise::NoiseSource;
use diffusion::state::{HostTensor, StateDict};
use diffusion::unet::burn::{BurnUNet, parameter_name, with_parameters};

use super::input_dropout::drop_inputs;
use super::layout::Layout;
use super::trained::Trained;
use crate::error::{Error, Result};

/// The parameters of an adapter on a frozen network.
pub struct AdapterParameters {
    initial: Adapter,
    /// Weights and biases of the adapted modules, as the base has them.
    pristine: StateDict,
    layout: Layout,
}

impl AdapterParameters {
    /// Those of an adapter of this base, in the order of the modules' paths.
    ///
    /// # Errors
    /// A module that the base does not have.
    pub fn new(adapter: &Adapter, base: &StateDict) -> Result<Self> {
        let (mut layout, mut pristine) = (Layout::default(), StateDict::new());
        for (path, update) in &adapter.modules {
            let names = ["weight", "bias"].map(|end| format!("{path}.{end}"));
            if !base.contains_key(&names[0]) {
                return Err(Error::Setting { reason: format!("the base has no module {path} that could be trained") });
            }
            pristine.extend(
                names.into_iter().filter_map(|name| base.get_key_value(&name)).map(|(n, t)| (n.clone(), t.clone())),
            );
            for (name, tensor) in update.tensors() {
                layout.push(format!("{path}.{name}"), tensor.shape.clone());
            }
        }
        Ok(Self { initial: adapter.clone(), pristine, layout })
    }

    /// The adapter with these parameters.
    fn adapter(&self, values: &[f32]) -> Adapter {
        let mut adapter = self.initial.clone();
        let mut slots = self.layout.slots().iter().map(|slot| &values[slot.range.clone()]);
        for update in adapter.modules.values_mut() {
            let count = update.tensors().len();
            update.set_values(slots.by_ref().take(count));
        }
        adapter
    }

    /// The base's weight and bias of a module.
    fn pristine(&self, path: &str) -> Option<Parameters> {
        let [weight, bias] = ["weight", "bias"].map(|end| self.pristine.get(&format!("{path}.{end}")).cloned());
        Some(Parameters { weight: weight?, bias })
    }
}

impl Trained for AdapterParameters {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn initial(&self, _: &BurnUNet, device: &Device) -> Result<Tensor<1>> {
        let mut values = vec![0.0; self.layout.len()];
        let tensors = self.initial.modules.values().flat_map(|update| update.tensors());
        for (slot, (_, tensor)) in self.layout.slots().iter().zip(tensors) {
            values[slot.range.clone()].copy_from_slice(&tensor.values);
        }
        Ok(Tensor::from_data(TensorData::new(values, [self.layout.len()]), device))
    }

    fn network(&self, unet: BurnUNet, parameters: &Tensor<1>) -> Result<BurnUNet> {
        let adapter = self.adapter(&self.layout.values(parameters)?);
        let mut changed = compose(&self.pristine, [(&adapter, 1.0)], []);
        for (path, update) in &adapter.modules {
            for (touches, end) in update.touches().into_iter().zip(["weight", "bias"]) {
                if !touches {
                    changed.remove(&format!("{path}.{end}"));
                }
            }
        }
        Ok(with_parameters(unet, &changed))
    }

    fn for_job(&self, unet: &BurnUNet, dropout: f32, noise: NoiseSource) -> BurnUNet {
        drop_inputs(unet, &self.pristine, dropout, noise)
    }

    fn gradients(
        &self,
        unet: &BurnUNet,
        gradients: GradientsParams,
        parameters: &Tensor<1>,
        device: &Device,
    ) -> Result<Tensor<1>> {
        let mut visitor = Gather { path: Vec::new(), gradients, found: BTreeMap::new(), failed: None };
        unet.visit(&mut visitor);
        if let Some(error) = visitor.failed {
            return Err(error);
        }
        if visitor.found.is_empty() {
            return Err(Error::Setting { reason: "no trained parameter received a gradient".into() });
        }
        let adapter = self.adapter(&self.layout.values(parameters)?);
        let mut values = vec![0.0; self.layout.len()];
        let mut slots = self.layout.slots().iter();
        for (path, update) in &adapter.modules {
            let slots = slots.by_ref().take(update.tensors().len());
            let Some(pristine) = self.pristine(path) else { continue };
            let [weight, bias] = ["weight", "bias"].map(|end| visitor.found.get(&format!("{path}.{end}")));
            // What the loss does not depend on.
            let zeros = |tensor: Option<&HostTensor>| vec![0.0; tensor.map_or(0, |tensor| tensor.values.len())];
            let (no_weight, no_bias) = (zeros(Some(&pristine.weight)), zeros(pristine.bias.as_ref()));
            let gradients = update.gradients(
                &pristine,
                [weight.unwrap_or(&no_weight), bias.unwrap_or(&no_bias)].map(|values| &values[..]),
            );
            slots.zip(gradients).for_each(|(slot, gradient)| values[slot.range.clone()].copy_from_slice(&gradient));
        }
        Ok(Tensor::from_data(TensorData::new(values, [self.layout.len()]), device))
    }

    /// Checkpoints of older versions have LoRA's factors as `to_q.weight.lora.a`, transposed.
    fn renamed(&self, state: StateDict) -> StateDict {
        let name = |old: &str| {
            let (path, letter) = old.rsplit_once(".weight.lora.")?;
            Some(format!("{}.lora.{letter}", parameter_name(&format!("{path}.weight")).strip_suffix(".weight")?))
        };
        let renamed = |(old, tensor): (String, HostTensor)| match name(&old) {
            Some(name) => (name, tensor.transposed()),
            None => (old, tensor),
        };
        state.into_iter().map(renamed).collect()
    }
}

/// The gradients of weights and biases, by name and in the file's layout.
struct Gather {
    path: Vec<String>,
    gradients: GradientsParams,
    found: BTreeMap<String, Vec<f32>>,
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
                let tensor = HostTensor { shape, values };
                let values = if D == 2 { tensor.transposed().values } else { tensor.values };
                self.found.insert(parameter_name(&self.path.join(".")), values);
            }
            Err(error) => self.failed = Some(Error::Device(format!("{error:?}"))),
        }
    }
}
