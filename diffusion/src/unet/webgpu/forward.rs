//! The forward: the walk over the packed layers, as a list of dispatches for a number of pictures of one size.

use super::buffer::Norm;
use super::dispatch::{
    Bound, ClassOffsets, Dispatch, ImplicitGemm, Map, Size, class_attention, group_norm, self_attention,
};
use super::pack::{PackedAttention, PackedBlock, PackedLayer};

/// The dispatches of a forward, in order, and the feature maps that they work on.
#[derive(Debug, Default)]
pub struct Plan {
    pub dispatches: Vec<Dispatch>,
    /// Length of each feature map, in floats. A map is used again as soon as its content is no longer needed.
    pub maps: Vec<usize>,
    /// The map with the prediction, `[pixels, channels]`.
    pub result: usize,
}

/// Writes a plan.
pub struct Planner<'a> {
    batch: u32,
    size: Size,
    /// Offset of the first picture's time projections in [`Bound::Step`], and stride between pictures; in vec4s.
    time: (u32, u32),
    classes: ClassOffsets<'a>,
    plan: Plan,
    free: Vec<usize>,
    /// The stack of skip connections.
    skips: Vec<Map>,
}

impl<'a> Planner<'a> {
    pub fn new(batch: u32, size: Size, time: (u32, u32), classes: ClassOffsets<'a>) -> Self {
        Self { batch, size, time, classes, plan: Plan::default(), free: Vec::new(), skips: Vec::new() }
    }

    /// The latents are at the beginning of [`Bound::Step`].
    pub fn plan(mut self, layers: &[PackedLayer]) -> Plan {
        let mut h = Map { bound: Bound::Step, channels: 0 };
        for layer in layers {
            let out = self.layer(layer, h);
            if out != h {
                self.give(h);
            }
            h = out;
        }
        if let Bound::Map(index) = h.bound {
            self.plan.result = index;
        }
        self.plan
    }

    /// A layer's result. It is written neither to a skip connection nor to `h`.
    fn layer(&mut self, layer: &PackedLayer, h: Map) -> Map {
        let size = self.size;
        match layer {
            PackedLayer::PushSkip => {
                self.skips.push(h);
                h
            }
            PackedLayer::ConvIn(matrix) => {
                let (left, out) = (Map { channels: matrix.depth, ..h }, self.map(size, matrix.columns));
                self.gemm(ImplicitGemm::convolution(matrix, left, out, size));
                out
            }
            PackedLayer::Pointwise(matrix) => {
                let (left, out) = (Map { channels: matrix.depth, ..h }, self.map(size, matrix.columns));
                self.gemm(ImplicitGemm::linear(matrix, left, out, size));
                out
            }
            PackedLayer::Downsample(matrix) => {
                self.size = size.map(|side| side.div_ceil(2));
                let out = self.map(self.size, matrix.columns);
                let gemm = ImplicitGemm::convolution(matrix, h, out, size);
                self.gemm(ImplicitGemm { size: self.size, stride: 2, ..gemm });
                out
            }
            PackedLayer::Upsample(matrix) => {
                self.size = size.map(|side| 2 * side);
                let out = self.map(self.size, matrix.columns);
                let gemm = ImplicitGemm::convolution(matrix, h, out, size);
                self.gemm(ImplicitGemm { side: 2, upsample: true, ..gemm });
                out
            }
            PackedLayer::Resnet { norm1, conv1, time, norm2, conv2, pops_skip } => {
                let skip = if *pops_skip { self.skips.pop() } else { None };
                let normed = self.group_norm(norm1, [Some(h), skip], true);
                let hidden = self.map(size, conv1.columns);
                let time = time.map(|time| (self.time.0 + time, self.time.1));
                self.gemm(ImplicitGemm { time, ..ImplicitGemm::convolution(conv1, normed, hidden, size) });
                self.give(normed);
                let normed = self.group_norm(norm2, [Some(hidden), None], true);
                // The hidden map has been read: the result takes its place.
                let gemm = ImplicitGemm::convolution(conv2, normed, hidden, size);
                self.gemm(match conv2.shortcut[0] {
                    0 => ImplicitGemm { residual: Some(h), ..gemm },
                    _ => ImplicitGemm { shortcut: [Some(h), skip], ..gemm },
                });
                self.give(normed);
                if let Some(skip) = skip {
                    self.give(skip);
                }
                hidden
            }
            PackedLayer::Transformer { norm, proj_in, blocks, proj_out } => {
                let normed = self.group_norm(norm, [Some(h), None], false);
                let x = self.map(size, proj_in.columns);
                self.gemm(ImplicitGemm::linear(proj_in, normed, x, size));
                self.give(normed);
                for block in blocks {
                    self.block(block, x);
                }
                let out = self.map(size, proj_out.columns);
                self.gemm(ImplicitGemm { residual: Some(h), ..ImplicitGemm::linear(proj_out, x, out, size) });
                self.give(x);
                out
            }
            PackedLayer::Attention { norm, qkv, out, channels } => {
                let normed = self.group_norm(norm, [Some(h), None], false);
                let mixed = self.map(size, qkv.columns);
                self.gemm(ImplicitGemm::linear(qkv, normed, mixed, size));
                // The normed map has been read: what is gathered takes its place.
                let dispatch = self_attention(mixed, 1, *channels, normed, size, self.batch);
                self.plan.dispatches.push(dispatch);
                self.give(mixed);
                let result = self.map(size, out.columns);
                self.gemm(ImplicitGemm { residual: Some(h), ..ImplicitGemm::linear(out, normed, result, size) });
                self.give(normed);
                result
            }
            PackedLayer::ConvOut { norm, conv } => {
                let normed = self.group_norm(norm, [Some(h), None], true);
                let out = self.map(size, conv.columns);
                self.gemm(ImplicitGemm::convolution(conv, normed, out, size));
                out
            }
        }
    }

