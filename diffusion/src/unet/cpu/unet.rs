//! The network: packing, what a run precomputes, and its predictions.

use std::ops::Range;

use cpu_kernels::activation::silu;
use cpu_kernels::matmul::MatMul;
use cpu_kernels::view::{MatrixView, MatrixViewMut};

use crate::config::{ModelInfo, UNetConfig};
use crate::error::{RequestError, Result};
use crate::state::StateDict;
use crate::unet::conditioning::{class_rows, sinusoids};
use crate::unet::parameters::{check_state, state_of};
use crate::unet::topology::{Layer, layers};
use crate::unet::weights::Weights;

use super::attention::ClassAttention;
use super::forward::{Forward, PackedLayer};
use super::geometry::Geometry;
use super::layers::Linear;
use super::resnet::ResnetBlock;
use super::scratch::Scratch;
use super::transformer::Transformer;

/// Pictures that go through the network together: enough to use a layer's weights several times while they are in the
/// cache, few enough for their feature maps to stay there too.
const PICTURES_TOGETHER: usize = 4;

/// Classes above which those of earlier pictures are forgotten: each takes some hundred kilobytes.
const CLASSES_KEPT: usize = 16;

/// The denoising network, packed for the CPU.
#[derive(Debug)]
pub struct CpuUNet {
    time_embedding: [Linear; 2],
    time_channels: usize,
    encoder_hid_proj: Linear,
    layers: Vec<PackedLayer>,
    in_channels: usize,
    /// Number of resolutions.
    levels: usize,
}

/// The classes of a run's pictures, with what their cross-attentions precompute. By default of none.
#[derive(Debug, Clone, Default)]
pub struct ClassContext {
    /// By class; for each transformer, in the order of the layers.
    attentions: Vec<(usize, Vec<Vec<ClassAttention>>)>,
    /// The class of each picture.
    labels: Vec<usize>,
}

impl CpuUNet {
    /// From a base's parameters, those in `changed` in place of the base's own.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) names missing, unexpected and wrongly shaped parameters.
    pub fn new(config: &UNetConfig, state: &StateDict, changed: &StateDict) -> Result<Self> {
        check_state(config, state)?;
        let weights = Weights::new(state, changed);
        let (groups, eps) = (config.norm_num_groups, config.norm_eps);
        let pack = |layer: &Layer| match layer {
            Layer::ConvIn => PackedLayer::ConvIn(weights.at("conv_in").conv3x3()),
            Layer::PushSkip => PackedLayer::PushSkip,
            Layer::Resnet(resnet) => PackedLayer::Resnet {
                block: Box::new(ResnetBlock::new(resnet, &weights, groups, eps)),
                pops_skip: resnet.skip_channels > 0,
            },
            Layer::Transformer(transformer) => {
                PackedLayer::Transformer(Transformer::new(transformer, &weights, config))
            }
            Layer::Downsample(resample) => PackedLayer::Downsample(weights.at(resample.path()).conv3x3()),
            Layer::Upsample(resample) => PackedLayer::Upsample(weights.at(resample.path()).enlarged_convolution()),
            Layer::ConvOut => PackedLayer::ConvOut {
                norm: weights.at("conv_norm_out").group_norm(groups, eps),
                conv: weights.at("conv_out").convolution(),
            },
        };
        Ok(Self {
            time_embedding: ["linear_1", "linear_2"].map(|name| weights.at("time_embedding").at(name).linear()),
            time_channels: config.block_out_channels[0],
            encoder_hid_proj: weights.at("encoder_hid_proj").linear(),
            layers: layers(config).iter().map(pack).collect(),
            in_channels: config.in_channels,
            levels: config.block_out_channels.len(),
        })
    }

    /// From all parameters one after the other, as [`Model::weights`](crate::Model::weights) tells them.
    ///
    /// # Errors
    /// As [`new`](Self::new): too few values leave parameters out.
    pub fn from_values(config: &UNetConfig, values: &[f32]) -> Result<Self> {
        Self::new(config, &state_of(config, values), &StateDict::new())
    }

