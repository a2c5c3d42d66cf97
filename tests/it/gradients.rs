//! The gradients that need no tensor library (`diffusion::unet::gradients`) against burn's, which call the same operations, and PyTorch's.

use std::collections::BTreeSet;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use diffusion::ops::Ops;
use diffusion::state::{HostTensor, StateDict};
use diffusion::training::LossKind;
use diffusion::unet::burn::{BurnUNet, class_rows, parameter_name};
use diffusion::unet::gradients::{Batch, Buffers, GradientUNet, Input, Picture};
use diffusion::{Base, Error};

use crate::support::*;

/// How far off, relative to a parameter's largest, gradients are that the same operations computed: some sums are added in another order.
const SAME: f32 = 1e-6;

/// The same for Huber's loss, whose derivative burn computes as a difference.
const SAME_HUBER: f32 = 1e-5;

/// Pictures, and what the network should make of them.
struct Pictures {
    noisy: Vec<f32>,
    target: Vec<f32>,
    size: [usize; 2],
    pictures: Vec<Picture>,
}

impl Pictures {
    fn new(base: &Base, count: usize) -> Self {
        let size = [base.unet.sample_size; 2];
        let values = |channels: usize, step: f32| {
            (0..count * channels * size[0] * size[1]).map(|i| 1.5 * (i as f32 * step).sin()).collect()
        };
        let last = base.info.null_class();
        let picture = |i: usize| Picture {
            timestep: (37 + 263 * i % 960) as f32,
            // The null class among them.
            label: (last + 3 * i) % (last + 1),
            weight: (1.0 + 0.25 * (i % 3) as f32) / count as f32,
        };
        Self {
            noisy: values(base.unet.in_channels, 0.7),
            target: values(base.unet.out_channels, 0.45),
            size,
            pictures: (0..count).map(picture).collect(),
        }
    }

    fn input(&self) -> Input<'_> {
        Input { noisy: &self.noisy, size: self.size, pictures: &self.pictures }
    }

    fn batch(&self) -> Batch<'_> {
        Batch { input: self.input(), target: &self.target }
    }
}

struct Named<'a> {
    path: Vec<String>,
    gradients: &'a GradientsParams,
    found: StateDict,
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
            let data = gradient.into_data();
            let tensor = HostTensor { shape: data.shape().to_vec(), values: data.try_to_vec().unwrap() };
            self.found.insert(parameter_name(&self.path.join(".")), tensor.transposed());
        }
    }
}

/// A loss as the trainer has burn compute it, and burn's gradients by this project's operations.
fn by_burn(base: &Base, unet: &BurnUNet, batch: &Pictures, kind: LossKind) -> (f32, StateDict) {
    let device = Device::flex().autodiff();
    let ([h, w], b) = (batch.size, batch.pictures.len());
    let tensor = |values: &[f32]| {
        let channels = values.len() / (b * h * w);
        Tensor::<4>::from_data(TensorData::new(values.to_vec(), [b, channels, h, w]), &device)
    };
    let labels: Vec<usize> = batch.pictures.iter().map(|picture| picture.label).collect();
    let timesteps: Vec<f32> = batch.pictures.iter().map(|picture| picture.timestep).collect();
    let weights: Vec<f32> = batch.pictures.iter().map(|picture| picture.weight).collect();
    let context = unet.context(class_rows(&labels, &base.info, &device).unwrap());
    let output = unet.forward(tensor(&batch.noisy), &timesteps, context, Ops::Custom);
    let error = (output - tensor(&batch.target)).flatten::<2>(1, 3);
    let each = match kind {
        LossKind::L1 => error.abs(),
        LossKind::L2 => error.square(),
        LossKind::Huber => {
            let size = error.abs();
            let inside = size.clone().clamp_max(1.0);
            inside.clone().square() * 0.5 + (size - inside)
        }
    };
    let loss = (each.mean_dim(1) * Tensor::from_data(TensorData::new(weights, [b, 1]), &device)).sum();
    let gradients = GradientsParams::from_grads(loss.clone().backward(), unet);
    let mut named = Named { path: Vec::new(), gradients: &gradients, found: StateDict::new() };
    unet.visit(&mut named);
    (loss.into_scalar::<f32>(), named.found)
}

