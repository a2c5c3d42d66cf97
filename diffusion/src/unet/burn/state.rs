//! Between a [`StateDict`] and burn's module tree.
//!
//! Differences between the module tree and the weights file: Linear weights are `[in, out]` in the module and `[out, in]`
//! in the file (they are the only rank-2 parameters); LayerNorm calls its parameters gamma and beta in the module;
//! `ff.proj_in` and `ff.proj_out` are `ff.net.0.proj` and `ff.net.2` in the file.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, TensorData};

use crate::config::UNetConfig;
use crate::error::{DeviceError, Error, Result};
use crate::state::{HostTensor, StateDict};
use crate::unet::parameters::check_state;

/// An identity for a parameter that is the same in every process (FNV-1a of its name), so that the
/// state of an optimizer finds its parameters again after a restart.
pub fn stable_id(name: &str) -> ParamId {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    ParamId::from(hash)
}

/// Reads every parameter back from its device. Blocks: not for the browser.
pub fn read_state(unet: &impl Module) -> Result<StateDict> {
    let mut visitor = Read { path: Vec::new(), state: StateDict::new(), failed: None };
    unet.visit(&mut visitor);
    match visitor.failed {
        Some(error) => Err(error),
        None => Ok(visitor.state),
    }
}

/// Puts every parameter of `state` into the network. Missing, unexpected and wrongly shaped
/// parameters are refused by name, and nothing is changed.
pub fn load_state<M: Module>(unet: M, config: &UNetConfig, state: &StateDict) -> Result<M> {
    check_state(config, state)?;
    Ok(with_parameters(unet, state))
}

/// The network with other values of the parameters that `state` has. On a device with autodiff they require gradients, also
/// where the network is frozen.
pub fn with_parameters<M: Module>(unet: M, state: &StateDict) -> M {
    unet.map(&mut Write { path: Vec::new(), state })
}

/// Shapes of the network's parameters by name, in the file's layout.
pub fn shapes(unet: &impl Module) -> BTreeMap<String, Vec<usize>> {
    let mut visitor = Shapes { path: Vec::new(), shapes: BTreeMap::new() };
    unet.visit(&mut visitor);
    visitor.shapes
}

fn file_shape(mut shape: Vec<usize>) -> Vec<usize> {
    if shape.len() == 2 {
        shape.swap(0, 1);
    }
    shape
}

struct Read {
    path: Vec<String>,
    state: StateDict,
    failed: Option<Error>,
}

impl ModuleVisitor for Read {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.base().into_data();
        let shape = data.shape().to_vec();
        match data.try_into_vec_as::<f32>() {
            Ok(values) => {
                let tensor = HostTensor { shape, values }.transposed();
                self.state.insert(parameter_name(&self.path.join(".")), tensor);
            }
            Err(error) => self.failed = Some(DeviceError::refused(format!("{error:?}")).into()),
        }
    }
}

struct Shapes {
    path: Vec<String>,
    shapes: BTreeMap<String, Vec<usize>>,
}

impl ModuleVisitor for Shapes {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = file_shape(param.lazy_shape().to_vec());
        self.shapes.insert(parameter_name(&self.path.join(".")), shape);
    }
}

struct Write<'a> {
    path: Vec<String>,
    state: &'a StateDict,
}

impl ModuleMapper for Write<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = parameter_name(&self.path.join("."));
        let Some(tensor) = self.state.get(&name) else { return param };
        let (tensor, device) = (tensor.transposed(), param.lazy_device());
        let values = Tensor::from_data(TensorData::new(tensor.values, tensor.shape), &device);
        let values = if device.is_autodiff() { values.require_grad() } else { values };
        Param::initialized(stable_id(&name), values)
    }
}

/// The file's name of the parameter at a module path.
pub fn parameter_name(path: &str) -> String {
    let name = path.replace(".ff.proj_in.", ".ff.net.0.proj.").replace(".ff.proj_out.", ".ff.net.2.");
    match name.rsplit_once('.') {
        Some((module, "gamma")) => format!("{module}.weight"),
        Some((module, "beta")) => format!("{module}.bias"),
        _ => name,
    }
}
