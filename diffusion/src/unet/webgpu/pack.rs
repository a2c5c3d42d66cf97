//! The layers of the network with their parameters, in one buffer.

use crate::config::UNetConfig;
use crate::unet::topology::{self, Layer, Resnet, layers};
use crate::unet::weights::Weights;

use super::buffer::{Matrix, Norm, WeightBuffer};
use super::host::{HostWeights, Projection};

#[derive(Debug)]
pub enum PackedAttention {
    /// Of the pixels to each other; `heads` of `channels` each.
    Pixels { qkv: Matrix, out: Matrix, heads: u32, channels: u32 },
    /// To the class; `index` counts the network's cross-attentions, `bias` is that of `to_out`.
    Class { index: usize, bias: u32, heads: u32 },
}

#[derive(Debug)]
pub struct PackedBlock {
    pub attentions: [PackedAttention; 2],
    pub proj_in: Matrix,
    pub proj_out: Matrix,
}

/// A [`Layer`] with its parameters, or one of an autoencoder.
#[derive(Debug)]
pub enum PackedLayer {
    ConvIn(Matrix),
    /// `time`: offset of its own among all time projections, in vec4s, where the network has a time.
    Resnet {
        norm1: Norm,
        conv1: Matrix,
        time: Option<u32>,
        norm2: Norm,
        conv2: Matrix,
        pops_skip: bool,
    },
    Transformer {
        norm: Norm,
        proj_in: Matrix,
        blocks: Vec<PackedBlock>,
        proj_out: Matrix,
    },
    /// Attention of the pixels to each other alone: one head of `channels`.
    Attention {
        norm: Norm,
        qkv: Matrix,
        out: Matrix,
        channels: u32,
    },
    /// A 1 x 1 convolution.
    Pointwise(Matrix),
    PushSkip,
    Downsample(Matrix),
    Upsample(Matrix),
    ConvOut {
        norm: Norm,
        conv: Matrix,
    },
}

/// Packs a network whose channels are multiples of four.
pub struct Packer<'a> {
    config: &'a UNetConfig,
    buffer: WeightBuffer<'a>,
    host: HostWeights,
}

impl<'a> Packer<'a> {
    /// The layers, the buffer's content, and what stays on the host.
    pub fn pack(config: &'a UNetConfig, weights: Weights<'a>) -> (Vec<PackedLayer>, Vec<f32>, HostWeights) {
        let host = HostWeights::new(config, &weights);
        let mut packer = Self { config, buffer: WeightBuffer::new(weights, config.norm_num_groups), host };
        let packed = layers(config).iter().map(|layer| packer.layer(layer)).collect();
        (packed, packer.buffer.into_values(), packer.host)
    }

    fn layer(&mut self, layer: &Layer) -> PackedLayer {
        let eps = self.config.norm_eps;
        match layer {
            Layer::ConvIn => PackedLayer::ConvIn(self.buffer.conv("conv_in", None)),
            Layer::PushSkip => PackedLayer::PushSkip,
            Layer::Downsample(resample) => PackedLayer::Downsample(self.buffer.conv(&resample.path(), None)),
            Layer::Upsample(resample) => PackedLayer::Upsample(self.buffer.upsample(&resample.path())),
            Layer::ConvOut => PackedLayer::ConvOut {
                norm: self.buffer.norm("conv_norm_out", eps),
                conv: self.buffer.conv("conv_out", None),
            },
            Layer::Resnet(layer) => {
                let path = layer.path();
                let time = Projection::new(&self.buffer.weights.at(&path).at("time_emb_proj"));
                resnet(&mut self.buffer, &path, layer, eps, Some(self.host.add_time_projection(time)))
            }
            Layer::Transformer(transformer) => {
                let path = transformer.path();
                let block = |packer: &mut Self, i| {
                    let path = format!("{path}.transformer_blocks.{i}");
                    packer.block(&path, transformer.heads, transformer.only_cross_attention)
                };
                PackedLayer::Transformer {
                    norm: self.buffer.norm(&format!("{path}.norm"), topology::TRANSFORMER_NORM_EPS),
                    proj_in: self.buffer.linear(&format!("{path}.proj_in"), None),
                    blocks: (0..self.config.transformer_layers_per_block).map(|i| block(self, i)).collect(),
                    proj_out: self.buffer.linear(&format!("{path}.proj_out"), None),
                }
            }
        }
    }

    fn block(&mut self, path: &str, heads: usize, only_cross_attention: bool) -> PackedBlock {
        let first = match only_cross_attention {
            true => self.class_attention(path, "attn1", "norm1", heads),
            false => self.self_attention(path, heads),
        };
        PackedBlock {
            attentions: [first, self.class_attention(path, "attn2", "norm2", heads)],
            proj_in: self.buffer.linear(&format!("{path}.ff.net.0.proj"), Some(&format!("{path}.norm3"))),
            proj_out: self.buffer.linear(&format!("{path}.ff.net.2"), None),
        }
    }

    fn self_attention(&mut self, path: &str, heads: usize) -> PackedAttention {
        let attention = format!("{path}.attn1");
        let qkv = self.buffer.qkv(&attention, heads, Some(&format!("{path}.norm1")));
        let out = self.buffer.linear(&format!("{attention}.to_out.0"), None);
        PackedAttention::Pixels { qkv, out, heads: heads as u32, channels: 4 * out.depth / heads as u32 }
    }

