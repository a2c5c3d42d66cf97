//! Many tensors as one vector, and its parts as tensors.

use std::ops::Range;

use burn::backend::TensorMetadata;
use burn::tensor::{Shape, Tensor};
use burn_cubecl::Cube;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::Items::Floats;
use super::{Launch, Text, empty};
use crate::ops::{Primitive, float};

/// As many are bound at once, with the result, as every device has room for.
const TOGETHER: usize = 6;
const FILLED: [&str; TOGETHER] = ["FILLED_0", "FILLED_1", "FILLED_2", "FILLED_3", "FILLED_4", "FILLED_5"];
const LENS: [&str; TOGETHER] = ["LEN_0", "LEN_1", "LEN_2", "LEN_3", "LEN_4", "LEN_5"];
const PARTS: [&str; TOGETHER] = ["part_0", "part_1", "part_2", "part_3", "part_4", "part_5"];

/// See [`super::super::join`]; the first part begins at 0.
pub fn join(parts: Vec<(usize, Tensor<1>)>, len: usize) -> Tensor<1> {
    let primitive = |part: Tensor<1>| -> Primitive<Cube> { into_contiguous(float::<Cube>(part.into_dispatch())) };
    let parts: Vec<(usize, CubeTensor)> = parts.into_iter().map(|(start, part)| (start, primitive(part))).collect();
    let Some((_, first)) = parts.first() else { unreachable!("a vector has a first part") };
    let result = empty(first, [len]);
    for (i, some) in parts.chunks(TOGETHER).enumerate() {
        let next = |j: usize| parts.get(i * TOGETHER + j + 1).map_or(len, |(start, _)| *start);
        let start = some[0].0;
        let mut launch = Launch::new([Text::Join]).with([("START", start)]);
        for j in 0..TOGETHER {
            let (filled, count) = some.get(j).map_or((0, 0), |(start, part)| (next(j) - start, super::count(part)));
            launch = launch.with([(FILLED[j], filled), (LENS[j], count)]);
        }
        for (j, name) in PARTS.into_iter().enumerate() {
            launch = launch.bind(name, Floats, &some.get(j).unwrap_or(&some[0]).1);
        }
        launch.bind("result", Floats, &result).for_each(next(some.len() - 1) - start);
    }
    Tensor::from_primitive::<Cube>(result)
}

/// A view of a vector without autodiff, if it is in one piece and may begin there.
pub fn part(vector: &Tensor<1>, range: Range<usize>) -> Option<Tensor<1>> {
    let vector = float::<Cube>(vector.clone().into_dispatch());
    let (len, bytes) = (vector.shape().num_elements(), |count: usize| (count * size_of::<f32>()) as u64);
    let alignment = vector.client.properties().memory.alignment;
    if !vector.is_contiguous() || range.end > len || !bytes(range.start).is_multiple_of(alignment) {
        return None;
    }
    let handle = vector.handle.clone().offset_start(bytes(range.start)).offset_end(bytes(len - range.end));
    let shape = Shape::from([range.len()]);
    let view = CubeTensor::new_contiguous(vector.client.clone(), vector.device.clone(), shape, handle, vector.dtype);
    Some(Tensor::from_primitive::<Cube>(view))
}
