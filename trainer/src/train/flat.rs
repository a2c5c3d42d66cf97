//! The trained parameters one behind the other, as one vector: what an optimizer does to hundreds of tensors, a dozen operations each, is
//! then a dozen operations. On a graphics processor every operation is a launch, and those took longer than the network.

use std::collections::HashMap;
use std::ops::Range;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use diffusion::ops::{Ops, join, part};
use diffusion::state::{HostTensor, StateDict};
use diffusion::unet::burn::BurnUNet;

use crate::error::{Error, Result};

/// Parameters begin at multiples of so many floats, and are views of the vector on graphics processors, too.
pub const ALIGNMENT: usize = 64;

/// Where in the vector each trained parameter lies; frozen ones are left out.
#[derive(Debug, Clone)]
pub struct Flat {
    /// In the order in which a network's parameters are visited.
    places: Vec<Place>,
    by_id: HashMap<ParamId, Range<usize>>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Place {
    id: ParamId,
    path: String,
    shape: Vec<usize>,
    range: Range<usize>,
}

impl Flat {
    /// Of a network on an autodiff device: what requires gradients is trained.
    pub fn new(unet: &BurnUNet) -> Self {
        let mut visitor = Places { path: Vec::new(), places: Vec::new(), len: 0 };
        unet.visit(&mut visitor);
        let Places { places, len, .. } = visitor;
        let by_id = places.iter().map(|place| (place.id, place.range.clone())).collect();
        Self { places, by_id, len }
    }

    /// Zeros, one for each place.
    pub fn zeros(&self, device: &Device) -> Tensor<1> {
        Tensor::zeros([self.len], device)
    }

    /// The weights of the network that this was made of.
    pub fn weights(&self, unet: &BurnUNet, device: &Device) -> Tensor<1> {
        let mut visitor = Weights { flat: self, found: HashMap::new() };
        unet.visit(&mut visitor);
        self.join(visitor.found, device)
    }

    /// The gradients of the trained parameters; zeros where there is none.
    pub fn gradients(&self, unet: &BurnUNet, gradients: GradientsParams, device: &Device) -> Result<Tensor<1>> {
        let mut visitor = Gradients { gradients, found: HashMap::new() };
        unet.visit(&mut visitor);
        if visitor.found.is_empty() {
            return Err(Error::Setting { reason: "no trained parameter received a gradient".into() });
        }
        Ok(self.join(visitor.found, device))
    }

    fn join(&self, mut found: HashMap<ParamId, Tensor<1>>, device: &Device) -> Tensor<1> {
        let places = self.places.iter().filter_map(|place| Some((place.range.start, found.remove(&place.id)?)));
        join(places.collect(), self.len, device, Ops::Custom)
    }

    /// The network with trained parameters from a vector.
    pub fn put(&self, unet: BurnUNet, vector: &Tensor<1>) -> BurnUNet {
        unet.map(&mut Put { flat: self, vector })
    }

    /// Reads a vector back, by the parameters' paths.
    pub fn read(&self, vector: &Tensor<1>) -> Result<StateDict> {
        let values = host(vector.clone())?;
        let tensor = |place: &Place| HostTensor {
            shape: place.shape.clone(),
            values: values.get(place.range.clone()).unwrap_or_default().to_vec(),
        };
        Ok(self.places.iter().map(|place| (place.path.clone(), tensor(place))).collect())
    }

    /// The vector that [`read`](Self::read) has read.
    pub fn written(&self, state: &StateDict, device: &Device) -> Result<Tensor<1>> {
        let refuse = |reason| Err(Error::Checkpoint { reason });
        let mut values = vec![0f32; self.len];
        for place in &self.places {
            let place_of = values.get_mut(place.range.clone());
            match (state.get(&place.path), place_of) {
                (Some(tensor), Some(values)) if tensor.shape == place.shape => values.copy_from_slice(&tensor.values),
                _ => {
                    return refuse(format!(
                        "it does not fit this model: {} is missing or has another shape",
                        place.path
                    ));
                }
            }
        }
        if self.places.len() < state.len() {
            return refuse(format!("it has {} tensors, but {} are trained here", state.len(), self.places.len()));
        }
        Ok(Tensor::from_data(TensorData::new(values, [self.len]), device))
    }

    /// Whether nothing is trained.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// The values of a vector.
pub fn host(vector: Tensor<1>) -> Result<Vec<f32>> {
    vector.into_data().try_into_vec_as::<f32>().map_err(|error| Error::Device(format!("{error:?}")))
}

struct Places {
    path: Vec<String>,
    places: Vec<Place>,
    len: usize,
}

impl ModuleVisitor for Places {
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
        self.places.push(Place { id: param.id, path: self.path.join("."), shape, range });
    }
}

struct Weights<'a> {
    flat: &'a Flat,
    found: HashMap<ParamId, Tensor<1>>,
}

impl ModuleVisitor for Weights<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.flat.by_id.contains_key(&param.id) {
            self.found.insert(param.id, param.base().without_autodiff().flatten(0, D - 1));
        }
    }
}

struct Gradients {
    gradients: GradientsParams,
    found: HashMap<ParamId, Tensor<1>>,
}

impl ModuleVisitor for Gradients {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.found.insert(param.id, gradient.flatten(0, D - 1));
        }
    }
}

struct Put<'a> {
    flat: &'a Flat,
    vector: &'a Tensor<1>,
}

impl ModuleMapper for Put<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(range) = self.flat.by_id.get(&param.id) else { return param };
        let values = part(self.vector, range.clone(), Ops::Custom).reshape(param.lazy_shape());
        match param.lazy_device().is_autodiff() {
            true => Param::initialized(param.id, Tensor::from_inner(values).require_grad()),
            false => Param::initialized(param.id, values),
        }
    }
}
