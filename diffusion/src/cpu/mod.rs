//! The network on the CPU without a tensor library: the same mathematics as [`crate::unet`], laid out for sampling. Feature
//! maps are `[pixels, channels]`, so that convolutions, Linears and attention are all one kind of matrix product;
//! what does not depend on x is computed once per class; norms and activations go together. It has no gradients.

mod forward;
mod resnet;
mod transformer;
pub(crate) mod weights;

use std::collections::BTreeMap;

use cpu_kernels::activation::silu;
use cpu_kernels::buffers::Buffers;
use cpu_kernels::matmul::MatMul;
use cpu_kernels::norm::GroupNorm;
use cpu_kernels::view::{MatrixView, MatrixViewMut};

use crate::config::{ModelInfo, UNetConfig};
use crate::embedding::{class_rows, sinusoids};
use crate::error::{RequestError, Result};
use crate::spec::check_state;
use crate::state::{HostTensor, StateDict};
use forward::Run;
use resnet::{Geometry, ResnetBlock};
use transformer::{ClassAttention, Transformer};
use weights::{Linear, Weights};

/// Pictures that go through the network together: enough to use a layer's weights several times while they are in the cache,
/// few enough for the pictures to stay there too.
const TOGETHER: usize = 4;

/// What a run of the network works with.
#[derive(Debug, Default)]
pub struct Scratch {
    buffers: Buffers,
    /// Where cross-attention writes down what it looks at, when someone asks.
    attention: Option<Vec<Looks>>,
}

/// What the pixels of one picture give to each token of its class in one layer, the mean of the heads: `[pixels, tokens]`.
type Looks = Vec<f32>;

#[derive(Debug)]
struct Stage {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Transformer>,
}

#[derive(Debug)]
struct UpStage {
    stage: Stage,
    upsample: Option<[Linear; 4]>,
}

/// The denoising network, packed for the CPU.
#[derive(Debug)]
pub struct CpuUNet {
    time_embedding: [Linear; 2],
    time_channels: usize,
    encoder_hid_proj: StateDict,
    context_dim: usize,
    conv_in: Linear,
    down: Vec<(Stage, Option<Linear>)>,
    mid: Stage,
    up: Vec<UpStage>,
    norm_out: GroupNorm,
    conv_out: Linear,
    in_channels: usize,
}

/// What classes need; for each transformer in the order of the network.
type Prepared = BTreeMap<usize, Vec<Vec<ClassAttention>>>;

/// What the classes of a run's pictures need in every transformer.
#[derive(Debug)]
pub struct Classes {
    prepared: Prepared,
    /// The class of each picture.
    labels: Vec<usize>,
}