    fn class_attention(&mut self, path: &str, name: &str, norm: &str, heads: usize) -> PackedAttention {
        let block = self.buffer.weights.at(path);
        let (attention, norm) = (block.at(name), block.at(norm));
        let index = self.host.add_cross_attention(&attention, &norm, heads);
        let bias = self.buffer.vector(attention.at("to_out.0").get("bias").0);
        PackedAttention::Class { index, bias, heads: heads as u32 }
    }
}

/// A ResNet block, `time` as in [`PackedLayer::Resnet`].
pub(crate) fn resnet(
    buffer: &mut WeightBuffer<'_>,
    path: &str,
    resnet: &Resnet,
    eps: f64,
    time: Option<u32>,
) -> PackedLayer {
    let shortcut = format!("{path}.conv_shortcut");
    let maps = [resnet.in_channels, resnet.skip_channels];
    PackedLayer::Resnet {
        norm1: buffer.norm(&format!("{path}.norm1"), eps),
        conv1: buffer.conv(&format!("{path}.conv1"), None),
        time,
        norm2: buffer.norm(&format!("{path}.norm2"), eps),
        conv2: buffer.conv(&format!("{path}.conv2"), resnet.has_shortcut().then_some((&shortcut, maps))),
        pops_skip: resnet.skip_channels > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StateDict;
    use crate::unet::init::initial_state;

    const TINY: &str = include_str!("../../../../tests/fixtures/unet/tiny/unet/config.json");

    struct Packed {
        layers: Vec<PackedLayer>,
        values: Vec<f32>,
        state: StateDict,
    }

    fn packed() -> Packed {
        let config = UNetConfig::from_json(TINY).unwrap();
        let (mut state, none) = (initial_state(&config, 0), StateDict::new());
        // Norms start at one and zero: others show whether they are folded in.
        for (i, tensor) in state.values_mut().enumerate() {
            tensor.values.iter_mut().enumerate().for_each(|(j, value)| *value += 0.01 * ((i + 3 * j) % 7) as f32);
        }
        let (layers, values, _) = Packer::pack(&config, Weights::new(&state, &none));
        Packed { layers, values, state }
    }

    #[test]
    fn there_is_one_packed_layer_for_each_layer_of_the_topology() {
        let config = UNetConfig::from_json(TINY).unwrap();
        let Packed { layers: packed, .. } = packed();
        assert_eq!(packed.len(), layers(&config).len());
        for (packed, layer) in packed.iter().zip(layers(&config)) {
            let same = match layer {
                Layer::ConvIn => matches!(packed, PackedLayer::ConvIn(_)),
                Layer::PushSkip => matches!(packed, PackedLayer::PushSkip),
                Layer::Resnet(resnet) => matches!(packed, PackedLayer::Resnet { pops_skip, conv2, .. }
                    if *pops_skip == (resnet.skip_channels > 0) && (conv2.shortcut[0] > 0) == resnet.has_shortcut()),
                Layer::Transformer(_) => matches!(packed, PackedLayer::Transformer { .. }),
                Layer::Downsample(_) => matches!(packed, PackedLayer::Downsample(_)),
                Layer::Upsample(_) => matches!(packed, PackedLayer::Upsample(_)),
                Layer::ConvOut => matches!(packed, PackedLayer::ConvOut { .. }),
            };
            assert!(same, "{layer:?} is packed as {packed:?}");
        }
    }

    #[test]
    fn a_convolution_is_packed_tap_by_tap() {
        let Packed { layers, values, state } = packed();
        let Some(PackedLayer::ConvIn(matrix)) = layers.first() else { panic!("conv_in comes first") };
        let weight = &state["conv_in.weight"];
        let [out, depth, ..] = weight.shape[..] else { panic!("a convolution has four axes") };
        let (padded, columns) = (depth.next_multiple_of(4), out.next_multiple_of(4));
        for (tap, channel, column) in [(0, 0, 0), (4, 2, 5), (8, 3, 7)] {
            let row = tap * padded + channel;
            let got = values[4 * matrix.weights as usize + row * columns + column];
            assert_eq!(got, weight.values[(column * depth + channel) * 9 + tap], "tap {tap}");
        }
        let bias = 4 * matrix.bias as usize;
        assert_eq!(values[bias..bias + out], state["conv_in.bias"].values[..]);
    }

    #[test]
    fn the_layer_norm_is_folded_into_the_feed_forward() {
        let Packed { layers, values, state } = packed();
        let blocks = layers.iter().find_map(|layer| match layer {
            PackedLayer::Transformer { blocks, .. } => Some(blocks),
            _ => None,
        });
        let matrix = blocks.expect("there is a transformer")[0].proj_in;
        let at = "down_blocks.0.attentions.0.transformer_blocks.0";
        let of = |name: &str| &state[&format!("{at}.{name}")];
        let (weight, gamma, beta) = (of("ff.net.0.proj.weight"), of("norm3.weight"), of("norm3.bias"));
        let [columns, depth] = weight.shape[..] else { panic!("a Linear has two axes") };
        let entry = |row: usize, column: usize| weight.values[column * depth + row];
        let (row, column) = (3, columns - 1);
        let got = values[4 * matrix.weights as usize + row * columns + column];
        assert_eq!(got, gamma.values[row] * entry(row, column));
        let folded: f32 = (0..depth).map(|row| beta.values[row] * entry(row, column)).sum();
        let got = values[4 * matrix.bias as usize + column];
        assert_eq!(got, of("ff.net.0.proj.bias").values[column] + folded);
    }
}
