//! The autoencoder on the CPU, without a tensor library and without gradients, of the layers of
//! [`unet::cpu`](crate::unet::cpu). Pictures go through it one after the other: their maps are large.
//!
//! Tests: `tests/it/autoencoder.rs` against diffusers.

use cpu_kernels::attention::MultiHeadAttention;
use cpu_kernels::matmul::MatMul;
use cpu_kernels::norm::GroupNorm;
use cpu_kernels::view::{MatrixView, MatrixViewMut};
use cpu_kernels::winograd::{Conv3x3, EnlargedConv3x3};

use crate::config::AutoencoderConfig;
use crate::error::{RequestError, Result};
use crate::state::StateDict;
use crate::unet::cpu::{Geometry, Linear, ResnetBlock, Scratch};
use crate::unet::layout::transpose;
use crate::unet::weights::Weights;

use super::parameters::check_state;
use super::topology::{Half, Layer, NORM_EPS, layers, pointwise};
use super::{LOG_VARIANCE, Latents};

/// A layer of the topology with its parameters, packed for the CPU.
#[derive(Debug)]
enum PackedLayer {
    Conv(Linear),
    Resnet(Box<ResnetBlock>),
    Attention(AttentionBlock),
    Downsample(Linear),
    Upsample(EnlargedConv3x3),
    ConvOut { norm: GroupNorm, conv: Conv3x3 },
    Pointwise(Linear),
}

/// `x + to_out(attention(norm(x)))`, one head.
#[derive(Debug)]
struct AttentionBlock {
    norm: GroupNorm,
    /// Queries, keys, values.
    inputs: [Linear; 3],
    to_out: Linear,
}

/// Encoder and decoder, packed for the CPU.
#[derive(Debug)]
pub struct CpuAutoencoder {
    encoder: Vec<PackedLayer>,
    decoder: Vec<PackedLayer>,
    config: AutoencoderConfig,
}

impl CpuAutoencoder {
    /// From the parameters of a validated configuration.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) names missing, unexpected and wrongly shaped parameters.
    pub fn new(config: &AutoencoderConfig, state: &StateDict) -> Result<Self> {
        check_state(config, state)?;
        let (unchanged, groups) = (StateDict::new(), config.norm_num_groups);
        let weights = Weights::new(state, &unchanged);
        let pack = |half: Half| -> Vec<PackedLayer> {
            let weights = weights.at(half);
            let pack = |layer: Layer| match layer {
                Layer::ConvIn(_) => PackedLayer::Conv(weights.at("conv_in").conv3x3()),
                Layer::Resnet(resnet) => {
                    PackedLayer::Resnet(Box::new(ResnetBlock::new(&resnet, &weights, groups, NORM_EPS)))
                }
                Layer::Attention(attention) => {
                    let weights = weights.at(attention.path());
                    PackedLayer::Attention(AttentionBlock {
                        norm: weights.at("group_norm").group_norm(groups, NORM_EPS),
                        inputs: ["to_q", "to_k", "to_v"].map(|name| weights.at(name).linear()),
                        to_out: weights.at("to_out.0").linear(),
                    })
                }
                Layer::Downsample(resample) => PackedLayer::Downsample(weights.at(resample.path()).conv3x3()),
                Layer::Upsample(resample) => PackedLayer::Upsample(weights.at(resample.path()).enlarged_convolution()),
                Layer::ConvOut(_) => PackedLayer::ConvOut {
                    norm: weights.at("conv_norm_out").group_norm(groups, NORM_EPS),
                    conv: weights.at("conv_out").convolution(),
                },
            };
            layers(config, half).into_iter().map(pack).collect()
        };
        let of_latents = |half: Half| {
            let layer = pointwise(config, half)?;
            Some(PackedLayer::Pointwise(weights.at(layer.path).linear()))
        };
        let mut encoder = pack(Half::Encoder);
        encoder.extend(of_latents(Half::Encoder));
        let decoder = of_latents(Half::Decoder).into_iter().chain(pack(Half::Decoder)).collect();
        Ok(Self { encoder, decoder, config: config.clone() })
    }

    /// Its configuration.
    pub fn config(&self) -> &AutoencoderConfig {
        &self.config
    }

    /// Pictures as distributions of latents, unscaled.
    ///
    /// # Shapes
    /// `pictures [b, in_channels, height, width]`, in [-1, 1], `size` their height and width, multiples of the
    /// configuration's [`factor`](AutoencoderConfig::factor) f -> `[b, latent_channels, height / f, width / f]`.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) where these numbers do not go together.
    pub fn encode(&self, pictures: &[f32], size: [usize; 2], scratch: &mut Scratch) -> Result<Latents> {
        let factor = self.config.factor();
        self.check(pictures, self.config.in_channels, size, factor)?;
        let geometries: Vec<Geometry> = (0..self.config.block_out_channels.len())
            .map(|level| Geometry::padded_behind(size.map(|side| side >> level)))
            .collect();
        let (mut mean, mut log_variance) = (Vec::new(), Vec::new());
        for picture in pictures.chunks_exact(self.config.in_channels * size[0] * size[1]) {
            let both = run(&self.encoder, picture, &geometries, 0, scratch);
            let (first, second) = both.split_at(both.len() / 2);
            mean.extend(first);
            log_variance.extend(second.iter().map(|value| value.clamp(LOG_VARIANCE[0], LOG_VARIANCE[1])));
        }
        Ok(Latents { mean, log_variance })
    }

