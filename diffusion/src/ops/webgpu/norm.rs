//! GroupNorm and LayerNorm with their gradients.
//!
//! Tests: `diffusion/src/ops/webgpu/tests.rs`.

use burn::tensor::Shape;
use burn_cubecl::Cube;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Launch, count, empty};
use super::matmul::sum_segments;
use super::shader::Element::{F32, Vec4};
use super::shader::ShaderPart;
use crate::ops::operation::Operation;
use crate::ops::settings::{GroupNormSettings, MapShape};

/// The most channels of a GroupNorm: a workgroup has an invocation for each.
pub const MAX_GROUP_NORM_CHANNELS: usize = 256;

/// GroupNorm, with SiLU after it if wanted. Inputs: map, weight and bias `[channels]`.
#[derive(Debug, Clone)]
pub struct GroupNormOp {
    pub shape: MapShape,
    pub settings: GroupNormSettings,
}

impl GroupNormOp {
    fn launch<'a>(&self, [x, weight, bias]: [&'a CubeTensor; 3], backward: bool, affine: bool) -> Launch<'a> {
        let [_, height, width, c] = self.shape;
        let per_group = c / self.settings.groups;
        Launch::new([ShaderPart::GroupNorm])
            .with([("PIXELS", height * width), ("C", c), ("PER_GROUP", per_group)])
            .with_float("EPS", self.settings.eps as f32)
            .with_flag("SILU", self.settings.silu)
            .with_flag("BACKWARD", backward)
            .with_flag("AFFINE", affine)
            .bind("x", F32, x)
            .bind("weight", F32, weight)
            .bind("bias", F32, bias)
    }
}

impl Operation<Cube, 3> for GroupNormOp {
    fn forward(&self, inputs: [&CubeTensor; 3], shape: Shape) -> CubeTensor {
        let result = empty(inputs[0], shape);
        let launch = self.launch(inputs, false, false);
        launch.bind("grad", F32, inputs[0]).bind("result", F32, &result).bind("affine", F32, &result).run([
            self.shape[0],
            1,
            1,
        ]);
        result
    }

    fn backward(
        &self,
        inputs: [Option<&CubeTensor>; 3],
        shapes: [Shape; 3],
        grad: CubeTensor,
        wanted: [bool; 3],
    ) -> [Option<CubeTensor>; 3] {
        let [Some(x), Some(weight), Some(bias)] = inputs else { return [const { None }; 3] };
        let [b, _, _, c] = self.shape;
        let (to_x, affine) = (empty(x, shapes[0].clone()), empty(x, [b, 2, c]));
        self.launch([x, weight, bias], true, wanted[1] || wanted[2])
            .bind("grad", F32, &grad)
            .bind("result", F32, &to_x)
            .bind("affine", F32, &affine)
            .run([b, 1, 1]);
        if !wanted[1] && !wanted[2] {
            return [Some(to_x), None, None];
        }
        let [_, weight, bias] = shapes;
        let [weight, bias] = sum_segments(&affine, ShaderPart::IndexKn, &[], weight, bias);
        [Some(to_x), Some(weight), Some(bias)]
    }
}

/// LayerNorm. Inputs: rows, weight and bias `[channels]`.
#[derive(Debug, Clone)]
pub struct LayerNormOp {
    pub channels: usize,
    pub eps: f32,
}

/// Rows of a workgroup, as in the shader.
const ROWS: usize = 64;

impl LayerNormOp {
    fn launch<'a>(&self, [x, weight, bias]: [&'a CubeTensor; 3], backward: bool, affine: bool) -> Launch<'a> {
        Launch::new([ShaderPart::LayerNorm])
            .with([("M", count(x) / self.channels), ("C", self.channels)])
            .with_float("EPS", self.eps)
            .with_flag("BACKWARD", backward)
            .with_flag("AFFINE", affine)
            .bind("x", Vec4, x)
            .bind("weight", Vec4, weight)
            .bind("bias", Vec4, bias)
    }
}

impl Operation<Cube, 3> for LayerNormOp {
    fn forward(&self, inputs: [&CubeTensor; 3], shape: Shape) -> CubeTensor {
        let result = empty(inputs[0], shape);
        let groups = (count(inputs[0]) / self.channels).div_ceil(ROWS);
        let launch = self.launch(inputs, false, false);
        launch
            .bind("grad", Vec4, inputs[0])
            .bind("result", Vec4, &result)
            .bind("affine", F32, &result)
            .run([groups, 1, 1]);
        result
    }

    fn backward(
        &self,
        inputs: [Option<&CubeTensor>; 3],
        shapes: [Shape; 3],
        grad: CubeTensor,
        wanted: [bool; 3],
    ) -> [Option<CubeTensor>; 3] {
        let [Some(x), Some(weight), Some(bias)] = inputs else { return [const { None }; 3] };
        let groups = (count(x) / self.channels).div_ceil(ROWS);
        let (to_x, affine) = (empty(x, shapes[0].clone()), empty(x, [groups, 2, self.channels]));
        self.launch([x, weight, bias], true, wanted[1] || wanted[2])
            .bind("grad", Vec4, &grad)
            .bind("result", Vec4, &to_x)
            .bind("affine", F32, &affine)
            .run([groups, 1, 1]);
        if !wanted[1] && !wanted[2] {
            return [Some(to_x), None, None];
        }
        let [_, weight, bias] = shapes;
        let [weight, bias] = sum_segments(&affine, ShaderPart::IndexKn, &[], weight, bias);
        [Some(to_x), Some(weight), Some(bias)]
    }
}