/// Returns the largest difference, relative to a parameter's largest.
#[track_caller]
fn assert_same(what: &str, got: &StateDict, expected: &StateDict, tolerance: f32) -> f32 {
    assert!(got.keys().eq(expected.keys()), "{what}: the same parameters have gradients");
    let difference = |(name, got): (&String, &HostTensor)| {
        let expected = &expected[name];
        assert_eq!(got.shape, expected.shape, "{what}, {name}");
        let largest = expected.values.iter().fold(1e-6, |largest: f32, value| largest.max(value.abs()));
        assert_close(&format!("{what}, {name}"), &got.values, &expected.values, tolerance * largest) / largest
    };
    got.iter().map(difference).fold(0.0, f32::max)
}

fn all(base: &Base) -> BTreeSet<String> {
    base.state.keys().cloned().collect()
}

fn shipped() -> Base {
    Folder::open(&fixture("../../www/models/base")).read().unwrap()
}

#[test]
fn loss_and_all_gradients_are_burns() {
    let buffers = &mut Buffers::default();
    for (name, base) in [("tiny", base("tiny")), ("uneven", base("uneven")), ("shipped", shipped())] {
        let burn = BurnUNet::from_base(&base, &Device::flex().autodiff()).unwrap();
        let unet = GradientUNet::new(base.clone()).unwrap();
        for (count, kind) in [(1, LossKind::L2), (2, LossKind::L1), (7, LossKind::L2), (7, LossKind::Huber)] {
            let pictures = Pictures::new(&base, count);
            let (expected_loss, expected) = by_burn(&base, &burn, &pictures, kind);
            let (loss, got) = unet.loss_and_gradients(pictures.batch(), kind, &all(&base), buffers).unwrap();
            let what = format!("{name}, {count} pictures, {kind:?}");
            assert!((loss - expected_loss).abs() <= 1e-6 * expected_loss, "{what}: {loss}, {expected_loss}");
            let tolerance = if kind == LossKind::Huber { SAME_HUBER } else { SAME };
            let off = assert_same(&what, &got, &expected, tolerance);
            println!("gradients of {what}: {off:e} of a parameter's largest from burn's");
            assert_eq!(got.len(), base.state.len(), "{what}: every parameter has one");
        }
    }
}

/// PyTorch's gradients, which are exact.
#[test]
fn all_gradients_are_pytorchs() {
    for (folder, case, tolerance) in [("tiny", "integer", 5e-5), ("uneven", "square", 1e-3)] {
        let unet = GradientUNet::new(base(folder)).unwrap();
        let expected = tensors(&format!("unet/{folder}/gradients.safetensors"));
        let file = tensors(&format!("unet/{folder}/forward.safetensors"));
        let host = |name: &str| &file[&format!("{case}.{name}")];
        let conditions = host("timestep").values.iter().zip(labels(host("label")));
        let pictures: Vec<_> = conditions.map(|(&timestep, label)| Picture { timestep, label, weight: 1.0 }).collect();
        let sample = host("sample");
        let input = Input { noisy: &sample.values, size: [sample.shape[2], sample.shape[3]], pictures: &pictures };
        let mut output = Vec::new();
        let got = unet
            .gradients(input, &all(unet.base()), &mut Buffers::default(), &mut |prediction, gradient| {
                output = prediction.to_vec();
                gradient.iter_mut().enumerate().for_each(|(i, value)| *value = (i as f32).sin());
            })
            .unwrap();
        assert_close(&format!("{folder} {case}"), &output, &host("output").values, 3e-5);
        let off = assert_same(&format!("{folder} {case}"), &got, &expected, tolerance);
        println!("gradients of {folder}: {off:e} of a parameter's largest from PyTorch's");
    }
}

