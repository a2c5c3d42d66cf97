//! What an operation on slices of host memory is.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::buffers::Buffers;

/// An operation on slices, with its gradient. A result and gradients are written over what memory held before.
pub trait SliceOperation {
    /// Number of values of the result.
    fn result_len(&self, inputs: &[&[f32]]) -> usize;

    /// The result, in `out`.
    fn forward(&self, inputs: &[&[f32]], out: &mut [f32], buffers: &mut Buffers);

    /// Whether an input is added to the result as it is. Its gradient is the result's own, and [`backward`](Self::backward) is not asked
    /// for it.
    fn adds(&self, _input: usize) -> bool {
        false
    }

    /// Whether [`backward`](Self::backward) reads an input for the gradients of the inputs that are `wanted`. The others are empty there.
    fn reads(&self, input: usize, wanted: &[bool]) -> bool;

    /// From `grad`, the gradient of the result, the gradients of the inputs, in those `targets` that there are.
    fn backward(&self, inputs: &[&[f32]], grad: &[f32], targets: &mut [Option<&mut [f32]>], buffers: &mut Buffers);
}

/// The target of an input's gradient, if it is wanted.
pub fn target<'a>(targets: &'a mut [Option<&mut [f32]>], input: usize) -> Option<&'a mut [f32]> {
    targets.get_mut(input)?.as_deref_mut()
}
