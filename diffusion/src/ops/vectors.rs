//! Many tensors joined to one vector, and parts of the vector as tensors.
//!
//! Tests: `diffusion/src/ops/webgpu/tests.rs`; on the CPU the runs in `tests/it/training.rs`.

use std::ops::Range;

use burn::tensor::{Device, Tensor};

use super::implementation::Ops;
#[cfg(feature = "burn-wgpu")]
use super::webgpu;

/// A vector of `len` values with each part from its start on, and zeros between the parts. Parts are in order and do not overlap.
///
/// # Panics
/// If parts overlap, or one reaches beyond `len`.
pub fn join(parts: Vec<(usize, Tensor<1>)>, len: usize, device: &Device, ops: Ops) -> Tensor<1> {
    let mut end = 0;
    for (start, part) in &parts {
        assert!(*start >= end, "a part of a vector starts in another");
        end = start + part.dims()[0];
    }
    assert!(end <= len, "a part of a vector ends beyond it");
    #[cfg(feature = "burn-wgpu")]
    if ops.on_webgpu(device) && parts.first().is_some_and(|(start, _)| *start == 0) {
        return webgpu::join(parts, len);
    }
    let _ = ops;
    let mut filled = Vec::with_capacity(parts.len());
    let mut end = 0;
    for (start, part) in parts {
        let next = start + part.dims()[0];
        if start > end {
            filled.push(Tensor::zeros([start - end], device));
        }
        filled.push(part);
        end = next;
    }
    if len > end {
        filled.push(Tensor::zeros([len - end], device));
    }
    Tensor::cat(filled, 0)
}

/// A part of a vector. On wgpu it is a view, not a copy, if it starts at a multiple of 64.
pub fn part(vector: &Tensor<1>, range: Range<usize>, ops: Ops) -> Tensor<1> {
    #[cfg(feature = "burn-wgpu")]
    if ops.on_webgpu(&vector.device())
        && range.start.is_multiple_of(64)
        && let Some(part) = webgpu::part(vector, range.clone())
    {
        return part;
    }
    let _ = ops;
    vector.clone().slice([range])
}
