//! The classifier's weights by name: starting values and the safetensors file. Tests: in `classifier/tests.rs`.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use diffusion::noise::NoiseSource;
use diffusion::state::{HostTensor, StateDict};
use diffusion::tensors::{Metadata, Precision, read_tensors, write_tensors};
use diffusion::unet::burn::stable_id;

use super::card::Card;
use super::design::Design;
use super::net::Net;
use crate::error::{Error, Result};

const FORMAT: &str = "digit-diffusion-classifier/1";

/// The bytes of the file.
///
/// # Errors
/// Values that cannot be read from the device.
pub fn encode(net: &Net, card: &Card) -> Result<Vec<u8>> {
    let mut read = Read { path: Vec::new(), state: StateDict::new(), failed: None };
    net.visit(&mut read);
    if let Some(reason) = read.failed {
        return Err(Error::Device(reason));
    }
    let card = serde_json::to_string(card).map_err(|error| Error::Device(error.to_string()))?;
    let metadata = Metadata::from([("format".into(), FORMAT.into()), ("card".into(), card)]);
    Ok(write_tensors(&read.state, metadata, Precision::F32)?)
}

/// Reads the network and its card from the bytes of a file; the error is the reason why it cannot.
pub fn decode(bytes: &[u8], device: &Device) -> std::result::Result<(Net, Card), String> {
    let (mut state, metadata) = read_tensors(bytes).map_err(|error| error.to_string())?;
    if metadata.get("format").map(String::as_str) != Some(FORMAT) {
        return Err(format!("its format is not \"{FORMAT}\""));
    }
    let card = metadata.get("card").ok_or("it has no card")?;
    let card: Card = serde_json::from_str(card).map_err(|error| format!("its card: {error}"))?;
    let net = Net::new(card.design, [card.channels, card.image_size], card.class_names.len(), device);
    // Of the time of the one design, when `body` was one layer.
    for parameter in ["weight", "bias"] {
        if let Some(tensor) = state.remove(&format!("body.{parameter}")) {
            state.insert(format!("body.0.{parameter}"), tensor);
        }
    }
    let shapes = shapes(&net);
    let found: BTreeMap<_, _> = state.iter().map(|(name, t)| (name.clone(), t.shape.clone())).collect();
    if found != shapes {
        return Err(format!("its tensors are {found:?}, they should be {shapes:?}"));
    }
    let net = fill(net, &state, device).map_err(|error| error.to_string())?;
    Ok((net, card))
}

/// A network with starting values that depend on the seed alone: He et al. (arXiv 1502.01852) for layers before a ReLU, zero
/// for biases and for the last layer.
///
/// # Errors
/// None but a mistake in this file: a parameter without a value.
pub fn initial(design: Design, shape: [usize; 2], classes: usize, seed: u64, device: &Device) -> Result<Net> {
    let net = Net::new(design, shape, classes, device);
    let mut noise = NoiseSource::new(seed);
    let mut state = StateDict::new();
    for (name, shape) in shapes(&net) {
        let len = shape.iter().product();
        let fan_in: usize = if shape.len() == 2 { shape[0] } else { shape[1..].iter().product() };
        let bound = (6.0 / fan_in.max(1) as f32).sqrt();
        let values = if name.ends_with("bias") || name.starts_with("output") {
            vec![0.0; len]
        } else {
            (0..len).map(|_| (2.0 * noise.uniform() - 1.0) * bound).collect()
        };
        state.insert(name, HostTensor { shape, values });
    }
    fill(net, &state, device)
}

fn shapes(net: &Net) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes { path: Vec::new(), shapes: BTreeMap::new() };
    net.visit(&mut shapes);
    shapes.shapes
}

/// The network with these values for all of its parameters.
fn fill(net: Net, state: &StateDict, device: &Device) -> Result<Net> {
    let mut write = Write { path: Vec::new(), state, device, missing: None };
    let net = net.map(&mut write);
    match write.missing {
        None => Ok(net),
        Some(name) => Err(Error::Device(format!("the classifier has no values for {name}"))),
    }
}

struct Read {
    path: Vec<String>,
    state: StateDict,
    failed: Option<String>,
}

struct Shapes {
    path: Vec<String>,
    shapes: BTreeMap<String, Vec<usize>>,
}

struct Write<'a> {
    path: Vec<String>,
    state: &'a StateDict,
    device: &'a Device,
    missing: Option<String>,
}

impl ModuleVisitor for Read {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().into_data();
        let shape = data.shape().to_vec();
        match data.try_to_vec::<f32>() {
            Ok(values) => {
                self.state.insert(self.path.join("."), HostTensor { shape, values });
            }
            Err(error) => self.failed = Some(format!("{error:?}")),
        }
    }
}

impl ModuleVisitor for Shapes {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.shapes.insert(self.path.join("."), param.lazy_shape().to_vec());
    }
}

impl ModuleMapper for Write<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join(".");
        let Some(tensor) = self.state.get(&name) else {
            self.missing = Some(name);
            return param;
        };
        let data = TensorData::new(tensor.values.clone(), tensor.shape.clone());
        let mut filled: Param<Tensor<D>> = Param::from_data(data, self.device);
        filled.id = stable_id(&name);
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_without_a_value_does_not_stay_random() {
        let device = Device::flex();
        let message =
            fill(Net::new(Design::Plain, [1, 28], 10, &device), &StateDict::new(), &device).unwrap_err().to_string();
        assert!(message.contains("no values for output.bias"), "{message}");
    }
}
