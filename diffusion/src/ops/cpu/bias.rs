//! The gradient of a convolution's bias.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::gradients::add_rows;

/// From `grad [pictures, height, width, channels]` the gradient of a bias, in `out`: `[channels]`, summed over all pictures, or
/// `[pictures, channels]`.
pub fn bias_gradient(grad: &[f32], channels: usize, out: &mut [f32]) {
    out.fill(0.0);
    let values_each = grad.len() / (out.len() / channels);
    out.chunks_exact_mut(channels).zip(grad.chunks_exact(values_each)).for_each(|(out, grad)| add_rows(grad, out));
}
