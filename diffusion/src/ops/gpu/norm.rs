//! Norms.

use burn::tensor::Shape;
use burn_cubecl::Cube;
use burn_cubecl::tensor::CubeTensor;

use super::Items::{Floats, Fours};
use super::product::sums;
use super::{Launch, Text, count, empty};
use crate::ops::{GroupNormSettings, MapShape, Operation};

/// Channels that a workgroup has room for.
pub const MOST_CHANNELS: usize = 256;

/// GroupNorm. Inputs: map, weight, bias.
#[derive(Debug, Clone)]
pub struct OverGroups {
    pub shape: MapShape,
    pub settings: GroupNormSettings,
}

impl OverGroups {
    fn launch<'a>(&self, [x, weight, bias]: [&'a CubeTensor; 3], backwards: bool, affine: bool) -> Launch<'a> {
        let [_, height, width, c] = self.shape;
        let per_group = c / self.settings.groups;
        Launch::new([Text::GroupNorm])
            .with([("PIXELS", height * width), ("C", c), ("PER_GROUP", per_group)])
            .with_float("EPS", self.settings.eps as f32)
            .with_flag("SILU", self.settings.silu)
            .with_flag("BACKWARDS", backwards)
            .with_flag("AFFINE", affine)
            .bind("x", Floats, x)
            .bind("weight", Floats, weight)
            .bind("bias", Floats, bias)
    }
}

impl Operation<Cube, 3> for OverGroups {
    fn forward(&self, inputs: [&CubeTensor; 3], shape: Shape) -> CubeTensor {
        let result = empty(inputs[0], shape);
        let launch = self.launch(inputs, false, false);
        launch.bind("grad", Floats, inputs[0]).bind("result", Floats, &result).bind("affine", Floats, &result).run([
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
            .bind("grad", Floats, &grad)
            .bind("result", Floats, &to_x)
            .bind("affine", Floats, &affine)
            .run([b, 1, 1]);
        if !wanted[1] && !wanted[2] {
            return [Some(to_x), None, None];
        }
        let [_, weight, bias] = shapes;
        let [weight, bias] = sums(&affine, Text::PlaceByRow, &[], weight, bias);
        [Some(to_x), Some(weight), Some(bias)]
    }
}

/// LayerNorm. Inputs: rows, weight, bias.
#[derive(Debug, Clone)]
pub struct OverRows {
    pub channels: usize,
    pub eps: f32,
}

/// Rows of a workgroup.
const ROWS: usize = 64;

impl OverRows {
    fn launch<'a>(&self, [x, weight, bias]: [&'a CubeTensor; 3], backwards: bool, affine: bool) -> Launch<'a> {
        Launch::new([Text::LayerNorm])
            .with([("M", count(x) / self.channels), ("C", self.channels)])
            .with_float("EPS", self.eps)
            .with_flag("BACKWARDS", backwards)
            .with_flag("AFFINE", affine)
            .bind("x", Fours, x)
            .bind("weight", Fours, weight)
            .bind("bias", Fours, bias)
    }
}

impl Operation<Cube, 3> for OverRows {
    fn forward(&self, inputs: [&CubeTensor; 3], shape: Shape) -> CubeTensor {
        let result = empty(inputs[0], shape);
        let groups = (count(inputs[0]) / self.channels).div_ceil(ROWS);
        let launch = self.launch(inputs, false, false);
        launch
            .bind("grad", Fours, inputs[0])
            .bind("result", Fours, &result)
            .bind("affine", Floats, &result)
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
            .bind("grad", Fours, &grad)
            .bind("result", Fours, &to_x)
            .bind("affine", Floats, &affine)
            .run([groups, 1, 1]);
        if !wanted[1] && !wanted[2] {
            return [Some(to_x), None, None];
        }
        let [_, weight, bias] = shapes;
        let [weight, bias] = sums(&affine, Text::PlaceByRow, &[], weight, bias);
        [Some(to_x), Some(weight), Some(bias)]
    }
}
