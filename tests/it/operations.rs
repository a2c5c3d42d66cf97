//! The network by the crate cpu-kernels' operations against the network by burn's: results, and the gradients of all parameters.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use diffusion::config::ModelInfo;
use diffusion::ops::Ops;
use diffusion::state::{HostTensor, StateDict};
use diffusion::unet::burn::{BurnUNet, class_rows, parameter_name, with_parameters};

use crate::support::*;

/// How far off, relative to a parameter's largest, gradients of the ill-conditioned `uneven` may be in f32.
const ILL: f32 = 1e-3;

const CASES: [(&str, &str); 3] = [("tiny", "integer"), ("uneven", "square"), ("uneven", "wide")];

fn tensor<const D: usize>(host: &HostTensor, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(host.values.clone(), host.shape.clone()), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

struct Named<'a> {
    path: Vec<String>,
    gradients: &'a GradientsParams,
    found: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Named<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.found.insert(self.path.join("."), values(gradient));
        }
    }
}

/// What the network says, and the gradients of its products with some fixed numbers.
type Found = (Vec<f32>, BTreeMap<String, Vec<f32>>);

fn gradients(
    unet: &BurnUNet,
    sample: &HostTensor,
    timesteps: &[f32],
    labels: &[usize],
    info: &ModelInfo,
    operations: Ops,
) -> Found {
    let device = Device::flex().autodiff();
    let rows = class_rows(labels, info, &device).unwrap();
    let output = unet.forward(tensor(sample, &device), timesteps, unet.context(rows), operations);
    let factors: Vec<f32> = (0..sample.values.len()).map(|i| (i as f32).sin()).collect();
    let factors = tensor(&HostTensor { values: factors, shape: sample.shape.clone() }, &device);
    let gradients = GradientsParams::from_grads((output.clone() * factors).sum().backward(), unet);
    let mut named = Named { path: Vec::new(), gradients: &gradients, found: BTreeMap::new() };
    unet.visit(&mut named);
    (values(output), named.found)
}

/// Returns how many parameters have gradients.
fn assert_same(what: &str, tolerance: f32, (by_burn, expected): Found, (by_kernels, got): Found) -> usize {
    assert_close(what, &by_kernels, &by_burn, 2e-5);
    assert!(expected.keys().eq(got.keys()), "{what}: the same parameters have gradients");
    for (name, expected) in &expected {
        let largest = expected.iter().fold(1e-3, |largest: f32, value| largest.max(value.abs()));
        assert_close(&format!("{what}, {name}"), &got[name], expected, tolerance * largest);
    }
    expected.len()
}

fn assert_same_gradients(what: &str, tolerance: f32, unet: &BurnUNet, folder: &str, case: &str) -> usize {
    let file = tensors(&format!("unet/{folder}/forward.safetensors"));
    let host = |name: &str| &file[&format!("{case}.{name}")];
    let (labels, info) = (labels(host("label")), base(folder).info);
    let run = |by| gradients(unet, host("sample"), &host("timestep").values, &labels, &info, by);
    assert_same(what, tolerance, run(Ops::Burn), run(Ops::Custom))
}

/// PyTorch's gradients, which are exact; the random weights of `uneven` lose digits in f32, PyTorch's own among them.
#[test]
fn all_gradients_are_pytorchs() {
    for (folder, case, tolerance) in [("tiny", "integer", 5e-5), ("uneven", "square", ILL)] {
        let base = base(folder);
        let unet = BurnUNet::from_base(&base, &Device::flex().autodiff()).unwrap();
        let expected = tensors(&format!("unet/{folder}/gradients.safetensors"));
        assert!(expected.keys().eq(base.state.keys()), "{folder}: every parameter has a gradient");
        let file = tensors(&format!("unet/{folder}/forward.safetensors"));
        let host = |name: &str| &file[&format!("{case}.{name}")];
        let labels = labels(host("label"));
        for operations in [Ops::Burn, Ops::Custom] {
            let timesteps = &host("timestep").values;
            let (_, got) = gradients(&unet, host("sample"), timesteps, &labels, &base.info, operations);
            let mut largest = 0f32;
            for (path, got) in &got {
                let expected = &expected[&parameter_name(path)];
                // burn's Linears are [in, out].
                let turned = if expected.shape.len() == 2 { expected.transposed() } else { expected.clone() };
                let size = turned.values.iter().fold(1e-3, |size: f32, value| size.max(value.abs()));
                let what = format!("{folder} by {operations:?}, {path}");
                largest = largest.max(assert_close(&what, got, &turned.values, tolerance * size) / size);
            }
            println!("gradients of {folder} by {operations:?}: {largest:e} of a parameter's largest");
        }
    }
}

