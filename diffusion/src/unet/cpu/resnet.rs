//! ResNet block.

use cpu_kernels::matmul::MatMul;
use cpu_kernels::norm::{GroupNorm, Maps};
use cpu_kernels::packed_matrix::PackedMatrix;
use cpu_kernels::view::{MatrixView, MatrixViewMut};
use cpu_kernels::winograd::Conv3x3;

use crate::unet::topology::Resnet;
use crate::unet::weights::Weights;

use super::geometry::Geometry;
use super::layers::Linear;
use super::scratch::Scratch;

/// `x + conv2(silu(norm2(conv1(silu(norm1(x))) + time)))`; without time in an autoencoder.
#[derive(Debug)]
pub struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv3x3,
    time_emb_proj: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv3x3,
    /// One for the feature map and one for the skip connection; the bias goes with the first.
    shortcut: Option<Vec<PackedMatrix>>,
    shortcut_bias: Vec<f32>,
}

impl ResnetBlock {
    /// The ResNet block of the topology, whose parameters are in `weights`.
    pub fn new(resnet: &Resnet, weights: &Weights<'_>, groups: usize, eps: f64) -> Self {
        let weights = weights.at(resnet.path());
        let (shortcut, time) = (weights.at("conv_shortcut"), weights.at("time_emb_proj"));
        let split = || {
            let (own, all) = (resnet.in_channels, resnet.in_channels + resnet.skip_channels);
            let parts = [0..own, own..all].into_iter().filter(|columns| !columns.is_empty());
            parts.map(|columns| shortcut.columns(columns)).collect()
        };
        Self {
            norm1: weights.at("norm1").group_norm(groups, eps),
            conv1: weights.at("conv1").convolution(),
            time_emb_proj: (!time.get("weight").0.is_empty()).then(|| time.linear()),
            norm2: weights.at("norm2").group_norm(groups, eps),
            conv2: weights.at("conv2").convolution(),
            shortcut: resnet.has_shortcut().then(split),
            shortcut_bias: shortcut.get("bias").0.to_vec(),
        }
    }

    /// `maps`: the feature map, and the skip connection where there is one, each `[batch · pixels, channels]`;
    /// `time [batch, time_dim]` already through its SiLU, empty where there is none. Returns `[batch · pixels, out_channels]`.
    pub fn run(&self, maps: Maps<'_>, time: &[f32], geometry: &Geometry, scratch: &mut Scratch) -> Vec<f32> {
        let (pixels, channels) = (geometry.pixels(), self.conv1.bias.len());
        let rows = maps[0].0.len() / maps[0].1;
        let batch = rows / pixels;
        let mut normed = scratch.buffers.take(rows * self.norm1.weight.len());
        self.norm1.run(maps, pixels, true, &mut normed);

        // The time is added to every pixel: it goes into the convolution's bias.
        let mut bias = scratch.buffers.take(batch * channels);
        match &self.time_emb_proj {
            Some(Linear { weight, bias: own }) => {
                let left = MatrixView::whole(time, time.len() / batch);
                MatMul::plain(left, batch, weight, own, MatrixViewMut::whole(&mut bias, channels)).run();
            }
            None => bias.fill(0.0),
        }
        for row in bias.chunks_exact_mut(channels) {
            row.iter_mut().zip(&self.conv1.bias).for_each(|(x, bias)| *x += bias);
        }
        let mut hidden = scratch.buffers.take(rows * channels);
        self.conv1.run(&normed, geometry.size, &bias, None, &mut hidden, &mut scratch.buffers);

        let mut normed = scratch.buffers.exchange(normed, rows * channels);
        self.norm2.run(&[(&hidden, channels)], pixels, true, &mut normed);
        let mut out = hidden;
        let residual = self.shortcut.is_none().then_some(maps[0].0);
        self.conv2.run(&normed, geometry.size, &self.conv2.bias, residual, &mut out, &mut scratch.buffers);
        let mut shortcut_bias = &self.shortcut_bias[..];
        for (part, &(map, width)) in self.shortcut.iter().flatten().zip(maps) {
            let target = MatrixViewMut::whole(&mut out, channels);
            let product = MatMul::plain(MatrixView::whole(map, width), rows, part, shortcut_bias, target);
            MatMul { accumulate: true, ..product }.run();
            shortcut_bias = &[];
        }
        scratch.buffers.give(normed);
        scratch.buffers.give(bias);
        out
    }
}
