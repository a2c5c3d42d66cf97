//! GEGLU with its gradient.
//!
//! Tests: `diffusion/src/ops/webgpu/tests.rs`.

use burn::tensor::Shape;
use burn_cubecl::Cube;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Launch, count, empty};
use super::shader::Element::Vec4;
use super::shader::ShaderPart;
use crate::ops::operation::Operation;

/// GEGLU. Input: rows `[values, gates]`, each `width` long.
#[derive(Debug, Clone)]
pub struct GegluOp {
    pub width: usize,
}

impl GegluOp {
    fn launch(&self, x: &CubeTensor, grad: &CubeTensor, result: &CubeTensor, backward: bool) {
        let rows = count(x) / (2 * self.width);
        Launch::new([ShaderPart::Geglu])
            .with([("M", rows), ("WIDTH", self.width)])
            .with_flag("BACKWARD", backward)
            .bind("x", Vec4, x)
            .bind("grad", Vec4, grad)
            .bind("result", Vec4, result)
            .for_each(rows * self.width / 4);
    }
}

impl Operation<Cube, 1> for GegluOp {
    fn forward(&self, [x]: [&CubeTensor; 1], shape: Shape) -> CubeTensor {
        let result = empty(x, shape);
        self.launch(x, x, &result, false);
        result
    }

    fn backward(
        &self,
        [x]: [Option<&CubeTensor>; 1],
        [shape]: [Shape; 1],
        grad: CubeTensor,
        _: [bool; 1],
    ) -> [Option<CubeTensor>; 1] {
        let Some(x) = x else { return [None] };
        let result = empty(x, shape);
        self.launch(x, &grad, &result, true);
        [Some(result)]
    }
}
