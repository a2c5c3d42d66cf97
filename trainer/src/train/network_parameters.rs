//! A network's own trained parameters. Tests: here.

use std::collections::HashMap;
use std::ops::Range;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use diffusion::ops::{Ops, join, part};
use diffusion::training::{Dropout, Layout};
use diffusion::unet::burn::BurnUNet;

use super::trained::Trained;
use crate::error::{Error, Result};

/// The parameters of a network, of any kind, that require gradients; frozen ones are left out.
pub struct NetworkParameters {
    layout: Layout,
    range_by_id: HashMap<ParamId, Range<usize>>,
}

impl NetworkParameters {
    /// Those of a network on an autodiff device, in the order in which they are visited.
    pub fn new(network: &impl Module) -> Self {
        let mut visitor = LayOut { path: Vec::new(), layout: Layout::default(), range_by_id: HashMap::new() };
        network.visit(&mut visitor);
        Self { layout: visitor.layout, range_by_id: visitor.range_by_id }
    }

    /// Where they lie in the vector.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The parameters of a network as a vector `[len]`.
    ///
    /// # Errors
    /// A network that has not all of them.
    pub fn of(&self, network: &impl Module, device: &Device) -> Result<Tensor<1>> {
        let mut visitor = GatherWeights { parameters: self, found: HashMap::new() };
        network.visit(&mut visitor);
        if visitor.found.len() < self.range_by_id.len() {
            return Err(Error::Setting { reason: "the network has not all parameters that are to be trained".into() });
        }
        Ok(self.join(visitor.found, device))
    }

    /// The network with these parameters `[len]`.
    pub fn in_network<M: Module>(&self, network: M, parameters: &Tensor<1>) -> M {
        network.map(&mut Apply { parameters: self, values: parameters })
    }

    /// Their gradients as a vector `[len]`.
    ///
    /// # Errors
    /// None of them has one.
    pub fn gradients_of(
        &self,
        network: &impl Module,
        gradients: GradientsParams,
        device: &Device,
    ) -> Result<Tensor<1>> {
        let mut visitor = GatherGradients { gradients, found: HashMap::new() };
        network.visit(&mut visitor);
        if visitor.found.is_empty() {
            return Err(Error::Setting { reason: "no trained parameter received a gradient".into() });
        }
        Ok(self.join(visitor.found, device))
    }

    fn join(&self, found: HashMap<ParamId, Tensor<1>>, device: &Device) -> Tensor<1> {
        let place = |(id, values)| Some((self.range_by_id.get(&id)?.start, values));
        let mut parts: Vec<(usize, Tensor<1>)> = found.into_iter().filter_map(place).collect();
        parts.sort_unstable_by_key(|(start, _)| *start);
        join(parts, self.layout.len(), device, Ops::Custom)
    }
}

impl Trained for NetworkParameters {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn initial(&self, unet: &BurnUNet, device: &Device) -> Result<Tensor<1>> {
        self.of(unet, device)
    }

    fn network(&self, unet: BurnUNet, parameters: &Tensor<1>) -> Result<BurnUNet> {
        Ok(self.in_network(unet, parameters))
    }

    fn for_job(&self, unet: &BurnUNet, _: Option<Dropout>) -> BurnUNet {
        unet.clone()
    }

    fn gradients(
        &self,
        unet: &BurnUNet,
        gradients: GradientsParams,
        _: &Tensor<1>,
        device: &Device,
    ) -> Result<Tensor<1>> {
        self.gradients_of(unet, gradients, device)
    }
}

struct LayOut {
    path: Vec<String>,
    layout: Layout,
    range_by_id: HashMap<ParamId, Range<usize>>,
}

impl ModuleVisitor for LayOut {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.base().is_require_grad() {
            let range = self.layout.push(self.path.join("."), param.lazy_shape().to_vec());
            self.range_by_id.insert(param.id, range);
        }
    }
}

struct GatherWeights<'a> {
    parameters: &'a NetworkParameters,
    found: HashMap<ParamId, Tensor<1>>,
}

impl ModuleVisitor for GatherWeights<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.parameters.range_by_id.contains_key(&param.id) {
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
    parameters: &'a NetworkParameters,
    values: &'a Tensor<1>,
}

impl ModuleMapper for Apply<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(range) = self.parameters.range_by_id.get(&param.id) else { return param };
        let values = part(self.values, range.clone(), Ops::Custom).reshape(param.lazy_shape());
        match param.lazy_device().is_autodiff() {
            true => Param::initialized(param.id, Tensor::from_inner(values).require_grad()),
            false => Param::initialized(param.id, values),
        }
    }
}

#[cfg(test)]
mod tests {
    use diffusion::state::{HostTensor, StateDict};
    use diffusion::training::ALIGNMENT;

    use super::super::tensors::{host, to_state, to_vector};
    use super::*;
    use crate::testing::tiny_unet;

    #[test]
    fn parameters_go_into_a_vector_and_back() {
        let (unet, _) = tiny_unet(&Device::flex().autodiff());
        let (parameters, device) = (NetworkParameters::new(&unet), Device::flex());
        let layout = parameters.layout();
        let weights = parameters.initial(&unet, &device).unwrap();
        let state = to_state(layout, &weights).unwrap();
        assert!(state.len() > 20 && state.values().flat_map(|tensor| &tensor.values).any(|&value| value != 0.0));
        let again = to_vector(layout, &state, &device).unwrap();
        assert_eq!(host(again.clone()).unwrap(), host(weights).unwrap());
        let doubled = parameters.network(unet, &(again * 2.0)).unwrap();
        let doubled = to_state(layout, &parameters.initial(&doubled, &device).unwrap()).unwrap();
        for (path, tensor) in &state {
            assert!(tensor.values.iter().zip(&doubled[path].values).all(|(one, two)| 2.0 * one == *two), "{path}");
        }
    }

    #[test]
    fn what_is_missing_is_no_zeros() {
        let (unet, _) = tiny_unet(&Device::flex().autodiff());
        let (parameters, device) = (NetworkParameters::new(&unet), Device::flex());
        let (other, _) = tiny_unet(&Device::flex().autodiff());
        let message = parameters.initial(&other, &device).unwrap_err().to_string();
        assert!(message.contains("has not all parameters"), "{message}");
        let layout = parameters.layout();
        let mut state = to_state(layout, &Tensor::zeros([layout.len()], &device)).unwrap();
        let other_length = to_state(layout, &Tensor::zeros([ALIGNMENT], &device)).unwrap_err().to_string();
        assert!(other_length.contains("64 values came"), "{other_length}");
        let (path, tensor) = state.pop_first().unwrap();
        let refused = |state: &StateDict| to_vector(layout, state, &device).unwrap_err().to_string();
        assert!(refused(&state).contains(&path));
        state.insert(path.clone(), HostTensor { values: Vec::new(), ..tensor.clone() });
        assert!(refused(&state).contains("another shape"));
        state.extend([(path, tensor.clone()), ("more".to_owned(), tensor)]);
        assert!(refused(&state).contains("more is missing"), "{}", refused(&state));
    }
}
