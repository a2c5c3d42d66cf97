//! One dispatch of each shader: its uniform `Shape`, its bindings and its number of workgroups.

use super::buffer::{Matrix, Norm};
use super::device::{Kernel, LANES, ROWS, TILE};

/// Height and width of a feature map.
pub type Size = [u32; 2];

/// What a shader is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Weights,
    /// The precomputed cross-attentions of all classes.
    Classes,
    /// The class of each picture.
    ClassOf,
    /// The input of a step: latents, then the time projections of each picture.
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
    pub bound: Bound,
    /// In vec4s.
    pub channels: u32,
}

/// A dispatch of `shaders/implicit_gemm.wgsl`. Starts as [`linear`](Self::linear) or [`convolution`](Self::convolution).
#[derive(Debug, Clone, Copy)]
pub struct ImplicitGemm<'a> {
    pub matrix: &'a Matrix,
    pub left: Map,
    pub left_size: Size,
    /// Of the result; with `upsample`, of one of its four phases.
    pub size: Size,
    /// Side of the convolution kernel: 3, 2 or 1.
    pub side: u32,
    pub stride: u32,
    /// Whether the result has twice the side, each of its four phases with weights of its own.
    pub upsample: bool,
    /// Maps that go through the shortcut, a 1 x 1 convolution added to the result.
    pub shortcut: [Option<Map>; 2],
    pub residual: Option<Map>,
    /// Offset of the first picture's time projection in [`Bound::Step`], and stride between pictures; in vec4s.
    pub time: Option<(u32, u32)>,
    pub accumulate: bool,
    pub layer_norm: bool,
    pub geglu: bool,
    pub result: Map,
}

impl<'a> ImplicitGemm<'a> {
    /// Pixel by pixel.
    pub fn linear(matrix: &'a Matrix, left: Map, result: Map, size: Size) -> Self {
        Self {
            matrix,
            left,
            left_size: size,
            size,
            side: 1,
            stride: 1,
            upsample: false,
            shortcut: [None; 2],
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
        let Self { matrix, left, left_size, size, shortcut, .. } = self;
        let rows = batch * size[0] * size[1];
        let (time, time_stride) = self.time.unwrap_or((0, 0));
        let depths = [0, 1].map(|i| shortcut[i].map_or(0, |map| map.channels));
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
            self.upsample.into(),
        ];
        // A binding that is not used must be bound all the same.
        let or_any = |map: Option<Map>| map.map_or(Bound::Weights, |map| map.bound);
        Dispatch {
            kernel: Kernel::ImplicitGemm { layer_norm: self.layer_norm, geglu: self.geglu },
            shape,
            bindings: vec![
                Bound::Weights,
                left.bound,
                or_any(shortcut[0]),
                or_any(shortcut[1]),
                or_any(self.residual),
                Bound::Step,
                self.result.bound,
            ],
            workgroups: [columns.div_ceil(TILE), rows.div_ceil(TILE * ROWS), if self.upsample { 4 } else { 1 }],
        }
    }
}

/// A dispatch of `shaders/group_norm.wgsl`: the two maps are normed as one.
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
    let at = |map: Option<Map>| map.map_or(Bound::Weights, |map| map.bound);
    Dispatch {
        kernel: Kernel::GroupNorm,
        shape,
        bindings: vec![Bound::Weights, at(maps[0]), at(maps[1]), result.bound],
        workgroups: [norm.groups, batch, 1],
    }
}

/// Where the cross-attentions of a run find their matrices in [`Bound::Classes`]; in vec4s.
#[derive(Debug, Clone, Copy)]
pub struct ClassOffsets<'a> {
    pub tokens: u32,
    /// Of each cross-attention, in a class.
    pub starts: &'a [u32],
    /// From class to class.
    pub stride: u32,
}

/// A dispatch of `shaders/class_attention.wgsl`: adds to `x`.
pub fn class_attention(
    offsets: ClassOffsets<'_>,
    index: usize,
    bias: u32,
    heads: u32,
    x: Map,
    size: Size,
    batch: u32,
) -> Dispatch {
    let pixels = size[0] * size[1];
    let shape = vec![batch * pixels, pixels, x.channels, heads, bias, offsets.starts[index], offsets.stride];
    Dispatch {
        kernel: Kernel::ClassAttention { tokens: offsets.tokens },
        shape,
        bindings: vec![Bound::Weights, Bound::Classes, Bound::ClassOf, x.bound],
        workgroups: [(batch * pixels).div_ceil(LANES / heads), 1, 1],
    }
}

/// A dispatch of `shaders/self_attention.wgsl`; `channels`: those of a head.
pub fn self_attention(qkv: Map, heads: u32, channels: u32, result: Map, size: Size, batch: u32) -> Dispatch {
    let pixels = size[0] * size[1];
    Dispatch {
        kernel: Kernel::SelfAttention { channels },
        shape: vec![batch * pixels, pixels, heads],
        bindings: vec![qkv.bound, result.bound],
        workgroups: [(batch * pixels * heads).div_ceil(LANES), 1, 1],
    }
}