    /// Prepares a run on pictures of these classes (the null class is one).
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) for a class that the model does not have.
    pub fn classes(&self, labels: &[usize], info: &ModelInfo) -> Result<ClassContext> {
        self.classes_after(ClassContext::default(), labels, info)
    }

    /// The same after other classes: what was computed for them before is there already.
    ///
    /// # Errors
    /// As [`classes`](Self::classes).
    pub fn classes_after(&self, before: ClassContext, labels: &[usize], info: &ModelInfo) -> Result<ClassContext> {
        let Linear { weight, bias } = &self.encoder_hid_proj;
        let mut attentions = before.attentions;
        if attentions.len() > CLASSES_KEPT {
            attentions.clear();
        }
        for &label in labels {
            if attentions.iter().any(|(known, _)| *known == label) {
                continue;
            }
            let rows = class_rows(&[label], info)?;
            let mut context = vec![0.0; info.tokens_per_class * weight.n()];
            let left = MatrixView::whole(&rows, info.encoder_hid_dim());
            let target = MatrixViewMut::whole(&mut context, weight.n());
            MatMul::plain(left, info.tokens_per_class, weight, bias, target).run();
            let of_class = self.transformers().map(|transformer| transformer.for_class(&context, weight.n()));
            attentions.push((label, of_class.collect()));
        }
        Ok(ClassContext { attentions, labels: labels.to_vec() })
    }

    fn transformers(&self) -> impl Iterator<Item = &Transformer> {
        self.layers.iter().filter_map(|layer| match layer {
            PackedLayer::Transformer(transformer) => Some(transformer),
            _ => None,
        })
    }

    /// The network's prediction for the noisy latents of b pictures, `rows` of those that `classes` was prepared for. A
    /// picture's result does not depend on the others, bit for bit: whoever divides a batch may divide it anywhere.
    ///
    /// # Shapes
    /// `sample [b, in_channels, height, width]`, b `timesteps` -> `[b, out_channels, height, width]`.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) where these numbers do not go together.
    pub fn forward(
        &self,
        sample: &[f32],
        size: [usize; 2],
        timesteps: &[f32],
        classes: &ClassContext,
        rows: Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<Vec<f32>> {
        let batch = rows.len();
        let labels = classes.labels.get(rows).unwrap_or_default();
        let expected = batch * self.in_channels * size[0] * size[1];
        let divisor = 1 << (self.levels - 1);
        let fits = batch > 0 && labels.len() == batch && timesteps.len() == batch && sample.len() == expected;
        if !fits || size.iter().any(|side| side % divisor != 0) {
            let expected = [batch, self.in_channels, size[0], size[1]];
            return Err(RequestError::Input { values: sample.len(), timesteps: timesteps.len(), expected }.into());
        }
        let geometries = self.geometries(size);
        let pictures = sample.chunks(PICTURES_TOGETHER * sample.len() / batch);
        let pictures = pictures.zip(timesteps.chunks(PICTURES_TOGETHER)).zip(labels.chunks(PICTURES_TOGETHER));
        let predictions = pictures.map(|((sample, timesteps), labels)| {
            let of = |label: &usize| classes.attentions.iter().find(|(class, _)| class == label);
            let classes: Vec<_> = labels.iter().filter_map(of).map(|(_, attentions)| &attentions[..]).collect();
            let forward = Forward { layers: &self.layers, geometries: &geometries, classes: &classes };
            forward.run(sample, &self.time(timesteps), scratch)
        });
        Ok(predictions.collect::<Vec<_>>().concat())
    }

    /// How much the pixels of one picture attend to each token of its class at a step (as in DAAM, arXiv 2210.04885):
    /// the mean over heads and layers, maps of coarse layers enlarged.
    ///
    /// # Shapes
    /// `sample [in_channels, height, width]` -> `[tokens, height, width]`, at each pixel 1 in sum.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn attention(
        &self,
        sample: &[f32],
        size: [usize; 2],
        timestep: f32,
        class: &ClassContext,
        tokens: usize,
    ) -> Result<Vec<f32>> {
        let mut scratch = Scratch { attention_maps: Some(Vec::new()), ..Scratch::default() };
        self.forward(sample, size, &[timestep], class, 0..1, &mut scratch)?;
        // They were asked for above.
        let (layers, [height, width]) = (scratch.attention_maps.unwrap_or_default(), size);
        let mut maps = vec![0f32; tokens * height * width];
        for layer in &layers {
            // The layer's level, from its number of pixels.
            let level = (0..).find(|level| (height >> level) * (width >> level) * tokens <= layer.len()).unwrap_or(0);
            for (i, sum) in maps.iter_mut().enumerate() {
                let (token, y, x) = (i / (height * width), i / width % height, i % width);
                let pixel = (y >> level) * (width >> level) + (x >> level);
                *sum += layer[pixel * tokens + token] / layers.len() as f32;
            }
        }
        Ok(maps)
    }

    fn geometries(&self, [h, w]: [usize; 2]) -> Vec<Geometry> {
        (0..self.levels).map(|level| Geometry::new([h >> level, w >> level])).collect()
    }

    /// `silu(time_embedding(t))`, `[b, time_dim]`.
    fn time(&self, timesteps: &[f32]) -> Vec<f32> {
        // One timestep for all, the usual case, is embedded once.
        if timesteps.len() > 1 && timesteps.iter().all(|t| *t == timesteps[0]) {
            return self.time(&timesteps[..1]).repeat(timesteps.len());
        }
        let [first, second] = &self.time_embedding;
        let batch = timesteps.len();
        let apply = |layer: &Linear, from: &[f32]| {
            let mut out = vec![0.0; batch * layer.weight.n()];
            let left = MatrixView::whole(from, from.len() / batch);
            let target = MatrixViewMut::whole(&mut out, layer.weight.n());
            MatMul::plain(left, batch, &layer.weight, &layer.bias, target).run();
            silu(&mut out);
            out
        };
        apply(second, &apply(first, &sinusoids(timesteps, self.time_channels)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unet::init::initial_state;

    #[test]
    fn a_run_needs_no_more_memory_the_longer_it_is() {
        let info =
            ModelInfo::from_json(include_str!("../../../../tests/fixtures/unet/tiny/digit_diffusion.json")).unwrap();
        let config =
            UNetConfig::from_json(include_str!("../../../../tests/fixtures/unet/tiny/unet/config.json")).unwrap();
        let unet = CpuUNet::new(&config, &initial_state(&config, 0), &StateDict::new()).unwrap();
        let classes = unet.classes(&[0, 1], &info).unwrap();
        let sample = vec![0.5; 2 * config.in_channels * config.sample_size * config.sample_size];
        let mut scratch = Scratch::default();
        let mut given = || {
            unet.forward(&sample, [config.sample_size; 2], &[9.0, 3.0], &classes, 0..2, &mut scratch).unwrap();
            scratch.buffers.free_count()
        };
        assert_eq!(given(), given(), "a step gives back what it took");
    }
}