#[test]
fn what_is_wanted_does_not_change_its_gradients() {
    for base in [base("tiny"), base("uneven"), shipped()] {
        let unet = GradientUNet::new(base.clone()).unwrap();
        let pictures = Pictures::new(&base, 2);
        let buffers = &mut Buffers::default();
        let mut run = |wanted: &BTreeSet<String>| {
            unet.loss_and_gradients(pictures.batch(), LossKind::L2, wanted, buffers).unwrap()
        };
        let (loss, expected) = run(&all(&base));
        let endings = ["to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.bias", "ff.net.2.weight", "conv1.weight"];
        let parts =
            ["time_emb_proj", "linear_1", "encoder_hid_proj", "conv_out", "conv_in", "norm", "up_blocks", "sampler"];
        let mut sets: Vec<BTreeSet<String>> = Vec::new();
        for ending in endings {
            sets.push(base.state.keys().filter(|name| name.ends_with(ending)).cloned().collect());
        }
        for part in parts {
            sets.push(base.state.keys().filter(|name| name.contains(part)).cloned().collect());
        }
        sets.push(BTreeSet::new());
        // Each alone, of some.
        sets.extend(base.state.keys().step_by(9).map(|name| BTreeSet::from([name.clone()])));
        for wanted in sets {
            let (same_loss, got) = run(&wanted);
            assert_eq!(same_loss, loss, "{wanted:?}");
            assert!(got.keys().eq(&wanted), "{wanted:?}");
            for (name, tensor) in got {
                assert!(tensor == expected[&name], "{name}, with {} wanted", wanted.len());
            }
        }
    }
}

#[test]
fn changed_weights_take_the_place_of_the_bases() {
    let base = base("tiny");
    let mut unet = GradientUNet::new(base.clone()).unwrap();
    let (pictures, buffers) = (Pictures::new(&base, 2), &mut Buffers::default());
    let wanted: BTreeSet<String> = base.state.keys().filter(|name| name.contains("to_q")).cloned().collect();
    let run = |unet: &GradientUNet, buffers: &mut Buffers| {
        unet.loss_and_gradients(pictures.batch(), LossKind::L2, &wanted, buffers).unwrap()
    };
    let before = run(&unet, buffers);
    let changed: StateDict = base
        .state
        .iter()
        .filter(|(name, _)| name.ends_with("to_v.weight"))
        .map(|(name, tensor)| {
            let values = tensor.values.iter().map(|value| 1.5 * value).collect();
            (name.clone(), HostTensor { values, ..tensor.clone() })
        })
        .collect();
    unet.set_weights(changed.clone()).unwrap();
    let mut whole = base.clone();
    whole.state.extend(changed.clone());
    let after = run(&unet, buffers);
    assert!(after != before);
    assert!(after == run(&GradientUNet::new(whole).unwrap(), buffers));
    assert!(unet.take_weights() == changed && run(&unet, buffers) == before);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let base = base("tiny");
    let mut unet = GradientUNet::new(base.clone()).unwrap();
    let pictures = Pictures::new(&base, 2);
    let refused = |batch: Batch<'_>, wanted: &[&str]| {
        let wanted = wanted.iter().map(|name| (*name).to_owned()).collect();
        unet.loss_and_gradients(batch, LossKind::L2, &wanted, &mut Buffers::default()).unwrap_err().to_string()
    };
    let (batch, input) = (pictures.batch(), pictures.input());
    assert!(refused(batch, &["conv_in.weigth"]).contains("conv_in.weigth"));
    assert!(refused(Batch { target: &pictures.target[1..], ..batch }, &[]).contains("1567 values"));
    let shorter = Input { noisy: &pictures.noisy[1..], ..input };
    assert!(refused(Batch { input: shorter, ..batch }, &[]).contains("1567 values"));
    let odd = Batch { input: Input { size: [7, 28], ..input }, ..batch };
    assert!(refused(odd, &[]).contains("divisible by 2"), "{}", refused(odd, &[]));
    let unknown = [Picture { label: 99, ..pictures.pictures[0] }; 2];
    assert!(refused(Batch { input: Input { pictures: &unknown, ..input }, ..batch }, &[]).contains("class 99"));
    let nothing = Batch { input: Input { noisy: &[], pictures: &[], ..input }, target: &[] };
    let (loss, gradients) =
        unet.loss_and_gradients(nothing, LossKind::L2, &all(&base), &mut Buffers::default()).unwrap();
    assert_eq!(loss, 0.0);
    assert!(
        gradients.len() == base.state.len() && gradients.values().all(|tensor| tensor.values.iter().all(|v| *v == 0.0))
    );
    for (name, shape) in [("conv_in.weight", vec![1]), ("nothing", vec![])] {
        let values = vec![0.0; shape.iter().product()];
        let error = unet.set_weights(StateDict::from([(name.to_owned(), HostTensor { shape, values })])).unwrap_err();
        assert!(matches!(&error, Error::Weights { .. }) && error.to_string().contains(name), "{error}");
    }
}