#[test]
fn all_gradients_are_burns() {
    for (folder, case) in CASES {
        let base = base(folder);
        let unet = BurnUNet::from_base(&base, &Device::flex().autodiff()).unwrap();
        let count = assert_same_gradients(
            &format!("{folder} {case}"),
            if folder == "tiny" { 1e-4 } else { ILL },
            &unet,
            folder,
            case,
        );
        assert_eq!(count, base.state.len(), "{folder}: every parameter has one");
    }
}

/// At the widths of the real thing, with gradients for the network's weights as they are after training.
#[test]
fn the_shipped_bases_gradients_are_burns() {
    let folder = fixture("../../www/models/base");
    let base = Folder::open(&folder).read().unwrap();
    let device = Device::flex().autodiff();
    let unet = BurnUNet::from_base(&base, &device).unwrap();
    for labels in [vec![3], vec![10, 0, 7]] {
        let values: Vec<f32> = (0..labels.len() * 4 * 14 * 14).map(|i| 1.5 * (i as f32 * 0.7).sin()).collect();
        let sample = HostTensor { values, shape: vec![labels.len(), 4, 14, 14] };
        let timesteps: Vec<f32> = (1..=labels.len()).map(|i| 270.0 * i as f32).collect();
        let run = |operations| gradients(&unet, &sample, &timesteps, &labels, &base.info, operations);
        assert_same(&format!("{} of the shipped base", labels.len()), 1e-4, run(Ops::Burn), run(Ops::Custom));
    }
}

#[test]
fn of_a_frozen_network_the_changed_parameters_alone_have_gradients() {
    let (base, device) = (base("tiny"), Device::flex().autodiff());
    let ends = ["to_q.weight", "ff.net.2.weight", "time_emb_proj.weight", "conv1.weight", "conv_in.bias", "norm1.bias"];
    let is_changed = |name: &str| ends.iter().any(|end| name.ends_with(end));
    let changed: StateDict = base
        .state
        .iter()
        .filter(|(name, _)| is_changed(name))
        .map(|(name, tensor)| (name.clone(), tensor.clone()))
        .collect();
    let unet = with_parameters(BurnUNet::from_base(&base, &device).unwrap().freeze(), &changed);
    let count = assert_same_gradients("changed", 1e-4, &unet, "tiny", "integer");
    assert_eq!(count, changed.len());
}

#[test]
fn without_autodiff_the_result_is_diffusers() {
    let device = Device::flex();
    for (folder, case) in CASES {
        let base = base(folder);
        let unet = BurnUNet::from_base(&base, &device).unwrap();
        let file = tensors(&format!("unet/{folder}/forward.safetensors"));
        let host = |name: &str| &file[&format!("{case}.{name}")];
        let rows = class_rows(&labels(host("label")), &base.info, &device).unwrap();
        let sample = tensor(host("sample"), &device);
        let output = unet.forward(sample, &host("timestep").values, unet.context(rows), Ops::Custom);
        assert_close(&format!("{folder} {case}"), &values(output), &host("output").values, 3e-5);
    }
}

/// Elsewhere burn's operations take their place, so that nobody has to ask what there is.
#[test]
#[allow(deprecated)]
fn other_devices_compute_by_burns() {
    let device = Device::ndarray();
    let base = base("tiny");
    let unet = BurnUNet::from_base(&base, &device).unwrap();
    let file = tensors("unet/tiny/forward.safetensors");
    let rows = class_rows(&labels(&file["integer.label"]), &base.info, &device).unwrap();
    let sample = || tensor(&file["integer.sample"], &device);
    let run = |operations| {
        let output = unet.forward(sample(), &file["integer.timestep"].values, unet.context(rows.clone()), operations);
        bits(&values(output))
    };
    assert_eq!(run(Ops::Custom), run(Ops::Burn));
}
