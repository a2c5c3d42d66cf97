//! What the kinds that rotate share: skew-symmetric matrices kept short, and gradients back to them.
//!
//! Tests: `tests/it/adapter_gradients.rs`.

use super::matrix::{add_scaled, dot, norm, product, product_transposed_left, transposed};

/// Scales to this norm where it is longer.
pub(super) fn shorten(q: &mut [f32], most: Option<f32>) {
    let length = norm(&*q);
    if let Some(most) = most.filter(|most| length > *most) {
        q.iter_mut().for_each(|value| *value *= most / length);
    }
}

/// The gradient before [`shorten`] of `long`, from that after it.
pub(super) fn of_shorten(long: &[f32], most: Option<f32>, grad: &mut [f32]) {
    let length = norm(long);
    if let Some(most) = most.filter(|most| length > *most) {
        let along = dot(grad, long) / (length * length);
        add_scaled(grad, -along, long);
        grad.iter_mut().for_each(|value| *value *= most / length);
    }
}

/// `Σ factors[i] Qⁱ`.
pub(super) fn series(q: &[f32], side: usize, factors: &[f32]) -> Vec<f32> {
    // Horner's scheme.
    let mut sum = vec![0.0; side * side];
    for factor in factors.iter().rev() {
        sum = product(&sum, q, side);
        (0..side).for_each(|i| sum[i * side + i] += factor);
    }
    sum
}

/// The gradient of Q, from that of [`series`].
pub(super) fn of_series(q: &[f32], side: usize, factors: &[f32], grad: &[f32]) -> Vec<f32> {
    // S_i = S_(i+1) Q + f_i I, from the last to S_0: backwards, S_(i+1) gets grad Qᵀ, and Q gets S_(i+1)ᵀ grad.
    let mut sums = vec![vec![0.0; side * side]];
    for factor in factors.iter().skip(1).rev() {
        let mut sum = product(&sums[sums.len() - 1], q, side);
        (0..side).for_each(|i| sum[i * side + i] += factor);
        sums.push(sum);
    }
    let turned = transposed(q, side);
    let (mut grad, mut out) = (grad.to_vec(), vec![0.0; side * side]);
    for sum in sums.iter().rev() {
        add_scaled(&mut out, 1.0, &product_transposed_left(sum, &grad, side));
        grad = product(&grad, &turned, side);
    }
    out
}

/// The gradient of Q, from that of its Cayley transform R: `-2 Mᵀ grad Mᵀ` with `M = (I + Q)^-1 = (R + I) / 2`.
pub(super) fn of_cayley(r: &[f32], side: usize, grad: &[f32]) -> Vec<f32> {
    let mut m: Vec<f32> = r.iter().map(|value| 0.5 * value).collect();
    (0..side).for_each(|i| m[i * side + i] += 0.5);
    let m = transposed(&m, side);
    let mut out = product(&product(&m, grad, side), &m, side);
    out.iter_mut().for_each(|value| *value *= -2.0);
    out
}

/// The gradient of the upper triangle, row by row, from that of the skew-symmetric matrix that it stands for.
pub(super) fn of_upper(grad: &[f32], side: usize) -> Vec<f32> {
    let places = (0..side).flat_map(|row| (row + 1..side).map(move |column| (row, column)));
    places.map(|(row, column)| grad[row * side + column] - grad[column * side + row]).collect()
}

/// `B - Bᵀ` of each block, kept below a norm of all together, where it is above 0.
pub(super) fn skew_of_lycoris(raw: &[f32], side: usize, most: f32) -> Vec<f32> {
    let mut skew = less_transposed(raw, side);
    let length = norm(&skew) + 1e-8;
    if most > 0.0 && length > most {
        skew.iter_mut().for_each(|value| *value *= most / length);
    }
    skew
}

/// The gradient of LyCORIS' blocks, from that of the rotations `r` that stand on the left.
pub(super) fn of_lycoris(raw: &[f32], r: &[f32], side: usize, most: f32, grad: &[f32]) -> Vec<f32> {
    let blocks = r.chunks_exact(side * side).zip(grad.chunks_exact(side * side));
    let mut of_q: Vec<f32> = blocks.flat_map(|(r, grad)| of_cayley(r, side, grad)).collect();
    of_shorten(&less_transposed(raw, side), (most > 0.0).then_some(most), &mut of_q);
    less_transposed(&of_q, side)
}

/// `B - Bᵀ` of each block.
pub(super) fn less_transposed(blocks: &[f32], side: usize) -> Vec<f32> {
    let other = |block: &[f32], i: usize| block[i % side * side + i / side];
    blocks
        .chunks_exact(side * side)
        .flat_map(|block| (0..side * side).map(move |i| block[i] - other(block, i)))
        .collect()
}

/// Adds the gradient of a block R, from that of `R · old`, both `[size, width]`.
pub(super) fn block_gradient(old: &[f32], grad: &[f32], width: usize, to: &mut [f32]) {
    let size = old.len() / width.max(1);
    for (grad, to) in grad.chunks_exact(width).zip(to.chunks_exact_mut(size)) {
        for (to, old) in to.iter_mut().zip(old.chunks_exact(width)) {
            *to += dot(grad, old);
        }
    }
}

/// The gradient of the rows' factors, from that of the scaled rows; that of the rows before is left in `grad`.
pub(super) fn rescale_gradient(before: &[f32], factors: &[f32], grad: &mut [f32]) -> Vec<f32> {
    let columns = (before.len() / factors.len().max(1)).max(1);
    let rows = before.chunks_exact(columns).zip(grad.chunks_exact_mut(columns));
    rows.zip(factors)
        .map(|((before, grad), factor)| {
            let along = dot(before, grad);
            grad.iter_mut().for_each(|value| *value *= factor);
            along
        })
        .collect()
}
