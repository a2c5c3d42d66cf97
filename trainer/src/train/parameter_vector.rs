//! All trained parameters as one vector. What an optimizer does to hundreds of tensors, a dozen operations each, is then a
//! dozen operations. On a GPU every operation is a launch, and those took longer than the network. Tests: here; that a run
//! goes on from what was read and written, in `tests/it/training.rs`.

use std::collections::HashMap;
use std::ops::Range;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use diffusion::ops::{Ops, join, part};
use diffusion::state::{HostTensor, StateDict};
use diffusion::unet::burn::BurnUNet;

use crate::error::{Error, Result};

/// Parameters begin at multiples of so many floats: on GPUs, too, they can be views of the vector.
pub const ALIGNMENT: usize = 64;

/// The layout of the vector: where each trained parameter lies. Frozen parameters are left out; gaps are zeros.
#[derive(Debug, Clone)]
pub struct ParameterVector {
    /// In the order in which a network's parameters are visited.
    slots: Vec<ParameterSlot>,
    range_by_id: HashMap<ParamId, Range<usize>>,
    len: usize,
}

/// One parameter's part of the vector.
#[derive(Debug, Clone)]
struct ParameterSlot {
    id: ParamId,
    path: String,
    shape: Vec<usize>,
    range: Range<usize>,
}

impl ParameterVector {
    /// The layout for a network on an autodiff device: what requires gradients is trained.
    pub fn new(unet: &BurnUNet) -> Self {
        let mut visitor = LayOut { path: Vec::new(), slots: Vec::new(), len: 0 };
        unet.visit(&mut visitor);
        let LayOut { slots, len, .. } = visitor;
        let range_by_id = slots.iter().map(|slot| (slot.id, slot.range.clone())).collect();
        Self { slots, range_by_id, len }
    }

    /// Whether nothing is trained.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A vector of zeros, `[len]`.
    pub fn zeros(&self, device: &Device) -> Tensor<1> {
        Tensor::zeros([self.len], device)
    }

    /// The trained parameters of a network, `[len]`.
    ///
    /// # Errors
    /// A network that has not all parameters of the one that this was made of.
    pub fn gather_weights(&self, unet: &BurnUNet, device: &Device) -> Result<Tensor<1>> {
        let mut visitor = GatherWeights { vector: self, found: HashMap::new() };
        unet.visit(&mut visitor);
        if let Some(slot) = self.slots.iter().find(|slot| !visitor.found.contains_key(&slot.id)) {
            return Err(Error::Setting { reason: format!("the network has no parameter {} to train", slot.path) });
        }
        Ok(self.join(visitor.found, device))
    }

    /// The gradients of the trained parameters, `[len]`. A parameter that the loss does not depend on has none: its
    /// gradient is zero.
    ///
    /// # Errors
    /// No gradient at all.
    pub fn gather_gradients(&self, unet: &BurnUNet, gradients: GradientsParams, device: &Device) -> Result<Tensor<1>> {
        let mut visitor = GatherGradients { gradients, found: HashMap::new() };
        unet.visit(&mut visitor);
        if visitor.found.is_empty() {
            return Err(Error::Setting { reason: "no trained parameter received a gradient".into() });
        }
        Ok(self.join(visitor.found, device))
    }

    fn join(&self, mut found: HashMap<ParamId, Tensor<1>>, device: &Device) -> Tensor<1> {
        let parts = self.slots.iter().filter_map(|slot| Some((slot.range.start, found.remove(&slot.id)?)));
        join(parts.collect(), self.len, device, Ops::Custom)
    }

    /// The network with its trained parameters taken from a vector `[len]`.
    pub fn apply(&self, unet: BurnUNet, values: &Tensor<1>) -> BurnUNet {
        unet.map(&mut Apply { vector: self, values })
    }

    /// The parameters in a vector `[len]`, by their module paths.
    ///
    /// # Errors
    /// That it cannot be read from the device, or has another length.
    pub fn to_state(&self, vector: &Tensor<1>) -> Result<StateDict> {
        let values = host(vector.clone())?;
        if values.len() != self.len {
            return Err(Error::Device(format!("{} parameters of {} came back", values.len(), self.len)));
        }
        let tensor = |slot: &ParameterSlot| HostTensor {
            shape: slot.shape.clone(),
            values: values[slot.range.clone()].to_vec(),
        };
        Ok(self.slots.iter().map(|slot| (slot.path.clone(), tensor(slot))).collect())
    }

