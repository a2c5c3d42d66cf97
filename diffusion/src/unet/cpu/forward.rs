//! One forward: a few pictures on their way through the layers.

use cpu_kernels::norm::{GroupNorm, Maps};
use cpu_kernels::winograd::{Conv3x3, EnlargedConv3x3};

use crate::unet::layout::transpose;

use super::attention::ClassAttention;
use super::geometry::Geometry;
use super::layers::Linear;
use super::resnet::ResnetBlock;
use super::scratch::Scratch;
use super::transformer::Transformer;

/// A layer of the topology with its parameters, packed for the CPU.
#[derive(Debug)]
pub enum PackedLayer {
    ConvIn(Linear),
    PushSkip,
    Resnet { block: Box<ResnetBlock>, pops_skip: bool },
    Transformer(Transformer),
    Downsample(Linear),
    Upsample(EnlargedConv3x3),
    ConvOut { norm: GroupNorm, conv: Conv3x3 },
}

/// A feature map of all pictures, `[batch · pixels, channels]`.
#[derive(Debug, Default)]
struct FeatureMap {
    values: Vec<f32>,
    channels: usize,
}

/// Pictures that go through the network together.
pub struct Forward<'a> {
    pub layers: &'a [PackedLayer],
    /// Of each resolution, finest first.
    pub geometries: &'a [Geometry],
    /// For each picture: for each transformer, in the order of the layers, its cross-attentions to the picture's class.
    pub classes: &'a [&'a [Vec<ClassAttention>]],
}

impl Forward<'_> {
    /// `sample [b, in_channels, h, w]`, `time [b, time_dim]` already through its SiLU -> `[b, out_channels, h, w]`.
    pub fn run(&self, sample: &[f32], time: &[f32], scratch: &mut Scratch) -> Vec<f32> {
        let batch = self.classes.len();
        let finest = &self.geometries[0];
        let in_channels = sample.len() / (batch * finest.pixels());
        let mut h = FeatureMap { values: scratch.buffers.take(sample.len()), channels: in_channels };
        transpose(sample, [in_channels, finest.pixels()], &mut h.values);
        let (mut skips, mut level, mut transformers) = (Vec::new(), 0, 0);
        for layer in self.layers {
            let geometry = &self.geometries[level];
            let next = match layer {
                PackedLayer::PushSkip => {
                    let mut values = scratch.buffers.take(h.values.len());
                    values.copy_from_slice(&h.values);
                    skips.push(FeatureMap { values, channels: h.channels });
                    continue;
                }
                PackedLayer::ConvIn(conv) => {
                    let mut out = scratch.buffers.take(batch * finest.pixels() * conv.weight.n());
                    finest.convolve(&h.values, batch, conv, &mut out).run();
                    out
                }
                PackedLayer::Resnet { block, pops_skip } => {
                    let skip = if *pops_skip { skips.pop() } else { None };
                    let both: [(&[f32], usize); 2];
                    let maps: Maps<'_> = match &skip {
                        Some(skip) => {
                            both = [(&h.values, h.channels), (&skip.values, skip.channels)];
                            &both
                        }
                        None => &[(&h.values, h.channels)],
                    };
                    let out = block.run(maps, time, geometry, scratch);
                    if let Some(skip) = skip {
                        scratch.buffers.give(skip.values);
                    }
                    out
                }
                PackedLayer::Transformer(transformer) => {
                    let classes: Vec<&[ClassAttention]> =
                        self.classes.iter().map(|class| &class[transformers][..]).collect();
                    transformers += 1;
                    transformer.run(&h.values, &classes, geometry, scratch)
                }
                PackedLayer::Downsample(conv) => {
                    level += 1;
                    let mut out = scratch.buffers.take(batch * self.geometries[level].pixels() * h.channels);
                    geometry.downsample(&h.values, batch, conv, &mut out);
                    out
                }
                PackedLayer::Upsample(conv) => {
                    level -= 1;
                    let mut out = scratch.buffers.take(4 * h.values.len());
                    conv.run(&h.values, geometry.size, &mut out, &mut scratch.buffers);
                    out
                }
                PackedLayer::ConvOut { norm, conv } => {
                    let mut normed = scratch.buffers.take(h.values.len());
                    norm.run(&[(&h.values, h.channels)], finest.pixels(), true, &mut normed);
                    let mut out = scratch.buffers.take(batch * finest.pixels() * conv.bias.len());
                    conv.run(&normed, finest.size, &conv.bias, None, &mut out, &mut scratch.buffers);
                    scratch.buffers.give(normed);
                    out
                }
            };
            let channels = next.len() / (batch * self.geometries[level].pixels());
            let done = std::mem::replace(&mut h, FeatureMap { values: next, channels });
            scratch.buffers.give(done.values);
        }
        let mut prediction = vec![0.0; h.values.len()];
        transpose(&h.values, [finest.pixels(), h.channels], &mut prediction);
        scratch.buffers.give(h.values);
        prediction
    }
}
