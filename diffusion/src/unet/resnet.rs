//! ResNet block, down- and upsampling.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::silu;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor};

use super::norm::GroupNorm;

pub(super) fn conv3x3(channels: [usize; 2], stride: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new(channels, [3, 3])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .init(device)
}

pub(super) fn conv1x1(channels: [usize; 2], device: &Device) -> Conv2d {
    Conv2dConfig::new(channels, [1, 1]).init(device)
}

/// `x + conv2(silu(norm2(conv1(silu(norm1(x))) + time)))`.
#[derive(Module, Debug)]
pub struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Linear,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
}

impl ResnetBlock {
    /// From `channels_in` to `channels_out`.
    pub fn new(
        [channels_in, channels_out]: [usize; 2],
        time_dim: usize,
        groups: usize,
        eps: f64,
        device: &Device,
    ) -> Self {
        Self {
            norm1: GroupNorm::new(groups, channels_in, eps, device),
            conv1: conv3x3([channels_in, channels_out], 1, device),
            time_emb_proj: LinearConfig::new(time_dim, channels_out).init(device),
            norm2: GroupNorm::new(groups, channels_out, eps, device),
            conv2: conv3x3([channels_out, channels_out], 1, device),
            conv_shortcut: (channels_in != channels_out).then(|| conv1x1([channels_in, channels_out], device)),
        }
    }

    /// `x [b, in, h, w]`, `time [b, time_dim]` already through its SiLU (it is the same for all blocks).
    pub fn forward(&self, x: Tensor<4>, time: Tensor<2>) -> Tensor<4> {
        let h = self.conv1.forward(silu(self.norm1.forward(x.clone())));
        let time = self.time_emb_proj.forward(time);
        let [b, c] = time.dims();
        let h = h + time.reshape([b, c, 1, 1]);
        let h = self.conv2.forward(silu(self.norm2.forward(h)));
        match &self.conv_shortcut {
            Some(shortcut) => shortcut.forward(x) + h,
            None => x + h,
        }
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
        Self { conv: conv3x3([channels, channels], 2, device) }
    }

    /// `[b, c, h, w] -> [b, c, h/2, w/2]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.conv.forward(x)
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
        Self { conv: conv3x3([channels, channels], 1, device) }
    }

    /// `[b, c, h, w] -> [b, c, 2h, 2w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, h, w] = x.dims();
        let nearest = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([2 * h, 2 * w]);
        self.conv.forward(interpolate(x, nearest))
    }
}
