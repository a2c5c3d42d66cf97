//! The dispatches of one forward, for so many pictures of one size.

use super::dispatch::{Bound, ClassPlaces, Dispatch, Map, Product, Size, class_attention, group_norm, self_attention};
use super::pack::{Attention, Block, Norm, Packed};

/// What a forward does, one after the other, and on which feature maps.
#[derive(Debug, Default)]
pub struct Plan {
    pub dispatches: Vec<Dispatch>,
    /// Length of each feature map, in floats. Maps are used again as soon as nobody needs what they hold.
    pub maps: Vec<usize>,
    /// The map with the prediction, `[pixels, channels]`.
    pub result: usize,
}

/// Writes a plan.
pub struct Planner<'a> {
    batch: u32,
    size: Size,
    /// Where the pictures' times begin in [`Bound::Step`], and from picture to picture; in fours.
    time: (u32, u32),
    classes: ClassPlaces<'a>,
    plan: Plan,
    free: Vec<usize>,
    /// Maps for the way up.
    kept: Vec<Map>,
}

impl<'a> Planner<'a> {
    pub fn new(batch: u32, size: Size, time: (u32, u32), classes: ClassPlaces<'a>) -> Self {
        Self { batch, size, time, classes, plan: Plan::default(), free: Vec::new(), kept: Vec::new() }
    }

    /// The latents are at the beginning of [`Bound::Step`].
    pub fn plan(mut self, layers: &[Packed]) -> Plan {
        let mut h = Map { at: Bound::Step, channels: 0 };
        for layer in layers {
            let out = self.layer(layer, h);
            if out != h {
                self.give(h);
            }
            h = out;
        }
        if let Bound::Map(index) = h.at {
            self.plan.result = index;
        }
        self.plan
    }

    /// A layer's result. It may write to no map that is kept, and to `h` never.
    fn layer(&mut self, layer: &Packed, h: Map) -> Map {
        let size = self.size;
        match layer {
            Packed::Keep => {
                self.kept.push(h);
                h
            }
            Packed::ConvIn(matrix) => {
                let (left, out) = (Map { at: Bound::Step, channels: matrix.depth }, self.map(size, matrix.columns));
                self.product(Product::convolution(matrix, left, out, size));
                out
            }
            Packed::Downsample(matrix) => {
                self.size = size.map(|side| side.div_ceil(2));
                let out = self.map(self.size, matrix.columns);
                let product = Product::convolution(matrix, h, out, size);
                self.product(Product { size: self.size, stride: 2, ..product });
                out
            }
            Packed::Upsample(matrix) => {
                self.size = size.map(|side| 2 * side);
                let out = self.map(self.size, matrix.columns);
                let product = Product::convolution(matrix, h, out, size);
                self.product(Product { side: 2, doubled: true, ..product });
                out
            }
            Packed::Resnet { norm1, conv1, time, norm2, conv2, skip } => {
                let skip = if *skip { self.kept.pop() } else { None };
                let normed = self.group_norm(norm1, [Some(h), skip], true);
                let hidden = self.map(size, conv1.columns);
                let time = Some((self.time.0 + time, self.time.1));
                self.product(Product { time, ..Product::convolution(conv1, normed, hidden, size) });
                self.give(normed);
                let normed = self.group_norm(norm2, [Some(hidden), None], true);
                // What is hidden has been read, and gives its place to the result.
                let product = Product::convolution(conv2, normed, hidden, size);
                self.product(match conv2.beside[0] {
                    0 => Product { residual: Some(h), ..product },
                    _ => Product { beside: [Some(h), skip], ..product },
                });
                self.give(normed);
                if let Some(skip) = skip {
                    self.give(skip);
                }
                hidden
            }
            Packed::Transformer { norm, proj_in, blocks, proj_out } => {
                let normed = self.group_norm(norm, [Some(h), None], false);
                let x = self.map(size, proj_in.columns);
                self.product(Product::linear(proj_in, normed, x, size));
                self.give(normed);
                for block in blocks {
                    self.block(block, x);
                }
                let out = self.map(size, proj_out.columns);
                self.product(Product { residual: Some(h), ..Product::linear(proj_out, x, out, size) });
                self.give(x);
                out
            }
            Packed::Out { norm, conv } => {
                let normed = self.group_norm(norm, [Some(h), None], true);
                let out = self.map(size, conv.columns);
                self.product(Product::convolution(conv, normed, out, size));
                out
            }
        }
    }

    /// A transformer block: adds to `x`.
    fn block(&mut self, block: &Block, x: Map) {
        let size = self.size;
        for attention in &block.attentions {
            match attention {
                Attention::Class { index, bias, heads } => {
                    let dispatch = class_attention(self.classes, *index, *bias, *heads, x, size, self.batch);
                    self.plan.dispatches.push(dispatch);
                }
                Attention::Pixels { qkv, out, heads, channels } => {
                    let (mixed, gathered) = (self.map(size, qkv.columns), self.map(size, x.channels));
                    self.product(Product { layer_norm: true, ..Product::linear(qkv, x, mixed, size) });
                    let dispatch = self_attention(mixed, *heads, *channels, gathered, size, self.batch);
                    self.plan.dispatches.push(dispatch);
                    self.product(Product { accumulate: true, ..Product::linear(out, gathered, x, size) });
                    self.give(mixed);
                    self.give(gathered);
                }
            }
        }
        let gated = self.map(size, block.proj_out.depth);
        let product = Product::linear(&block.proj_in, x, gated, size);
        self.product(Product { layer_norm: true, geglu: true, ..product });
        self.product(Product { accumulate: true, ..Product::linear(&block.proj_out, gated, x, size) });
        self.give(gated);
    }

    fn group_norm(&mut self, norm: &Norm, maps: [Option<Map>; 2], silu: bool) -> Map {
        let out = self.map(self.size, norm.channels / 4);
        self.plan.dispatches.push(group_norm(norm, maps, silu, out, self.size, self.batch));
        out
    }

    fn product(&mut self, product: Product<'_>) {
        self.plan.dispatches.push(product.dispatch(self.batch));
    }

    /// A map that holds anything.
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
        Map { at: Bound::Map(index), channels }
    }

    /// Nobody reads it any more, unless it is kept.
    fn give(&mut self, map: Map) {
        if let (Bound::Map(index), false) = (map.at, self.kept.contains(&map)) {
            self.free.push(index);
        }
    }
}
