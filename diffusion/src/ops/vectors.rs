//! Many tensors as one vector, and its parts as tensors.

use std::ops::Range;

use burn::tensor::{Device, Tensor};

use super::Ops;
#[cfg(feature = "burn-wgpu")]
use super::{Implementation, gpu};

/// A vector of `len` with every part at its place, and zeros between. Parts are in order, and do not overlap.
///
/// # Panics
/// If a part is where another is, or beyond the end.
pub fn join(parts: Vec<(usize, Tensor<1>)>, len: usize, device: &Device, operations: Ops) -> Tensor<1> {
    let mut end = 0;
    for (start, part) in &parts {
        assert!(*start >= end, "a part of a vector begins in another");
        end = start + part.dims()[0];
    }
    assert!(end <= len, "a part of a vector ends behind it");
    #[cfg(feature = "burn-wgpu")]
    if operations.implementation(device) == Implementation::WebGpu
        && parts.first().is_some_and(|(start, _)| *start == 0)
    {
        return gpu::join(parts, len);
    }
    let _ = operations;
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

/// A part of a vector; not a copy where it begins at a multiple of 64.
pub fn part(vector: &Tensor<1>, range: Range<usize>, operations: Ops) -> Tensor<1> {
    #[cfg(feature = "burn-wgpu")]
    if operations.implementation(&vector.device()) == Implementation::WebGpu
        && range.start.is_multiple_of(64)
        && let Some(part) = gpu::part(vector, range.clone())
    {
        return part;
    }
    let _ = operations;
    vector.clone().slice([range])
}
