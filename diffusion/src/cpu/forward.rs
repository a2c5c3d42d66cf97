//! One forward: the order of the layers, as in [`crate::unet::UNet::forward`].

use super::resnet::Geometry;
use super::transformer::{ClassAttention, Transformer};
use super::{CpuUNet, Prepared, Scratch};

/// Some pictures on their way through the network.
pub struct Run<'a> {
    pub unet: &'a CpuUNet,
    pub geometries: &'a [Geometry],
    pub prepared: &'a Prepared,
    pub labels: &'a [usize],
}

impl Run<'_> {
    /// `sample [b, in_channels, h, w]` -> `[b, out_channels, h, w]`.
    pub fn forward(&self, sample: &[f32], timesteps: &[f32], scratch: &mut Scratch) -> Vec<f32> {
        let unet = self.unet;
        let batch = timesteps.len();
        let prepared: Vec<&[Vec<ClassAttention>]> =
            self.labels.iter().filter_map(|label| Some(self.prepared.get(label)?.as_slice())).collect();
        let mut transformer = 0;
        let mut attend = |layer: &Transformer, h: Vec<f32>, geometry: &Geometry, scratch: &mut Scratch| {
            let classes: Vec<&[ClassAttention]> = prepared.iter().map(|class| &class[transformer][..]).collect();
            transformer += 1;
            let out = layer.run(&h, &classes, geometry, scratch);
            scratch.buffers.give(h);
            out
        };

        // Of one timestep for all, the usual case, the embedding is computed once.
        let alike = timesteps.iter().all(|t| *t == timesteps[0]);
        let time = match alike {
            true => unet.time(&timesteps[..1]).repeat(batch),
            false => unet.time(timesteps),
        };
        let finest = &self.geometries[0];
        let input = transpose(sample, unet.in_channels, finest.pixels());
        let mut h = scratch.buffers.take(batch * finest.pixels() * unet.conv_in.weight.n());
        finest.convolve(&input, batch, &unet.conv_in, &mut h).run();

        let mut skips = vec![(copy(&h, scratch), unet.conv_in.weight.n())];
        let mut width = unet.conv_in.weight.n();
        for ((stage, downsample), geometry) in unet.down.iter().zip(self.geometries) {
            for (j, resnet) in stage.resnets.iter().enumerate() {
                let next = resnet.run(&[(&h, width)], &time, geometry, scratch);
                scratch.buffers.give(std::mem::replace(&mut h, next));
                width = h.len() / (batch * geometry.pixels());
                if let Some(layer) = stage.attentions.get(j) {
                    h = attend(layer, h, geometry, scratch);
                }
                skips.push((copy(&h, scratch), width));
            }
            if let Some(layer) = downsample {
                let [height, wide] = geometry.size;
                let mut small = scratch.buffers.take(batch * (height / 2) * (wide / 2) * width);
                geometry.downsample(&h, batch, layer, &mut small);
                scratch.buffers.give(std::mem::replace(&mut h, small));
                skips.push((copy(&h, scratch), width));
            }
        }

        let coarsest = &self.geometries[self.geometries.len() - 1];
        for (j, resnet) in unet.mid.resnets.iter().enumerate() {
            let next = resnet.run(&[(&h, width)], &time, coarsest, scratch);
            scratch.buffers.give(std::mem::replace(&mut h, next));
            if let Some(layer) = unet.mid.attentions.get(j) {
                h = attend(layer, h, coarsest, scratch);
            }
        }

        for (up, geometry) in unet.up.iter().zip(self.geometries.iter().rev()) {
            for (j, resnet) in up.stage.resnets.iter().enumerate() {
                let (skip, skip_width) = skips.pop().unwrap_or_default();
                let next = resnet.run(&[(&h, width), (&skip, skip_width)], &time, geometry, scratch);
                scratch.buffers.give(std::mem::replace(&mut h, next));
                scratch.buffers.give(skip);
                width = h.len() / (batch * geometry.pixels());
                if let Some(layer) = up.stage.attentions.get(j) {
                    h = attend(layer, h, geometry, scratch);
                }
            }
            if let Some(layers) = &up.upsample {
                let mut large = scratch.buffers.take(4 * h.len());
                geometry.upsample(&h, batch, layers, &mut large);
                scratch.buffers.give(std::mem::replace(&mut h, large));
            }
        }

        let mut normed = scratch.buffers.take(h.len());
        unet.norm_out.run(&[(&h, width)], finest.pixels(), true, &mut normed);
        let mut out = scratch.buffers.exchange(h, batch * finest.pixels() * unet.conv_out.weight.n());
        finest.convolve(&normed, batch, &unet.conv_out, &mut out).run();
        let prediction = transpose(&out, finest.pixels(), unet.conv_out.weight.n());
        scratch.buffers.give(normed);
        scratch.buffers.give(out);
        prediction
    }
}

fn copy(values: &[f32], scratch: &mut Scratch) -> Vec<f32> {
    let mut copy = scratch.buffers.take(values.len());
    copy.copy_from_slice(values);
    copy
}

/// Of each `[rows, columns]`.
fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for matrix in values.chunks_exact(rows * columns) {
        out.extend((0..columns).flat_map(|c| (0..rows).map(move |r| matrix[r * columns + c])));
    }
    out
}
