//! Many tensors joined to one vector, and parts of the vector as tensors.
//!
//! Tests: `diffusion/src/ops/webgpu/tests.rs`.

use std::ops::Range;

use burn::backend::TensorMetadata;
use burn::tensor::{Shape, Tensor};
use burn_cubecl::Cube;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Launch, count, empty};
use super::shader::Element::F32;
use super::shader::ShaderPart;
use crate::ops::operation::{Primitive, float};

/// Parts of one launch: with the result, as many bindings as every device has.
const PARTS_TOGETHER: usize = 6;
const FILLED: [&str; PARTS_TOGETHER] = ["FILLED_0", "FILLED_1", "FILLED_2", "FILLED_3", "FILLED_4", "FILLED_5"];
const LENS: [&str; PARTS_TOGETHER] = ["LEN_0", "LEN_1", "LEN_2", "LEN_3", "LEN_4", "LEN_5"];
const PARTS: [&str; PARTS_TOGETHER] = ["part_0", "part_1", "part_2", "part_3", "part_4", "part_5"];

/// A vector of `len` values with each part from its start on, and zeros between. The first part starts at 0, the others follow in order.
pub fn join(parts: Vec<(usize, Tensor<1>)>, len: usize) -> Tensor<1> {
    let primitive = |part: Tensor<1>| -> Primitive<Cube> { into_contiguous(float::<Cube>(part.into_dispatch())) };
    let parts: Vec<(usize, CubeTensor)> = parts.into_iter().map(|(start, part)| (start, primitive(part))).collect();
    let Some((_, first)) = parts.first() else { unreachable!("a vector has a first part") };
    let result = empty(first, [len]);
    for (i, some) in parts.chunks(PARTS_TOGETHER).enumerate() {
        let next = |j: usize| parts.get(i * PARTS_TOGETHER + j + 1).map_or(len, |(start, _)| *start);
        let start = some[0].0;
        let mut launch = Launch::new([ShaderPart::Join]).with([("START", start)]);
        for j in 0..PARTS_TOGETHER {
            let (filled, values) = some.get(j).map_or((0, 0), |(start, part)| (next(j) - start, count(part)));
            launch = launch.with([(FILLED[j], filled), (LENS[j], values)]);
        }
        for (j, name) in PARTS.into_iter().enumerate() {
            launch = launch.bind(name, F32, &some.get(j).unwrap_or(&some[0]).1);
        }
        launch.bind("result", F32, &result).for_each(next(some.len() - 1) - start);
    }
    Tensor::from_primitive::<Cube>(result)
}

/// A view of a part of a vector without autodiff, if the vector is contiguous and the device can bind the part.
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
