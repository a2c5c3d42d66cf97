//! Attention with its gradient.
//!
//! Tests: `diffusion/src/ops/webgpu/tests.rs`.

use burn::tensor::Shape;
use burn_cubecl::Cube;
use burn_cubecl::tensor::CubeTensor;
use cpu_kernels::attention::MultiHeadAttention;

use super::launch::{Launch, count, empty};
use super::shader::Element::{Vec2, Vec4};
use super::shader::ShaderPart;
use crate::ops::operation::Operation;

/// Scaled dot-product attention. Inputs: queries, keys, values. Weights are computed again in the backward pass.
#[derive(Debug, Clone)]
pub struct AttentionOp(pub MultiHeadAttention);

/// What a launch computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The result.
    Forward = 0,
    /// The gradient of the queries, and the statistics of their softmaxes.
    QueryGradient = 1,
    /// The gradients of keys and values, from those statistics.
    KeyValueGradient = 2,
}

/// What a stage writes, and the statistics that the next one reads. What a stage does not use must still be bound.
struct Outputs<'a> {
    stats: &'a CubeTensor,
    result: &'a CubeTensor,
    second_result: &'a CubeTensor,
}

impl AttentionOp {
    fn launch(&self, stage: Stage, inputs: [&CubeTensor; 3], grad: &CubeTensor, outputs: Outputs<'_>) {
        let MultiHeadAttention { dim, heads, queries, keys } = self.0;
        let (pictures, depth) = (count(inputs[0]) / (queries * dim), dim / heads);
        let own = if stage == Stage::KeyValueGradient { keys } else { queries };
        let Outputs { stats, result, second_result } = outputs;
        Launch::new([ShaderPart::Attention])
            .with([("PICTURES", pictures), ("QUERIES", queries), ("KEYS", keys), ("HEADS", heads), ("DEPTH", depth)])
            .with([("STAGE", stage as usize)])
            .with_float("SCALE", 1.0 / (depth as f32).sqrt())
            .bind("queries", Vec4, inputs[0])
            .bind("keys", Vec4, inputs[1])
            .bind("values", Vec4, inputs[2])
            .bind("grad", Vec4, grad)
            .bind("stats", Vec2, stats)
            .bind("result", Vec4, result)
            .bind("second_result", Vec4, second_result)
            .for_each(pictures * own * heads);
    }
}

impl Operation<Cube, 3> for AttentionOp {
    fn forward(&self, inputs: [&CubeTensor; 3], shape: Shape) -> CubeTensor {
        let result = empty(inputs[0], shape);
        let outputs = Outputs { stats: &result, result: &result, second_result: &result };
        self.launch(Stage::Forward, inputs, inputs[0], outputs);
        result
    }

    fn backward(
        &self,
        inputs: [Option<&CubeTensor>; 3],
        shapes: [Shape; 3],
        grad: CubeTensor,
        _: [bool; 3],
    ) -> [Option<CubeTensor>; 3] {
        let [Some(queries), Some(keys), Some(values)] = inputs else { return [const { None }; 3] };
        let inputs = [queries, keys, values];
        let stats = empty(queries, [count(queries) / self.0.dim * self.0.heads, 2]);
        let [to_queries, to_keys, to_values] = shapes.map(|shape| empty(queries, shape));
        self.launch(
            Stage::QueryGradient,
            inputs,
            &grad,
            Outputs { stats: &stats, result: &to_queries, second_result: &to_queries },
        );
        self.launch(
            Stage::KeyValueGradient,
            inputs,
            &grad,
            Outputs { stats: &stats, result: &to_keys, second_result: &to_values },
        );
        [Some(to_queries), Some(to_keys), Some(to_values)]
    }
}
