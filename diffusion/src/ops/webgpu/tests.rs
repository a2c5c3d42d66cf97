//! The shaders against the crate `cpu-kernels`, results and gradients. They need a device that wgpu finds: a GPU, or a software
//! implementation of one.

use std::sync::OnceLock;

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::{Device, Tensor, Tolerance};

use crate::ops::implementation::Implementation;
use crate::ops::{
    GroupNormSettings, Ops, Resize, attention, conv1x1, conv3x3, geglu, group_norm, join, layer_norm, linear, part,
};

const OURS: Ops = Ops::Custom;

fn waves<const D: usize>(shape: [usize; D], step: f32, device: &Device) -> Tensor<D> {
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|i| (i as f32 * step).sin()).collect();
    Tensor::<1>::from_floats(&values[..], device).reshape(shape)
}

/// Inputs of the operations, of which all gradients are compared.
struct Inputs {
    map: Tensor<4>,
    tokens: Tensor<3>,
    more: Tensor<3>,
    matrix: Tensor<2>,
    vectors: [Tensor<1>; 2],
    kernels: Tensor<4>,
}

impl Inputs {
    fn new(device: &Device) -> Self {
        Self {
            map: waves([3, 6, 4, 12], 0.7, device).require_grad(),
            tokens: waves([3, 5, 24], 1.1, device).require_grad(),
            more: waves([3, 7, 24], 0.37, device).require_grad(),
            matrix: waves([3, 20], 0.9, device).require_grad(),
            vectors: [waves([12], 0.23, device).require_grad(), waves([12], 0.41, device).require_grad()],
            kernels: waves([20, 12, 3, 3], 1.3, device).require_grad(),
        }
    }
}

/// The device, opened once in a process.
fn gpu() -> Device {
    static OPENED: OnceLock<Device> = OnceLock::new();
    // The API that software implementations have.
    let api = if cfg!(target_os = "linux") { WgpuBackend::Vulkan } else { WgpuBackend::Auto };
    let open = || Device::wgpu_options().graphics_api(api).init().expect("wgpu finds no device");
    let device = OPENED.get_or_init(open).clone().autodiff();
    assert_eq!(OURS.implementation(&device), Implementation::WebGpu);
    device
}

/// The result of `f` and the gradients of all inputs are the same on both devices.
fn same<const D: usize>(f: impl Fn(&Inputs) -> Tensor<D>) {
    let [ours, others] = [gpu(), Device::flex().autodiff()].map(|device| {
        let inputs = Inputs::new(&device);
        let out = f(&inputs);
        let factors = waves(out.dims(), 0.3, &device);
        let gradients = (out.clone() * factors).sum().backward();
        let mut found = vec![out.without_autodiff().into_data()];
        let mut add = |data: Option<burn::tensor::TensorData>| found.extend(data);
        add(inputs.map.grad(&gradients).map(Tensor::into_data));
        add(inputs.tokens.grad(&gradients).map(Tensor::into_data));
        add(inputs.more.grad(&gradients).map(Tensor::into_data));
        add(inputs.matrix.grad(&gradients).map(Tensor::into_data));
        add(inputs.kernels.grad(&gradients).map(Tensor::into_data));
        for vector in &inputs.vectors {
            add(vector.grad(&gradients).map(Tensor::into_data));
        }
        found
    });
    assert!(ours.len() > 1 && ours.len() == others.len());
    for (ours, others) in ours.iter().zip(&others) {
        ours.assert_approx_eq::<f32>(others, Tolerance::absolute(2e-4).set_relative(1e-4));
    }
}

/// A layer with this weight and bias.
fn convolution(kernels: &Tensor<4>, bias: Option<&Tensor<1>>, stride: usize) -> Conv2d {
    let [to, from, side, _] = kernels.dims();
    let padding = PaddingConfig2d::Explicit(side / 2, side / 2, side / 2, side / 2);
    let mut layer = Conv2dConfig::new([from, to], [side, side])
        .with_stride([stride, stride])
        .with_padding(padding)
        .with_bias(bias.is_some())
        .init(&kernels.device());
    layer.weight = burn::module::Param::initialized(burn::module::ParamId::new(), kernels.clone());
    layer.bias = bias.map(|bias| burn::module::Param::initialized(burn::module::ParamId::new(), bias.clone()));
    layer
}

fn dense(weight: Tensor<2>, bias: Option<Tensor<1>>) -> Linear {
    let [from, to] = weight.dims();
    let mut layer = LinearConfig::new(from, to).with_bias(bias.is_some()).init(&weight.device());
    layer.weight = burn::module::Param::initialized(burn::module::ParamId::new(), weight);
    layer.bias = bias.map(|bias| burn::module::Param::initialized(burn::module::ParamId::new(), bias));
    layer
}

#[test]
fn convolutions() {
    for (resize, stride) in [(Resize::Same, 1), (Resize::Double, 1), (Resize::Half, 2)] {
        same(|inputs| {
            let layer = convolution(&inputs.kernels, None, stride);
            conv3x3(&layer, inputs.map.clone(), resize, Some(inputs.matrix.clone()), None, OURS)
        });
        same(|inputs| {
            let square = inputs.kernels.clone().slice([0..12, 0..12, 0..3, 0..3]);
            let layer = convolution(&square, Some(&inputs.vectors[0]), stride);
            let residual = match resize {
                Resize::Same => inputs.map.clone(),
                Resize::Double => inputs.map.clone().repeat_dim(1, 2).repeat_dim(2, 2),
                Resize::Half | Resize::HalfPaddedBehind => inputs.map.clone().slice([0..3, 0..3, 0..2, 0..12]),
            };
            conv3x3(&layer, inputs.map.clone(), resize, None, Some(residual), OURS)
        });
    }
}