    /// The vector `[len]` that [`to_state`](Self::to_state) was given.
    ///
    /// # Errors
    /// Parameters that are missing, of another shape, or too many.
    pub fn to_vector(&self, state: &StateDict, device: &Device) -> Result<Tensor<1>> {
        let refuse = |reason| Err(Error::Checkpoint { reason });
        let mut values = vec![0f32; self.len];
        for slot in &self.slots {
            let target = &mut values[slot.range.clone()];
            match state.get(&slot.path) {
                Some(tensor) if tensor.shape == slot.shape && tensor.values.len() == target.len() => {
                    target.copy_from_slice(&tensor.values);
                }
                _ => {
                    return refuse(format!(
                        "it does not fit this model: {} is missing or has another shape",
                        slot.path
                    ));
                }
            }
        }
        if self.slots.len() < state.len() {
            return refuse(format!("it has {} tensors, but {} are trained here", state.len(), self.slots.len()));
        }
        Ok(Tensor::from_data(TensorData::new(values, [self.len]), device))
    }
}

/// The values of a vector.
///
/// # Errors
/// That they cannot be read from the device.
pub fn host(vector: Tensor<1>) -> Result<Vec<f32>> {
    vector.into_data().try_into_vec_as::<f32>().map_err(|error| Error::Device(format!("{error:?}")))
}

struct LayOut {
    path: Vec<String>,
    slots: Vec<ParameterSlot>,
    len: usize,
}

impl ModuleVisitor for LayOut {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.base().is_require_grad() {
            return;
        }
        let shape = param.lazy_shape().to_vec();
        let range = self.len..self.len + shape.iter().product::<usize>();
        self.len = range.end.next_multiple_of(ALIGNMENT);
        self.slots.push(ParameterSlot { id: param.id, path: self.path.join("."), shape, range });
    }
}

struct GatherWeights<'a> {
    vector: &'a ParameterVector,
    found: HashMap<ParamId, Tensor<1>>,
}

impl ModuleVisitor for GatherWeights<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.vector.range_by_id.contains_key(&param.id) {
            self.found.insert(param.id, param.base().without_autodiff().flatten(0, D - 1));
        }
    }
}

struct GatherGradients {
    gradients: GradientsParams,
    found: HashMap<ParamId, Tensor<1>>,
}

impl ModuleVisitor for GatherGradients {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.found.insert(param.id, gradient.flatten(0, D - 1));
        }
    }
}

struct Apply<'a> {
    vector: &'a ParameterVector,
    values: &'a Tensor<1>,
}

impl ModuleMapper for Apply<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(range) = self.vector.range_by_id.get(&param.id) else { return param };
        let values = part(self.values, range.clone(), Ops::Custom).reshape(param.lazy_shape());
        match param.lazy_device().is_autodiff() {
            true => Param::initialized(param.id, Tensor::from_inner(values).require_grad()),
            false => Param::initialized(param.id, values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tiny_unet;

    #[test]
    fn parameters_go_into_a_vector_and_back() {
        let (unet, _) = tiny_unet(&Device::flex().autodiff());
        let (vector, device) = (ParameterVector::new(&unet), Device::flex());
        let weights = vector.gather_weights(&unet, &device).unwrap();
        let state = vector.to_state(&weights).unwrap();
        assert!(state.len() > 20 && state.values().flat_map(|tensor| &tensor.values).any(|&value| value != 0.0));
        let again = vector.to_vector(&state, &device).unwrap();
        assert_eq!(host(again.clone()).unwrap(), host(weights).unwrap());
        let doubled = vector.apply(unet, &(again * 2.0));
        let doubled = vector.to_state(&vector.gather_weights(&doubled, &device).unwrap()).unwrap();
        for (path, tensor) in &state {
            assert!(tensor.values.iter().zip(&doubled[path].values).all(|(one, two)| 2.0 * one == *two), "{path}");
        }
    }

    #[test]
    fn what_is_missing_is_no_zeros() {
        let (unet, _) = tiny_unet(&Device::flex().autodiff());
        let (vector, device) = (ParameterVector::new(&unet), Device::flex());
        let (other, _) = tiny_unet(&Device::flex().autodiff());
        let message = vector.gather_weights(&other, &device).unwrap_err().to_string();
        assert!(message.contains("has no parameter"), "{message}");
        let mut state = vector.to_state(&vector.zeros(&device)).unwrap();
        assert!(vector.to_state(&Tensor::zeros([ALIGNMENT], &device)).unwrap_err().to_string().contains("came back"));
        let (path, tensor) = state.pop_first().unwrap();
        assert!(vector.to_vector(&state, &device).unwrap_err().to_string().contains(&path));
        state.insert(path, HostTensor { values: Vec::new(), ..tensor });
        assert!(vector.to_vector(&state, &device).unwrap_err().to_string().contains("another shape"));
    }
}
