//! The parameters in one buffer, as the shaders read them.

use crate::config::UNetConfig;
use crate::unet::topology::{self, Layer, Resnet, layers};
use crate::unet::{precompute::upsample_kernel, weights::Weights};

use super::host::{HostWeights, Projection};

/// A matrix with its bias in the buffer. Offsets and sizes count vec4s.
#[derive(Debug, Clone, Copy)]
pub struct Matrix {
    /// Offset of its rows: for each phase, tap by tap; then those of the shortcut.
    pub weights: u32,
    /// Offset of its bias.
    pub bias: u32,
    /// Channels of the input map.
    pub depth: u32,
    /// Channels of the maps that go through the shortcut.
    pub shortcut: [u32; 2],
    /// Columns of the result.
    pub columns: u32,
}

/// A GroupNorm's weight in the buffer, with its bias behind it.
#[derive(Debug, Clone, Copy)]
pub struct Norm {
    /// Offset in floats.
    pub weight: u32,
    pub channels: u32,
    pub groups: u32,
    pub eps: f32,
}

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

/// A [`Layer`] with its parameters.
#[derive(Debug)]
pub enum PackedLayer {
    ConvIn(Matrix),
    /// `time`: offset of its own among all time projections, in vec4s.
    Resnet {
        norm1: Norm,
        conv1: Matrix,
        time: u32,
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
    weights: Weights<'a>,
    values: Vec<f32>,
    host: HostWeights,
}

impl<'a> Packer<'a> {
    /// The layers, the buffer's content, and what stays on the host.
    pub fn pack(config: &'a UNetConfig, weights: Weights<'a>) -> (Vec<PackedLayer>, Vec<f32>, HostWeights) {
        let host = HostWeights::new(config, &weights);
        let mut packer = Self { config, weights, values: Vec::new(), host };
        let packed = layers(config).iter().map(|layer| packer.layer(layer)).collect();
        (packed, packer.values, packer.host)
    }

