//! Attention, and the gate of the feed-forward.

use burn::tensor::Shape;
use burn_cubecl::Cube;
use burn_cubecl::tensor::CubeTensor;
use cpu_kernels::attention::MultiHeadAttention;

use super::Items::{Fours, Pairs};
use super::{Launch, Text, count, empty};
use crate::ops::Operation;

/// Attention. Inputs: queries, keys, values.
#[derive(Debug, Clone)]
pub struct Heads(pub MultiHeadAttention);

/// What an invocation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Result,
    Query,
    Key,
}

/// What a stage writes, or reads of another; what it does not is bound to something, and left alone.
struct Written<'a> {
    notes: &'a CubeTensor,
    result: &'a CubeTensor,
    second: &'a CubeTensor,
}

impl Heads {
    fn launch(&self, stage: Stage, inputs: [&CubeTensor; 3], grad: &CubeTensor, written: Written<'_>) {
        let MultiHeadAttention { dim, heads, queries, keys } = self.0;
        let (pictures, depth) = (count(inputs[0]) / (queries * dim), dim / heads);
        let own = if stage == Stage::Key { keys } else { queries };
        let Written { notes, result, second } = written;
        Launch::new([Text::Attention])
            .with([("PICTURES", pictures), ("QUERIES", queries), ("KEYS", keys), ("HEADS", heads), ("DEPTH", depth)])
            .with([("STAGE", stage as usize)])
            .with_float("SCALE", 1.0 / (depth as f32).sqrt())
            .bind("queries", Fours, inputs[0])
            .bind("keys", Fours, inputs[1])
            .bind("values", Fours, inputs[2])
            .bind("grad", Fours, grad)
            .bind("notes", Pairs, notes)
            .bind("result", Fours, result)
            .bind("second", Fours, second)
            .for_each(pictures * own * heads);
    }
}

impl Operation<Cube, 3> for Heads {
    fn forward(&self, inputs: [&CubeTensor; 3], shape: Shape) -> CubeTensor {
        let result = empty(inputs[0], shape);
        let written = Written { notes: &result, result: &result, second: &result };
        self.launch(Stage::Result, inputs, inputs[0], written);
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
        let notes = empty(queries, [count(queries) / self.0.dim * self.0.heads, 2]);
        let [to_queries, to_keys, to_values] = shapes.map(|shape| empty(queries, shape));
        self.launch(Stage::Query, inputs, &grad, Written { notes: &notes, result: &to_queries, second: &to_queries });
        self.launch(Stage::Key, inputs, &grad, Written { notes: &notes, result: &to_keys, second: &to_values });
        [Some(to_queries), Some(to_keys), Some(to_values)]
    }
}

/// The gate. Input: values, then gates.
#[derive(Debug, Clone)]
pub struct Geglu {
    pub width: usize,
}

impl Geglu {
    fn launch(&self, x: &CubeTensor, grad: &CubeTensor, result: &CubeTensor, backwards: bool) {
        let rows = count(x) / (2 * self.width);
        Launch::new([Text::Geglu])
            .with([("M", rows), ("WIDTH", self.width)])
            .with_flag("BACKWARDS", backwards)
            .bind("x", Fours, x)
            .bind("grad", Fours, grad)
            .bind("result", Fours, result)
            .for_each(rows * self.width / 4);
    }
}

impl Operation<Cube, 1> for Geglu {
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
