//! ResNet block, down- and upsampling.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use crate::ops::{Ops, Resize, conv1x1, conv3x3, linear};
use crate::unet::topology;

use super::norm::GroupNorm;

pub(crate) fn new_conv3x3(channels: [usize; 2], stride: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new(channels, [3, 3])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .init(device)
}

pub(crate) fn new_conv1x1(channels: [usize; 2], device: &Device) -> Conv2d {
    Conv2dConfig::new(channels, [1, 1]).init(device)
}

/// `x + conv2(silu(norm2(conv1(silu(norm1(x))) + time)))`; without time in an autoencoder.
#[derive(Module, Debug)]
pub struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
}

impl ResnetBlock {
    /// Random weights, in the topology's shapes; `time_dim` where there is a time.
    pub fn new(resnet: &topology::Resnet, groups: usize, eps: f64, time_dim: Option<usize>, device: &Device) -> Self {
        let (from, to) = (resnet.in_channels + resnet.skip_channels, resnet.out_channels);
        Self {
            norm1: GroupNorm::new(groups, from, eps, device),
            conv1: new_conv3x3([from, to], 1, device),
            time_emb_proj: time_dim.map(|width| LinearConfig::new(width, to).init(device)),
            norm2: GroupNorm::new(groups, to, eps, device),
            conv2: new_conv3x3([to, to], 1, device),
            conv_shortcut: resnet.has_shortcut().then(|| new_conv1x1([from, to], device)),
        }
    }

    /// `x [b, h, w, in]`, `time [b, time_dim]` already through its SiLU (it is the same for all blocks).
    pub fn forward(&self, x: Tensor<4>, time: Option<Tensor<2>>, ops: Ops) -> Tensor<4> {
        let h = self.norm1.forward(x.clone(), true, ops);
        let time = self.time_emb_proj.as_ref().zip(time).map(|(layer, time)| linear(layer, time, None, ops));
        let h = conv3x3(&self.conv1, h, Resize::Same, time, None, ops);
        let h = self.norm2.forward(h, true, ops);
        let x = match &self.conv_shortcut {
            Some(shortcut) => conv1x1(shortcut, x, None, ops),
            None => x,
        };
        conv3x3(&self.conv2, h, Resize::Same, None, Some(x), ops)
    }
}

/// Halves height and width with a strided convolution.
#[derive(Module, Debug)]
pub struct Downsample {
    conv: Conv2d,
}

impl Downsample {
    /// Keeps the number of channels.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self { conv: new_conv3x3([channels, channels], 2, device) }
    }

    /// `[b, h, w, c] -> [b, h/2, w/2, c]`; `half` says where the padding is.
    pub fn forward(&self, x: Tensor<4>, half: Resize, ops: Ops) -> Tensor<4> {
        conv3x3(&self.conv, x, half, None, None, ops)
    }
}

/// Doubles height and width (nearest neighbour), then convolves.
#[derive(Module, Debug)]
pub struct Upsample {
    conv: Conv2d,
}

impl Upsample {
    /// Keeps the number of channels.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self { conv: new_conv3x3([channels, channels], 1, device) }
    }

    /// `[b, h, w, c] -> [b, 2h, 2w, c]`.
    pub fn forward(&self, x: Tensor<4>, ops: Ops) -> Tensor<4> {
        conv3x3(&self.conv, x, Resize::Double, None, None, ops)
    }
}