    /// Unscaled latents as pictures.
    ///
    /// # Shapes
    /// `latents [b, latent_channels, h, w]`, `size` their height and width -> `[b, out_channels, f h, f w]`, f the
    /// configuration's [`factor`](AutoencoderConfig::factor), about in [-1, 1].
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) where these numbers do not go together.
    pub fn decode(&self, latents: &[f32], size: [usize; 2], scratch: &mut Scratch) -> Result<Vec<f32>> {
        self.check(latents, self.config.latent_channels, size, 1)?;
        let coarsest = self.config.block_out_channels.len() - 1;
        let geometries: Vec<Geometry> =
            (0..=coarsest).map(|level| Geometry::padded_behind(size.map(|side| side << (coarsest - level)))).collect();
        let each = latents.chunks_exact(self.config.latent_channels * size[0] * size[1]);
        Ok(each.flat_map(|latents| run(&self.decoder, latents, &geometries, coarsest, scratch)).collect())
    }

    fn check(&self, values: &[f32], channels: usize, size: [usize; 2], factor: usize) -> Result<()> {
        let one = channels * size[0] * size[1];
        if one == 0 || !values.len().is_multiple_of(one) || size.iter().any(|side| !side.is_multiple_of(factor)) {
            return Err(RequestError::Autoencoded { values: values.len(), channels, size, factor }.into());
        }
        Ok(())
    }
}

/// One picture `[channels, h, w]` on its way through the layers. `level`: that of its size, in `geometries`.
fn run(
    layers: &[PackedLayer],
    picture: &[f32],
    geometries: &[Geometry],
    mut level: usize,
    scratch: &mut Scratch,
) -> Vec<f32> {
    let pixels = geometries[level].pixels();
    let mut channels = picture.len() / pixels;
    let mut h = scratch.buffers.take(picture.len());
    transpose(picture, [channels, pixels], &mut h);
    for layer in layers {
        let geometry = &geometries[level];
        let pixels = geometry.pixels();
        let next = match layer {
            PackedLayer::Conv(conv) => {
                let mut out = scratch.buffers.take(pixels * conv.weight.n());
                geometry.convolve(&h, 1, conv, &mut out).run();
                out
            }
            PackedLayer::Resnet(block) => block.run(&[(&h, channels)], &[], geometry, scratch),
            PackedLayer::Attention(block) => block.run(&h, scratch),
            PackedLayer::Downsample(conv) => {
                level += 1;
                let mut out = scratch.buffers.take(geometries[level].pixels() * channels);
                geometry.downsample(&h, 1, conv, &mut out);
                out
            }
            PackedLayer::Upsample(conv) => {
                level -= 1;
                let mut out = scratch.buffers.take(4 * h.len());
                conv.run(&h, geometry.size, &mut out, &mut scratch.buffers);
                out
            }
            PackedLayer::ConvOut { norm, conv } => {
                let mut normed = scratch.buffers.take(h.len());
                norm.run(&[(&h, channels)], pixels, true, &mut normed);
                let mut out = scratch.buffers.take(pixels * conv.bias.len());
                conv.run(&normed, geometry.size, &conv.bias, None, &mut out, &mut scratch.buffers);
                scratch.buffers.give(normed);
                out
            }
            PackedLayer::Pointwise(layer) => {
                let mut out = scratch.buffers.take(pixels * layer.weight.n());
                linear(layer, &h, &mut out, false);
                out
            }
        };
        channels = next.len() / geometries[level].pixels();
        let done = std::mem::replace(&mut h, next);
        scratch.buffers.give(done);
    }
    let mut out = vec![0.0; h.len()];
    transpose(&h, [h.len() / channels, channels], &mut out);
    scratch.buffers.give(h);
    out
}

impl AttentionBlock {
    /// `x [pixels, channels]` -> the same.
    fn run(&self, x: &[f32], scratch: &mut Scratch) -> Vec<f32> {
        let dim = self.norm.weight.len();
        let pixels = x.len() / dim;
        let mut normed = scratch.buffers.take(x.len());
        self.norm.run(&[(x, dim)], pixels, false, &mut normed);
        let inputs = self.inputs.each_ref().map(|layer| {
            let mut out = scratch.buffers.take(x.len());
            linear(layer, &normed, &mut out, false);
            out
        });
        let [query, key, value] = &inputs;
        let attention = MultiHeadAttention { dim, heads: 1, queries: pixels, keys: pixels };
        // The normed pixels are done with: their memory takes what was gathered.
        attention.run([query, key, value], &mut normed, &mut scratch.buffers);
        let mut out = scratch.buffers.take(x.len());
        out.copy_from_slice(x);
        linear(&self.to_out, &normed, &mut out, true);
        inputs.into_iter().chain([normed]).for_each(|buffer| scratch.buffers.give(buffer));
        out
    }
}

/// `from [rows, in]` through a layer into `to [rows, out]`, or added to it.
fn linear(layer: &Linear, from: &[f32], to: &mut [f32], accumulate: bool) {
    let width = layer.weight.n();
    let rows = to.len() / width;
    let left = MatrixView::whole(from, from.len() / rows);
    let product = MatMul::plain(left, rows, &layer.weight, &layer.bias, MatrixViewMut::whole(to, width));
    MatMul { accumulate, ..product }.run();
}