    /// A transformer block: adds to `x`.
    fn block(&mut self, block: &PackedBlock, x: Map) {
        let size = self.size;
        for attention in &block.attentions {
            match attention {
                PackedAttention::Class { index, bias, heads } => {
                    let dispatch = class_attention(self.classes, *index, *bias, *heads, x, size, self.batch);
                    self.plan.dispatches.push(dispatch);
                }
                PackedAttention::Pixels { qkv, out, heads, channels } => {
                    let (mixed, gathered) = (self.map(size, qkv.columns), self.map(size, x.channels));
                    self.gemm(ImplicitGemm { layer_norm: true, ..ImplicitGemm::linear(qkv, x, mixed, size) });
                    let dispatch = self_attention(mixed, *heads, *channels, gathered, size, self.batch);
                    self.plan.dispatches.push(dispatch);
                    self.gemm(ImplicitGemm { accumulate: true, ..ImplicitGemm::linear(out, gathered, x, size) });
                    self.give(mixed);
                    self.give(gathered);
                }
            }
        }
        let gated = self.map(size, block.proj_out.depth);
        let gemm = ImplicitGemm::linear(&block.proj_in, x, gated, size);
        self.gemm(ImplicitGemm { layer_norm: true, geglu: true, ..gemm });
        self.gemm(ImplicitGemm { accumulate: true, ..ImplicitGemm::linear(&block.proj_out, gated, x, size) });
        self.give(gated);
    }

    fn group_norm(&mut self, norm: &Norm, maps: [Option<Map>; 2], silu: bool) -> Map {
        let out = self.map(self.size, norm.channels / 4);
        self.plan.dispatches.push(group_norm(norm, maps, silu, out, self.size, self.batch));
        out
    }

    fn gemm(&mut self, gemm: ImplicitGemm<'_>) {
        self.plan.dispatches.push(gemm.dispatch(self.batch));
    }

    /// A free map, of any content.
    fn map(&mut self, size: Size, channels: u32) -> Map {
        let floats = (self.batch * size[0] * size[1] * 4 * channels) as usize;
        let maps = &mut self.plan.maps;
        // The smallest that is large enough, or else the largest.
        let best = (0..self.free.len()).min_by_key(|&i| {
            let there = maps[self.free[i]];
            (there < floats, there.abs_diff(floats))
        });
        let index = best.map(|i| self.free.swap_remove(i)).unwrap_or_else(|| {
            maps.push(0);
            maps.len() - 1
        });
        maps[index] = maps[index].max(floats);
        Map { bound: Bound::Map(index), channels }
    }

