//! Between latents, whose channels are planes, and feature maps, whose channels come last.
//!
//! Tests: `tests/it/unet.rs` and `tests/it/gradients.rs`.

/// Swaps the two axes of each matrix `[rows, columns]`.
pub fn transpose(values: &[f32], [rows, columns]: [usize; 2], out: &mut [f32]) {
    for (matrix, out) in values.chunks_exact(rows * columns).zip(out.chunks_exact_mut(rows * columns)) {
        for (column, out) in out.chunks_exact_mut(rows).enumerate() {
            out.iter_mut().enumerate().for_each(|(row, x)| *x = matrix[row * columns + column]);
        }
    }
}
