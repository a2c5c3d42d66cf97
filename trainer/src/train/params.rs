//! The trainable parameters of a network, by path; frozen ones are left out.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use diffusion::state::{HostTensor, StateDict, stable_id};
use diffusion::unet::UNet;

use crate::error::{Error, Result};

/// Gives every parameter an identity that is the same in every process, so that the optimizer's state
/// finds its parameters after a restart.
pub fn with_stable_ids(unet: UNet) -> UNet {
    unet.map(&mut StableIds { path: Vec::new() })
}

/// Which parameters are trained, by identity.
pub type Trainable = BTreeSet<ParamId>;

/// The parameters of a network on an autodiff device that require gradients.
pub fn trainable(unet: &UNet) -> Trainable {
    struct Ids(Trainable);
    impl ModuleVisitor for Ids {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.base().is_require_grad() {
                self.0.insert(param.id);
            }
        }
    }
    let mut ids = Ids(Trainable::new());
    unet.visit(&mut ids);
    ids.0
}

/// Reads the trainable parameters back.
pub fn collect(unet: &UNet, trainable: &Trainable) -> Result<StateDict> {
    let mut visitor = Collect { path: Vec::new(), trainable, state: BTreeMap::new(), failed: None };
    unet.visit(&mut visitor);
    match visitor.failed {
        Some(reason) => Err(Error::Device(reason)),
        None => Ok(visitor.state),
    }
}

/// Puts values back that [`collect`] has read. They must be those of all trainable parameters.
pub fn replace(unet: UNet, trainable: &Trainable, state: &StateDict, device: &Device) -> Result<UNet> {
    let mut mapper = Replace { path: Vec::new(), trainable, state, device, used: 0, missing: BTreeSet::new() };
    let unet = unet.map(&mut mapper);
    match mapper.missing.first() {
        Some(name) => Err(Error::Checkpoint {
            reason: format!("it does not fit this model: {name} is missing or has another shape"),
        }),
        None if mapper.used < state.len() => Err(Error::Checkpoint {
            reason: format!("it has {} tensors, but {} are trained here", state.len(), mapper.used),
        }),
        None => Ok(unet),
    }
}

/// Scales all gradients so that their common norm is at most `max` (0: no limit); returns the norm before.
pub fn clip_by_global_norm(unet: &UNet, gradients: GradientsParams, max: f32) -> Result<(GradientsParams, f32)> {
    let mut sum = SquaredSum { gradients: &gradients, total: None };
    unet.visit(&mut sum);
    let squared = match sum.total {
        // The one place where a step waits for the device.
        Some(total) => total.into_data().try_to_vec::<f32>().map_err(|e| Error::Device(format!("{e:?}")))?,
        None => return Err(Error::Setting { reason: "nothing is trainable: no parameter received a gradient".into() }),
    };
    let norm = squared.iter().sum::<f32>().sqrt();
    if max == 0.0 || norm <= max {
        return Ok((gradients, norm));
    }
    let mut scale = Scale { gradients, factor: max / (norm + 1e-6) };
    unet.visit(&mut scale);
    Ok((scale.gradients, norm))
}

struct StableIds {
    path: Vec<String>,
}

impl ModuleMapper for StableIds {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, mut param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.id = stable_id(&self.path.join("."));
        param
    }
}

struct Collect<'a> {
    path: Vec<String>,
    trainable: &'a Trainable,
    state: StateDict,
    failed: Option<String>,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.trainable.contains(&param.id) {
            return;
        }
        let data = param.base().into_data();
        let shape = data.shape().to_vec();
        match data.try_into_vec_as::<f32>() {
            Ok(values) => {
                self.state.insert(self.path.join("."), HostTensor { shape, values });
            }
            Err(error) => self.failed = Some(format!("{error:?}")),
        }
    }
}

struct Replace<'a> {
    path: Vec<String>,
    trainable: &'a Trainable,
    state: &'a StateDict,
    device: &'a Device,
    used: usize,
    missing: BTreeSet<String>,
}

impl ModuleMapper for Replace<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !self.trainable.contains(&param.id) {
            return param;
        }
        let name = self.path.join(".");
        match self.state.get(&name) {
            Some(tensor) if tensor.shape == param.lazy_shape().to_vec() => {
                self.used += 1;
                let data = TensorData::new(tensor.values.clone(), tensor.shape.clone());
                let mut loaded: Param<Tensor<D>> = Param::from_data(data, self.device);
                loaded.id = param.id;
                loaded
            }
            _ => {
                self.missing.insert(name);
                param
            }
        }
    }
}

struct SquaredSum<'a> {
    gradients: &'a GradientsParams,
    total: Option<Tensor<1>>,
}

impl ModuleVisitor for SquaredSum<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let squared = gradient.square().sum();
            self.total = Some(match self.total.take() {
                Some(total) => total + squared,
                None => squared,
            });
        }
    }
}

struct Scale {
    gradients: GradientsParams,
    factor: f32,
}

impl ModuleVisitor for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient * self.factor);
        }
    }
}
