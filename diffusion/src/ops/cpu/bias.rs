//! The gradient of a convolution's bias.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::gradients::add_rows;

/// From `grad [pictures, height, width, channels]` the gradient of a bias of `len` values: `[channels]`, summed over all pictures, or
/// `[pictures, channels]`.
pub fn bias_gradient(grad: &[f32], len: usize, channels: usize) -> Vec<f32> {
    let mut out = vec![0f32; len];
    let values_each = grad.len() / (len / channels);
    out.chunks_exact_mut(channels).zip(grad.chunks_exact(values_each)).for_each(|(out, grad)| add_rows(grad, out));
    out
}
