//! Matrix products and their gradients: what linear layers and convolutions are made of.
//!
//! Tests: `diffusion/src/ops/webgpu/tests.rs`.

use burn::backend::TensorMetadata;
use burn::tensor::Shape;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Launch, count, empty};
use super::shader::Element::{F32, Vec4};
use super::shader::{MAX_WORKGROUPS, ShaderPart};

/// Columns of a workgroup's tile for a result of `n` columns, and the number of its invocations.
fn tile(n: usize) -> (usize, usize) {
    let columns = if n > 32 { 64 } else { 32 };
    (columns, 64 * columns / 16)
}

/// How a shader reads the rows of the left matrix: the part that has `left_at`, and its constants.
#[derive(Debug, Clone)]
pub struct LeftRows {
    pub part: ShaderPart,
    pub constants: Vec<(&'static str, usize)>,
}

impl LeftRows {
    /// As they lie in memory.
    pub fn plain() -> Self {
        Self { part: ShaderPart::PlainRows, constants: Vec::new() }
    }
}

/// `left [m, k] · weights [k, n] + bias + residual`.
pub struct MatMul<'a> {
    pub rows: LeftRows,
    pub left: &'a CubeTensor,
    /// The part that has `load_weights`, for the layout of the weights.
    pub layout: ShaderPart,
    pub weights: &'a CubeTensor,
    pub m: usize,
    pub k: usize,
    pub n: usize,
    /// `[n]`, or `[pictures, n]`.
    pub bias: Option<&'a CubeTensor>,
    pub residual: Option<&'a CubeTensor>,
    /// Rows of a picture.
    pub pixels: usize,
}

impl MatMul<'_> {
    /// The result, in this shape.
    pub fn run(self, shape: Shape) -> CubeTensor {
        let Self { rows, left, layout, weights, m, k, n, bias, residual, pixels } = self;
        let result = empty(left, shape);
        let (columns, lanes) = tile(n);
        // Rows of an invocation: more are faster, as long as there are enough workgroups for a large GPU.
        let rows_each = if m > 50_000 { 8 } else { 4 };
        let tile_rows = 16 * rows_each;
        let tiles = m.div_ceil(tile_rows);
        let bias_kind = match bias {
            None => 0,
            Some(bias) if count(bias) == n => 1,
            Some(_) => 2,
        };
        Launch::new([ShaderPart::MatMul, rows.part, layout])
            .with([("M", m), ("K", k), ("N", n), ("ROWS", tile_rows), ("COLUMNS", columns), ("LANES", lanes)])
            .with([("ROWS_EACH", rows_each), ("BIAS", bias_kind), ("PIXELS", pixels)])
            .with_flag("RESIDUAL", residual.is_some())
            .with_all(&rows.constants)
            // A missing bias or residual is not read; something must be bound.
            .bind("left", Vec4, left)
            .bind("weights", Vec4, weights)
            .bind("bias", Vec4, bias.unwrap_or(left))
            .bind("residual", Vec4, residual.unwrap_or(left))
            .bind("result", Vec4, &result)
            .run([tiles.min(MAX_WORKGROUPS), n.div_ceil(columns), tiles.div_ceil(MAX_WORKGROUPS)]);
        result
    }
}

/// The gradients of a [`MatMul`]'s weights, `leftᵀ · grad`, and bias, from `grad [m, n]`, the gradient of its result.
pub struct WeightGradient<'a> {
    pub rows: LeftRows,
    pub left: &'a CubeTensor,
    pub grad: &'a CubeTensor,
    /// The part that has `weight_index`, for the layout of the weights.
    pub layout: ShaderPart,
    pub m: usize,
    pub k: usize,
    pub n: usize,
}

impl WeightGradient<'_> {
    /// Of the weights and of the bias, in these shapes.
    pub fn run(self, weight: Shape, bias: Shape) -> [CubeTensor; 2] {
        let Self { rows, left, grad, layout, m, k, n } = self;
        let (columns, lanes) = tile(n);
        let tiles = k.div_ceil(64) * n.div_ceil(columns);
        // Enough workgroups for a large GPU, but not so many that adding up their sums is most of the work.
        let segment = m.div_ceil((512 / tiles).clamp(1, 128)).max(128);
        let segments = m.div_ceil(segment);
        let parts = empty(left, [segments, k + 1, n]);
        Launch::new([ShaderPart::OuterProduct, rows.part])
            .with([("M", m), ("K", k), ("N", n), ("COLUMNS", columns), ("LANES", lanes), ("SEGMENT_ROWS", segment)])
            .with_all(&rows.constants)
            .bind("left", Vec4, left)
            .bind("right", Vec4, grad)
            .bind("parts", Vec4, &parts)
            .run([k.div_ceil(64), n.div_ceil(columns), segments]);
        sum_segments(&parts, layout, &rows.constants, weight, bias)
    }
}

/// `parts [segments, k + 1, n]` summed over the segments: `k` rows as a weight in the layout of the part with `weight_index`, and the last
/// row as a bias.
pub fn sum_segments(
    parts: &CubeTensor,
    layout: ShaderPart,
    constants: &[(&'static str, usize)],
    weight: Shape,
    bias: Shape,
) -> [CubeTensor; 2] {
    let shape = parts.shape();
    let [segments, rows, n] = [shape[0], shape[1], shape[2]];
    let groups = (rows * n).div_ceil(16);
    let [weight, bias] = [weight, bias].map(|shape| empty(parts, shape));
    Launch::new([ShaderPart::SumSegments, layout])
        .with([("K", rows - 1), ("N", n), ("SEGMENTS", segments)])
        .with_all(constants)
        .bind("parts", F32, parts)
        .bind("weight", F32, &weight)
        .bind("bias", F32, &bias)
        .run([groups.min(MAX_WORKGROUPS), groups.div_ceil(MAX_WORKGROUPS), 1]);
    [weight, bias]
}
