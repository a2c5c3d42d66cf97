//! Single dispatches: for each kernel its `Shape`, its bindings and its number of workgroups.

use super::device::{Kernel, LANES, ROWS, TILE};
use super::pack::{Matrix, Norm};

/// Height and width of a feature map.
pub type Size = [u32; 2];

/// What a binding shows a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Weights,
    Classes,
    ClassOf,
    /// What comes in at each step: latents, then times.
    Step,
    /// A feature map, by its index in the plan.
    Map(usize),
}

/// One dispatch.
#[derive(Debug)]
pub struct Dispatch {
    pub kernel: Kernel,
    pub shape: Vec<u32>,
    pub bindings: Vec<Bound>,
    pub workgroups: [u32; 3],
}

/// A feature map `[pixels, channels]` of all pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map {
    pub at: Bound,
    /// In fours.
    pub channels: u32,
}

/// `kernels/product.wgsl`. A product starts as [`linear`](Self::linear) or [`convolution`](Self::convolution).
#[derive(Debug, Clone, Copy)]
pub struct Product<'a> {
    pub matrix: &'a Matrix,
    pub left: Map,
    pub left_size: Size,
    /// Of the result; of one of its four places, if it is doubled.
    pub size: Size,
    /// Of the kernel.
    pub side: u32,
    pub stride: u32,
    pub doubled: bool,
    /// Maps that go through the shortcut, or nothing.
    pub beside: [Option<Map>; 2],
    pub residual: Option<Map>,
    /// Where a picture's own bias begins in [`Bound::Step`], and from picture to picture; in fours.
    pub time: Option<(u32, u32)>,
    pub accumulate: bool,
    pub layer_norm: bool,
    pub geglu: bool,
    pub result: Map,
}

impl<'a> Product<'a> {
    /// Pixel by pixel.
    pub fn linear(matrix: &'a Matrix, left: Map, result: Map, size: Size) -> Self {
        Self {
            matrix,
            left,
            left_size: size,
            size,
            side: 1,
            stride: 1,
            doubled: false,
            beside: [None; 2],
            residual: None,
            time: None,
            accumulate: false,
            layer_norm: false,
            geglu: false,
            result,
        }
    }

    /// 3 x 3, to the same size.
    pub fn convolution(matrix: &'a Matrix, left: Map, result: Map, size: Size) -> Self {
        Self { side: 3, ..Self::linear(matrix, left, result, size) }
    }

    pub fn dispatch(self, batch: u32) -> Dispatch {
        let Self { matrix, left, left_size, size, beside, .. } = self;
        let rows = batch * size[0] * size[1];
        let (time, time_stride) = self.time.unwrap_or((0, 0));
        let depths = [0, 1].map(|i| beside[i].map_or(0, |map| map.channels));
        let columns = self.result.channels;
        let shape = vec![
            rows,
            size[0],
            size[1],
            left_size[0],
            left_size[1],
            self.side,
            self.stride,
            self.side / 2,
            left.channels,
            columns,
            depths[0],
            depths[1],
            matrix.weights,
            matrix.bias,
            time,
            time_stride,
            self.residual.is_some().into(),
            self.accumulate.into(),
            self.doubled.into(),
        ];
        // What is not used must be bound all the same.
        let or_any = |map: Option<Map>| map.map_or(Bound::Weights, |map| map.at);
        Dispatch {
            kernel: Kernel::Product { layer_norm: self.layer_norm, geglu: self.geglu },
            shape,
            bindings: vec![
                Bound::Weights,
                left.at,
                or_any(beside[0]),
                or_any(beside[1]),
                or_any(self.residual),
                Bound::Step,
                self.result.at,
            ],
            workgroups: [columns.div_ceil(TILE), rows.div_ceil(TILE * ROWS), if self.doubled { 4 } else { 1 }],
        }
    }
}

/// `kernels/group_norm.wgsl`.
pub fn group_norm(norm: &Norm, maps: [Option<Map>; 2], silu: bool, result: Map, size: Size, batch: u32) -> Dispatch {
    let width = |map: Option<Map>| map.map_or(0, |map| 4 * map.channels);
    let shape = vec![
        size[0] * size[1],
        width(maps[0]),
        width(maps[1]),
        norm.channels / norm.groups,
        norm.weight,
        silu.into(),
        norm.eps.to_bits(),
    ];
    let at = |map: Option<Map>| map.map_or(Bound::Weights, |map| map.at);
    Dispatch {
        kernel: Kernel::GroupNorm,
        shape,
        bindings: vec![Bound::Weights, at(maps[0]), at(maps[1]), result.at],
        workgroups: [norm.groups, batch, 1],
    }
}

/// Where the class attentions of a run find their matrices; in fours.
#[derive(Debug, Clone, Copy)]
pub struct ClassPlaces<'a> {
    pub tokens: u32,
    pub starts: &'a [u32],
    pub stride: u32,
}

/// `kernels/class_attention.wgsl`: changes `x`.
pub fn class_attention(
    places: ClassPlaces<'_>,
    index: usize,
    bias: u32,
    heads: u32,
    x: Map,
    size: Size,
    batch: u32,
) -> Dispatch {
    let pixels = size[0] * size[1];
    let shape = vec![batch * pixels, pixels, x.channels, heads, bias, places.starts[index], places.stride];
    Dispatch {
        kernel: Kernel::ClassAttention { tokens: places.tokens },
        shape,
        bindings: vec![Bound::Weights, Bound::Classes, Bound::ClassOf, x.at],
        workgroups: [(batch * pixels).div_ceil(LANES / heads), 1, 1],
    }
}

/// `kernels/self_attention.wgsl`; `channels`: those of a head.
pub fn self_attention(qkv: Map, heads: u32, channels: u32, result: Map, size: Size, batch: u32) -> Dispatch {
    let pixels = size[0] * size[1];
    Dispatch {
        kernel: Kernel::SelfAttention { channels },
        shape: vec![batch * pixels, pixels, heads],
        bindings: vec![qkv.at, result.at],
        workgroups: [(batch * pixels * heads).div_ceil(LANES), 1, 1],
    }
}