    /// Its content is no longer needed, unless it is a skip connection.
    fn give(&mut self, map: Map) {
        if let (Bound::Map(index), false) = (map.bound, self.skips.contains(&map)) {
            self.free.push(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::device::Kernel;
    use super::super::pack::Packer;
    use super::*;
    use crate::config::UNetConfig;
    use crate::state::StateDict;
    use crate::unet::init::initial_state;
    use crate::unet::topology::{Layer, layers};
    use crate::unet::weights::Weights;

    const TINY: &str = include_str!("../../../../tests/fixtures/unet/tiny/unet/config.json");
    const UNEVEN: &str = include_str!("../../../../tests/fixtures/unet/uneven/unet/config.json");
    const SHIPPED: &str = include_str!("../../../../www/models/base/unet/config.json");

    fn plan(config: &str, batch: u32) -> (UNetConfig, Plan) {
        let config = UNetConfig::from_json(config).unwrap();
        let (state, none) = (initial_state(&config, 0), StateDict::new());
        let (packed, _, host) = Packer::pack(&config, Weights::new(&state, &none));
        let starts = vec![0; 64];
        let side = config.sample_size as u32;
        let latents = batch * side * side * (config.in_channels as u32).div_ceil(4);
        let time = (latents, (host.time_columns() / 4) as u32);
        let offsets = ClassOffsets { tokens: 4, starts: &starts, stride: 0 };
        let plan = Planner::new(batch, [side, side], time, offsets).plan(&packed);
        (config, plan)
    }

    /// A dispatch's result, and the maps that it reads.
    fn result_and_reads(dispatch: &Dispatch) -> (usize, Vec<usize>) {
        let maps = |bound: &Bound| if let Bound::Map(index) = bound { Some(*index) } else { None };
        let (result, reads) = dispatch.bindings.split_last().expect("there are bindings");
        (maps(result).expect("the result is a map"), reads.iter().filter_map(maps).collect())
    }

    #[test]
    fn every_map_is_written_before_it_is_read() {
        for config in [TINY, UNEVEN, SHIPPED] {
            let (_, plan) = plan(config, 2);
            let mut written = BTreeSet::new();
            for dispatch in &plan.dispatches {
                let (result, reads) = result_and_reads(dispatch);
                assert!(reads.iter().all(|map| written.contains(map)), "{dispatch:?}");
                // WebGPU refuses a buffer that one dispatch both reads and writes.
                assert!(!reads.contains(&result), "{dispatch:?}");
                if let Kernel::ClassAttention { .. } = dispatch.kernel {
                    assert!(written.contains(&result), "{dispatch:?} adds to it");
                }
                written.insert(result);
            }
            assert!(written.contains(&plan.result));
        }
    }

    #[test]
    fn a_skip_connection_is_not_overwritten_before_it_is_popped() {
        // Follow which dispatch wrote each map last: what a norm on the way up reads as its second map must still be what
        // was pushed.
        for config in [TINY, UNEVEN, SHIPPED] {
            let (config, plan) = plan(config, 1);
            let pushes = layers(&config).iter().filter(|layer| matches!(layer, Layer::PushSkip)).count();
            let mut last_write = vec![None; plan.maps.len()];
            let mut popped = BTreeSet::new();
            for (i, dispatch) in plan.dispatches.iter().enumerate() {
                let (result, _) = result_and_reads(dispatch);
                if let (Kernel::GroupNorm, Some(Bound::Map(skip))) = (dispatch.kernel, dispatch.bindings.get(2)) {
                    assert!(popped.insert(last_write[*skip]), "two joins read what one dispatch wrote");
                }
                last_write[result] = Some(i);
            }
            assert_eq!(popped.len(), pushes);
        }
    }

    #[test]
    fn a_forward_of_the_shipped_base_is_94_dispatches() {
        assert_eq!(plan(SHIPPED, 1).1.dispatches.len(), 94);
    }

    #[test]
    fn maps_and_workgroups_grow_with_the_batch() {
        let (one, four) = (plan(TINY, 1).1, plan(TINY, 4).1);
        assert_eq!(one.dispatches.len(), four.dispatches.len());
        assert!(one.maps.iter().zip(&four.maps).all(|(one, four)| 4 * one == *four));
    }
}