    fn layer(&mut self, layer: &Layer) -> PackedLayer {
        let eps = self.config.norm_eps;
        match layer {
            Layer::ConvIn => PackedLayer::ConvIn(self.conv("conv_in", None)),
            Layer::PushSkip => PackedLayer::PushSkip,
            Layer::Downsample(resample) => PackedLayer::Downsample(self.conv(&resample.path(), None)),
            Layer::Upsample(resample) => PackedLayer::Upsample(self.upsample(&resample.path())),
            Layer::ConvOut => {
                PackedLayer::ConvOut { norm: self.norm("conv_norm_out", eps), conv: self.conv("conv_out", None) }
            }
            Layer::Resnet(resnet) => {
                let path = resnet.path();
                PackedLayer::Resnet {
                    norm1: self.norm(&format!("{path}.norm1"), eps),
                    conv1: self.conv(&format!("{path}.conv1"), None),
                    time: self.host.add_time_projection(Projection::new(&self.weights.at(&path).at("time_emb_proj"))),
                    norm2: self.norm(&format!("{path}.norm2"), eps),
                    conv2: self.conv(&format!("{path}.conv2"), resnet.has_shortcut().then_some(resnet)),
                    pops_skip: resnet.skip_channels > 0,
                }
            }
            Layer::Transformer(transformer) => {
                let path = transformer.path();
                let block = |packer: &mut Self, i| {
                    let path = format!("{path}.transformer_blocks.{i}");
                    packer.block(&path, transformer.heads, transformer.only_cross_attention)
                };
                PackedLayer::Transformer {
                    norm: self.norm(&format!("{path}.norm"), topology::TRANSFORMER_NORM_EPS),
                    proj_in: self.linear(&format!("{path}.proj_in"), None),
                    blocks: (0..self.config.transformer_layers_per_block).map(|i| block(self, i)).collect(),
                    proj_out: self.linear(&format!("{path}.proj_out"), None),
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
            proj_in: self.linear(&format!("{path}.ff.net.0.proj"), Some(&format!("{path}.norm3"))),
            proj_out: self.linear(&format!("{path}.ff.net.2"), None),
        }
    }

    fn self_attention(&mut self, path: &str, heads: usize) -> PackedAttention {
        let at = self.weights.at(path).at("attn1");
        let parts = ["to_q.weight", "to_k.weight", "to_v.weight"].map(|name| at.get(name).0);
        let dim = parts[0].len().isqrt();
        let scale = 1.0 / ((dim / heads) as f32).sqrt();
        let entry = |k: usize, n: usize| parts[n / dim][n % dim * dim + k] * if n < dim { scale } else { 1.0 };
        let norm = self.weights.at(path).at("norm1");
        let qkv = self.normed(&norm, dim, 3 * dim, entry, &[]);
        let out = self.linear(&format!("{path}.attn1.to_out.0"), None);
        PackedAttention::Pixels { qkv, out, heads: heads as u32, channels: (dim / heads) as u32 }
    }

    fn class_attention(&mut self, path: &str, name: &str, norm: &str, heads: usize) -> PackedAttention {
        let block = self.weights.at(path);
        let (attention, norm) = (block.at(name), block.at(norm));
        let index = self.host.add_cross_attention(&attention, &norm, heads);
        let bias = self.vector(attention.at("to_out.0").get("bias").0);
        PackedAttention::Class { index, bias, heads: heads as u32 }
    }

    /// A Linear or 1 x 1 convolution; the weights of the LayerNorm in front of it, if there is one, are folded in.
    fn linear(&mut self, path: &str, norm: Option<&str>) -> Matrix {
        let at = self.weights.at(path);
        let ((values, shape), (bias, _)) = (at.get("weight"), at.get("bias"));
        let (n, k) = (shape[0], shape[1]);
        let entry = |row: usize, column: usize| values[column * k + row];
        match norm {
            Some(norm) => self.normed(&self.weights.at(norm), k, n, entry, bias),
            None => {
                let weights = self.offset();
                self.rows(k, n, entry);
                self.matrix(weights, bias, k, n, [0, 0])
            }
        }
    }

    /// `(gamma x + beta) W + b = x (gamma W) + (beta W + b)`.
    fn normed(
        &mut self,
        norm: &Weights<'_>,
        k: usize,
        n: usize,
        entry: impl Fn(usize, usize) -> f32,
        bias: &[f32],
    ) -> Matrix {
        let ((gamma, _), (beta, _)) = (norm.get("weight"), norm.get("bias"));
        let weights = self.offset();
        self.rows(k, n, |row, column| gamma[row] * entry(row, column));
        let folded = |column: usize| (0..k).map(|row| beta[row] * entry(row, column)).sum::<f32>();
        let bias: Vec<f32> = (0..n).map(|column| bias.get(column).unwrap_or(&0.0) + folded(column)).collect();
        self.matrix(weights, &bias, k, n, [0, 0])
    }

    /// A 3 x 3 convolution, with the shortcut of a ResNet block that is added to it.
    fn conv(&mut self, path: &str, shortcut: Option<&Resnet>) -> Matrix {
        let at = self.weights.at(path);
        let ((values, shape), (bias, _)) = (at.get("weight"), at.get("bias"));
        let (n, depth) = (shape[0], shape[1]);
        let padded = depth.next_multiple_of(4);
        let weights = self.offset();
        self.rows(9 * padded, n, |k, n| match k % padded {
            c if c < depth => values[(n * depth + c) * 9 + k / padded],
            _ => 0.0,
        });
        let mut bias = bias.to_vec();
        let mut maps = [0, 0];
        if let Some(resnet) = shortcut {
            maps = [resnet.in_channels, resnet.skip_channels];
            let at = self.weights.at(resnet.path()).at("conv_shortcut");
            let (values, depth) = (at.get("weight").0, maps[0] + maps[1]);
            self.rows(depth, n, |k, n| values[n * depth + k]);
            bias.iter_mut().zip(at.get("bias").0).for_each(|(sum, x)| *sum += x);
        }
        self.matrix(weights, &bias, padded, n, maps)
    }

    /// The four convolutions of an upsampling, phase by phase (see [`upsample_kernel`]).
    fn upsample(&mut self, path: &str) -> Matrix {
        let at = self.weights.at(path);
        let ((values, shape), (bias, _)) = (at.get("weight"), at.get("bias"));
        let (n, depth) = (shape[0], shape[1]);
        let weights = self.offset();
        for phase in 0..4 {
            self.rows(4 * depth, n, |k, n| {
                upsample_kernel(&values[(n * depth + k % depth) * 9..][..9], phase, k / depth)
            });
        }
        self.matrix(weights, bias, depth, n, [0, 0])
    }

    fn norm(&mut self, path: &str, eps: f64) -> Norm {
        let at = self.weights.at(path);
        let (weight, bias) = (at.get("weight").0, at.get("bias").0);
        let start = 4 * self.offset();
        self.values.extend(weight);
        self.vector(bias);
        let groups = self.config.norm_num_groups as u32;
        Norm { weight: start, channels: weight.len() as u32, groups, eps: eps as f32 }
    }

    /// Where the next vec4 goes.
    fn offset(&self) -> u32 {
        (self.values.len() / 4) as u32
    }

    /// `[k, n]`, each row padded to whole vec4s.
    fn rows(&mut self, k: usize, n: usize, entry: impl Fn(usize, usize) -> f32) {
        for row in 0..k {
            self.values.extend((0..n).map(|column| entry(row, column)));
            self.values.resize(self.values.len().next_multiple_of(4), 0.0);
        }
    }

    fn vector(&mut self, values: &[f32]) -> u32 {
        let start = self.offset();
        self.rows(1, values.len(), |_, i| values[i]);
        start
    }

    fn matrix(&mut self, weights: u32, bias: &[f32], depth: usize, columns: usize, shortcut: [usize; 2]) -> Matrix {
        let vec4s = |n: usize| n.div_ceil(4) as u32;
        let bias = self.vector(bias);
        Matrix { weights, bias, depth: vec4s(depth), shortcut: shortcut.map(vec4s), columns: vec4s(columns) }
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