impl CpuUNet {
    /// From a base's parameters, those in `changed` in place of the base's own. Refuses missing, unexpected and wrongly shaped
    /// parameters by name.
    pub fn new(config: &UNetConfig, state: &StateDict, changed: &StateDict) -> Result<Self> {
        check_state(config, state)?;
        let find = |name: &str| -> Option<&HostTensor> { changed.get(name).or_else(|| state.get(name)) };
        let weights = Weights::new(&find);
        let (channels, groups, eps) = (&config.block_out_channels, config.norm_num_groups, config.norm_eps);
        let levels = channels.len();
        let transformers = |weights: &Weights<'_>, count: usize, level: usize, only_cross: bool| {
            let make = |j| {
                let weights = weights.at("attentions").at(j);
                Transformer::new(
                    &weights,
                    config.transformer_layers_per_block,
                    config.num_heads[level],
                    groups,
                    only_cross,
                )
            };
            (0..count).map(make).collect::<Vec<_>>()
        };
        // The widths of what has been kept for the way up.
        let mut skips = vec![channels[0]];
        let mut down = Vec::new();
        for i in 0..levels {
            let weights = weights.at("down_blocks").at(i);
            let resnet = |j: usize| {
                let from = if j == 0 { channels[i.saturating_sub(1)] } else { channels[i] };
                ResnetBlock::new(&weights.at("resnets").at(j), &[from], groups, eps)
            };
            let count = if config.down_attention[i] { config.layers_per_block } else { 0 };
            let stage = Stage {
                resnets: (0..config.layers_per_block).map(resnet).collect(),
                attentions: transformers(&weights, count, i, config.only_cross_attention[i]),
            };
            skips.resize(skips.len() + config.layers_per_block, channels[i]);
            let downsample = (i + 1 < levels).then(|| weights.at("downsamplers.0.conv").conv3x3());
            skips.extend(downsample.iter().map(|_| channels[i]));
            down.push((stage, downsample));
        }
        let last = channels[levels - 1];
        let mid = {
            let weights = weights.at("mid_block");
            let resnet = |j| ResnetBlock::new(&weights.at("resnets").at(j), &[last], groups, eps);
            Stage { resnets: (0..2).map(resnet).collect(), attentions: transformers(&weights, 1, levels - 1, false) }
        };
        let mut width = last;
        let mut up = Vec::new();
        for i in 0..levels {
            let (level, weights) = (levels - 1 - i, weights.at("up_blocks").at(i));
            let layers = config.layers_per_block + 1;
            let mut resnets = Vec::new();
            for j in 0..layers {
                let skip = skips.pop().unwrap_or_default();
                resnets.push(ResnetBlock::new(&weights.at("resnets").at(j), &[width, skip], groups, eps));
                width = channels[level];
            }
            let count = if config.up_attention[i] { layers } else { 0 };
            let attentions = transformers(&weights, count, level, config.only_cross_attention[level]);
            let upsample = (level > 0).then(|| weights.at("upsamplers.0.conv").conv3x3_doubled());
            up.push(UpStage { stage: Stage { resnets, attentions }, upsample });
        }
        let hid = ["weight", "bias"].map(|name| format!("encoder_hid_proj.{name}"));
        let encoder_hid_proj = hid.into_iter().filter_map(|name| Some((name.clone(), find(&name)?.clone()))).collect();
        Ok(Self {
            time_embedding: ["linear_1", "linear_2"].map(|name| weights.at("time_embedding").at(name).linear()),
            time_channels: channels[0],
            encoder_hid_proj,
            context_dim: config.cross_attention_dim,
            conv_in: weights.at("conv_in").conv3x3(),
            down,
            mid,
            up,
            norm_out: weights.at("conv_norm_out").group_norm(groups, eps),
            conv_out: weights.at("conv_out").conv3x3(),
            in_channels: config.in_channels,
        })
    }

    /// Prepares a run on pictures of these classes (the null class is one).
    pub fn classes(&self, labels: &[usize], info: &ModelInfo) -> Result<Classes> {
        let find = |name: &str| self.encoder_hid_proj.get(name);
        let layer = Weights::new(&find).at("encoder_hid_proj").linear();
        let mut prepared = Prepared::new();
        for &label in labels {
            if prepared.contains_key(&label) {
                continue;
            }
            let rows = class_rows(&[label], info)?;
            let mut context = vec![0.0; info.tokens_per_class * self.context_dim];
            let left = MatrixView::whole(&rows, info.encoder_hid_dim());
            let target = MatrixViewMut::whole(&mut context, self.context_dim);
            MatMul::plain(left, info.tokens_per_class, &layer.weight, &layer.bias, target).run();
            let transformers = self.transformers().map(|transformer| transformer.prepare(&context, self.context_dim));
            prepared.insert(label, transformers.collect());
        }
        Ok(Classes { prepared, labels: labels.to_vec() })
    }

    fn transformers(&self) -> impl Iterator<Item = &Transformer> {
        let down = self.down.iter().flat_map(|(stage, _)| &stage.attentions);
        down.chain(&self.mid.attentions).chain(self.up.iter().flat_map(|up| &up.stage.attentions))
    }

    /// The network's prediction for noisy latents: as [`crate::unet::UNet::forward`], on host slices.
    ///
    /// # Shapes
    /// `sample [b, in_channels, height, width]` with as many pictures as `classes` has, b `timesteps`
    /// -> `[b, out_channels, height, width]`.
    pub fn forward(
        &self,
        sample: &[f32],
        size: [usize; 2],
        timesteps: &[f32],
        classes: &Classes,
        scratch: &mut Scratch,
    ) -> Result<Vec<f32>> {
        let (batch, halvings) = (classes.labels.len(), self.down.len() - 1);
        let expected = batch * self.in_channels * size[0] * size[1];
        if sample.len() != expected || timesteps.len() != batch || size.iter().any(|s| s % (1 << halvings) != 0) {
            let expected = [batch, self.in_channels, size[0], size[1]];
            return Err(RequestError::Input { values: sample.len(), timesteps: timesteps.len(), expected }.into());
        }
        let geometries = self.geometries(size);
        let pictures = sample.chunks(TOGETHER * sample.len() / batch).zip(timesteps.chunks(TOGETHER));
        let groups = pictures.zip(classes.labels.chunks(TOGETHER)).map(|((sample, timesteps), labels)| {
            let run = Run { unet: self, geometries: &geometries, prepared: &classes.prepared, labels };
            run.forward(sample, timesteps, scratch)
        });
        Ok(groups.collect::<Vec<_>>().concat())
    }

    /// What a picture's pixels give to each token of its class at a step (as in DAAM, arXiv 2210.04885): `[tokens, height, width]`, at each
    /// pixel 1 in sum; the mean over heads and layers, coarse layers enlarged.
    pub fn attention(
        &self,
        sample: &[f32],
        size: [usize; 2],
        timestep: f32,
        class: &Classes,
        tokens: usize,
    ) -> Result<Vec<f32>> {
        let mut scratch = Scratch { attention: Some(Vec::new()), ..Scratch::default() };
        self.forward(sample, size, &[timestep], class, &mut scratch)?;
        let (layers, [height, width]) = (scratch.attention.unwrap_or_default(), size);
        let mut maps = vec![0f32; tokens * height * width];
        for layer in &layers {
            // The layer's resolution, from its number of pixels.
            let coarse = (0..).find(|level| (height >> level) * (width >> level) * tokens <= layer.len()).unwrap_or(0);
            for (i, sum) in maps.iter_mut().enumerate() {
                let (token, y, x) = (i / (height * width), i / width % height, i % width);
                let pixel = (y >> coarse) * (width >> coarse) + (x >> coarse);
                *sum += layer[pixel * tokens + token] / layers.len() as f32;
            }
        }
        Ok(maps)
    }

    fn geometries(&self, [h, w]: [usize; 2]) -> Vec<Geometry> {
        (0..self.down.len()).map(|level| Geometry::new([h >> level, w >> level])).collect()
    }

    /// `silu(time_embedding(t))`, `[b, time_dim]`.
    fn time(&self, timesteps: &[f32]) -> Vec<f32> {
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
    use crate::init::initial_state;

    #[test]
    fn a_run_needs_no_more_memory_the_longer_it_is() {
        let info =
            ModelInfo::from_json(include_str!("../../../tests/fixtures/unet/tiny/digit_diffusion.json")).unwrap();
        let config = UNetConfig::from_json(include_str!("../../../tests/fixtures/unet/tiny/unet/config.json")).unwrap();
        let unet = CpuUNet::new(&config, &initial_state(&config, 0), &StateDict::new()).unwrap();
        let classes = unet.classes(&[0, 1], &info).unwrap();
        let sample = vec![0.5; 2 * config.in_channels * config.sample_size * config.sample_size];
        let mut scratch = Scratch::default();
        let mut given = || {
            unet.forward(&sample, [config.sample_size; 2], &[9.0, 3.0], &classes, &mut scratch).unwrap();
            scratch.buffers.given()
        };
        assert_eq!(given(), given(), "a step gives back what it took");
    }
}