#[test]
fn convolutions_of_one_picture() {
    same(|inputs| {
        let (map, shift) = (inputs.map.clone().narrow(0, 1, 1), inputs.matrix.clone().narrow(0, 1, 1));
        conv3x3(&convolution(&inputs.kernels, None, 1), map, Resize::Same, Some(shift), None, OURS)
    });
}

#[test]
fn convolutions_of_odd_sizes() {
    for (resize, stride) in [(Resize::Same, 1), (Resize::Double, 1), (Resize::Half, 2)] {
        same(|inputs| {
            let map = inputs.map.clone().reshape([1, 9, 8, 12]).slice([0..1, 0..9, 0..7, 0..12]);
            conv3x3(&convolution(&inputs.kernels, None, stride), map, resize, None, None, OURS)
        });
    }
}

#[test]
fn convolutions_of_many_channels_and_pictures() {
    same(|inputs| {
        let map = inputs.map.clone().repeat_dim(0, 30).repeat_dim(3, 6);
        let layer = convolution(&inputs.kernels.clone().repeat_dim(0, 4).repeat_dim(1, 6), None, 1);
        conv3x3(&layer, map, Resize::Same, None, None, OURS) * 0.03
    });
}

#[test]
fn linears() {
    let square = |inputs: &Inputs| inputs.kernels.clone().reshape([90, 24]).slice([0..24, 0..24]) * 0.3;
    let bias = |inputs: &Inputs| inputs.vectors[0].clone().repeat_dim(0, 2);
    same(|inputs| linear(&dense(square(inputs), None), inputs.tokens.clone(), None, OURS));
    same(|inputs| linear(&dense(square(inputs), Some(bias(inputs))), inputs.tokens.clone(), None, OURS));
    same(|inputs| {
        let residual = Some(inputs.more.clone().slice([0..3, 0..5, 0..24]));
        linear(&dense(square(inputs), Some(bias(inputs))), inputs.tokens.clone(), residual, OURS)
    });
    same(|inputs| {
        let kernels = inputs.kernels.clone().slice([0..20, 0..12, 0..1, 0..1]);
        conv1x1(&convolution(&kernels, None, 1), inputs.map.clone(), None, OURS)
    });
    // A partial tile of rows, and two tiles of columns.
    same(|inputs| {
        let rows = inputs.tokens.clone().reshape([1, 15, 24]).repeat_dim(1, 9);
        linear(&dense(square(inputs).repeat_dim(1, 4), None), rows, None, OURS)
    });
    // So many rows that the tiles are taller.
    same(|inputs| {
        let rows = inputs.tokens.clone().reshape([1, 15, 24]).repeat_dim(1, 3400);
        linear(&dense(square(inputs), Some(bias(inputs))), rows, None, OURS) * 1e-3
    });
}

#[test]
fn norms() {
    for silu in [false, true] {
        same(|inputs| {
            let settings = GroupNormSettings { groups: 4, eps: 1e-5, silu };
            let [weight, bias] = inputs.vectors.clone();
            group_norm(inputs.map.clone(), weight, bias, settings, OURS)
        });
    }
    same(|inputs| {
        let settings = GroupNormSettings { groups: 8, eps: 1e-5, silu: true };
        let [weight, bias] = inputs.vectors.clone().map(|vector| vector.repeat_dim(0, 8));
        group_norm(inputs.map.clone().repeat_dim(3, 8), weight, bias, settings, OURS)
    });
    same(|inputs| {
        let mut layer = LayerNormConfig::new(12).init(&inputs.map.device());
        let [weight, bias] =
            inputs.vectors.clone().map(|vector| burn::module::Param::initialized(burn::module::ParamId::new(), vector));
        (layer.gamma, layer.beta) = (weight, Some(bias));
        layer_norm(&layer, inputs.map.clone().repeat_dim(0, 5), OURS)
    });
}

#[test]
fn attentions() {
    same(|inputs| {
        let (query, key) = (inputs.tokens.clone() * 3.0, inputs.more.clone() * 3.0);
        attention(query, key.clone(), key * 0.5, 3, OURS)
    });
    same(|inputs| {
        let tokens = inputs.tokens.clone();
        attention(tokens.clone(), tokens.clone() * 2.0, tokens + 1.0, 2, OURS)
    });
    same(|inputs| {
        let keys = inputs.more.clone().repeat_dim(1, 20);
        attention(inputs.tokens.clone().slice([0..3, 0..1]), keys.clone(), keys * 0.7, 3, OURS)
    });
}

#[test]
fn gates() {
    same(|inputs| geglu(inputs.tokens.clone() * 3.0, OURS));
}

#[test]
fn vectors_and_their_parts() {
    let device = gpu().without_autodiff();
    let lens = [64, 3, 100, 1, 64, 7, 128, 65];
    let mut parts = Vec::new();
    let mut end: usize = 0;
    let mut expected = Vec::new();
    for (i, len) in lens.into_iter().enumerate() {
        let values: Vec<f32> = (0..len).map(|j| (100 * i + j) as f32).collect();
        expected.resize(end, 0.0);
        expected.extend(&values);
        parts.push((end, Tensor::<1>::from_floats(&values[..], &device)));
        end = (end + len).next_multiple_of(64);
    }
    expected.resize(end, 0.0);
    let vector = join(parts.clone(), end, &device, OURS);
    assert_eq!(vector.to_data().try_to_vec::<f32>().unwrap(), expected);
    for (start, values) in parts {
        let found = part(&vector, start..start + values.dims()[0], OURS);
        assert_eq!((found.clone() * 2.0).into_data(), (values.clone() * 2.0).into_data());
        assert_eq!(found.into_data(), values.into_data());
    }
}
