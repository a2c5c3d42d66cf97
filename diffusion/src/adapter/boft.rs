//! BOFT, rotations in butterfly form (arXiv 2311.06243, section 4; PEFT's `boft_R` and `boft_s`, LyCORIS' `oft_blocks` of
//! four dimensions).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{cayley, sides, transposed};
use super::oft::{rescale_rows, rotate_block, rotations_of_lycoris};
use super::rotation::{self, block_gradient, rescale_gradient};

/// `diag(scale) W (B_m … B_1)ᵀ` (inputs) or `diag(scale) (B_m … B_1) W` (outputs), each B_i block-diagonal between a
/// permutation and its inverse. Between 0 and 1 of strength: `I + s (R - I)` for each block.
#[derive(Debug, Clone, PartialEq)]
pub struct Boft {
    /// The blocks of each factor, `[m, blocks, b, b]`.
    pub blocks: HostTensor,
    /// Whether inputs are rotated, as PEFT does; else outputs, as LyCORIS does.
    pub on_inputs: bool,
    /// Factors of the rows, `[out]`.
    pub scale: Option<HostTensor>,
    /// The tensor of the file that the blocks come from.
    pub raw: HostTensor,
    /// LyCORIS' constraint, as it stands in the file.
    pub constraint: f32,
}

impl Boft {
    /// From PEFT's `boft_R` `[m, blocks, b, b]` and `boft_s` (one number per output).
    pub fn of_peft(raw: &HostTensor, scale: HostTensor) -> Option<Self> {
        let side = square_of_four(raw)?;
        let skew = |block: &[f32]| -> Vec<f32> {
            (0..side * side).map(|i| 0.5 * (block[i] - block[i % side * side + i / side])).collect()
        };
        let values = raw.values.chunks_exact(side * side).flat_map(|block| cayley(&skew(block), side)).collect();
        let blocks = HostTensor { shape: raw.shape.clone(), values };
        Some(Self { blocks, on_inputs: true, scale: Some(scale), raw: raw.clone(), constraint: 0.0 })
    }

    /// From LyCORIS' `oft_blocks` `[m, blocks, b, b]`.
    pub fn of_lycoris(raw: &HostTensor, constraint: f32, rescale: Option<HostTensor>) -> Option<Self> {
        let side = square_of_four(raw)?;
        let most = constraint * (raw.shape[1] * side) as f32;
        let blocks = HostTensor { shape: raw.shape.clone(), values: rotations_of_lycoris(&raw.values, side, most) };
        let mut boft = Self { blocks, on_inputs: false, scale: rescale, raw: raw.clone(), constraint };
        // Here R stands on the left as it is, not transposed.
        for block in boft.blocks.values.chunks_exact_mut(side * side) {
            let old = block.to_vec();
            block.iter_mut().enumerate().for_each(|(i, value)| *value = old[i % side * side + i / side]);
        }
        Some(boft)
    }

    /// The side of a block.
    pub fn block_size(&self) -> usize {
        self.blocks.shape[2]
    }

    /// Whether the blocks fit so many inputs or outputs.
    pub fn fits(&self, count: usize) -> bool {
        let [factors, blocks, size] = [0, 1, 2].map(|i| self.blocks.shape[i]);
        let halves = if self.on_inputs {
            factors == 1 || (size % 2 == 0 && blocks % (1 << (factors - 1)) == 0)
        } else {
            size % 2 == 0 && count.is_multiple_of(size << (factors - 1))
        };
        blocks * size == count && halves
    }

    /// Rotates and scales the weight.
    pub(super) fn apply(&self, weight: &mut HostTensor, strength: f32) {
        let (_, columns) = sides(weight);
        for level in 0..self.blocks.shape[0] {
            self.rotate_by(level, &mut weight.values, columns, strength);
        }
        if let Some(scale) = &self.scale {
            rescale_rows(&mut weight.values, &scale.values);
        }
    }

    /// Rotates by one of the factors.
    fn rotate_by(&self, level: usize, weight: &mut [f32], columns: usize, strength: f32) {
        let (order, rotations, size) = (self.order(level), self.rotations(level), self.block_size());
        let (line, width) = if self.on_inputs { (columns, 1) } else { (weight.len(), columns) };
        for line in weight.chunks_exact_mut(line) {
            rotate(line, width, &order, rotations.chunks_exact(size * size), size, strength);
        }
    }

    /// Where the entries of a factor's blocks come from.
    fn order(&self, level: usize) -> Vec<usize> {
        let [factors, blocks, size] = [0, 1, 2].map(|i| self.blocks.shape[i]);
        match self.on_inputs {
            true => order_of_peft(blocks * size, blocks, size, level, factors),
            false => order_of_lycoris(blocks * size, size, level),
        }
    }

    /// A factor's blocks.
    fn rotations(&self, level: usize) -> &[f32] {
        let len = self.blocks.shape[1..].iter().product::<usize>();
        &self.blocks.values[level * len..(level + 1) * len]
    }

    /// The blocks anew, after the tensor that they come from was changed.
    pub(super) fn refresh(&mut self) {
        let renewed = match (self.on_inputs, self.scale.clone()) {
            (true, Some(scale)) => Self::of_peft(&self.raw, scale),
            (_, scale) => Self::of_lycoris(&self.raw, self.constraint, scale),
        };
        // The shapes are the same, so there is one.
        *self = renewed.unwrap_or_else(|| self.clone());
    }

    /// Gradients of the tensor that the blocks come from, and of the scale, from that of the weight, which began as `weight`.
    pub(super) fn gradients(&self, weight: &HostTensor, grad: &[f32]) -> Vec<Vec<f32>> {
        let ((_, columns), size, mut grad) = (sides(weight), self.block_size(), grad.to_vec());
        // What each factor rotates.
        let mut before = vec![weight.values.clone()];
        for level in 0..self.blocks.shape[0] {
            let mut next = before[level].clone();
            self.rotate_by(level, &mut next, columns, 1.0);
            before.push(next);
        }
        let rotated = before.pop().unwrap_or_default();
        let of_scale = self.scale.as_ref().map(|scale| rescale_gradient(&rotated, &scale.values, &mut grad));
        let (line, width) = if self.on_inputs { (columns, 1) } else { (grad.len(), columns) };
        let mut of_blocks: Vec<Vec<f32>> = Vec::new();
        for (level, before) in before.iter().enumerate().rev() {
            let (order, rotations) = (self.order(level), self.rotations(level));
            let backwards: Vec<f32> =
                rotations.chunks_exact(size * size).flat_map(|block| transposed(block, size)).collect();
            let mut of_level = vec![0.0; rotations.len()];
            for (old, grad) in before.chunks_exact(line).zip(grad.chunks_exact_mut(line)) {
                let sort = |values: &[f32]| -> Vec<f32> {
                    order.iter().flat_map(|place| &values[place * width..(place + 1) * width]).copied().collect()
                };
                let (sorted, sorted_grad) = (sort(old), sort(grad));
                let parts = sorted.chunks_exact(size * width).zip(sorted_grad.chunks_exact(size * width));
                for ((old, grad), to) in parts.zip(of_level.chunks_exact_mut(size * size)) {
                    block_gradient(old, grad, width, to);
                }
                rotate(grad, width, &order, backwards.chunks_exact(size * size), size, 1.0);
            }
            of_blocks.push(of_level);
        }
        let of_blocks: Vec<f32> = of_blocks.into_iter().rev().flatten().collect();
        [self.through_blocks(&of_blocks)].into_iter().chain(of_scale).collect()
    }

    /// The gradient of the tensor that the blocks come from.
    fn through_blocks(&self, of_blocks: &[f32]) -> Vec<f32> {
        let side = self.block_size();
        let turn = |blocks: &[f32]| -> Vec<f32> {
            blocks.chunks_exact(side * side).flat_map(|block| transposed(block, side)).collect()
        };
        if !self.on_inputs {
            let most = self.constraint * (self.blocks.shape[1] * side) as f32;
            // Here R stands on the left as it is.
            return rotation::of_lycoris(&self.raw.values, &turn(&self.blocks.values), side, most, &turn(of_blocks));
        }
        let blocks = self.blocks.values.chunks_exact(side * side).zip(of_blocks.chunks_exact(side * side));
        let of_q: Vec<f32> = blocks.flat_map(|(r, grad)| rotation::of_cayley(r, side, grad)).collect();
        rotation::less_transposed(&of_q, side).iter().map(|value| 0.5 * value).collect()
    }
}

/// Entries of `width` values, in this order, by blocks, and back in their places.
fn rotate<'a>(
    values: &mut [f32],
    width: usize,
    order: &[usize],
    blocks: impl Iterator<Item = &'a [f32]>,
    size: usize,
    strength: f32,
) {
    let mut sorted: Vec<f32> =
        order.iter().flat_map(|place| &values[place * width..(place + 1) * width]).copied().collect();
    for (part, block) in sorted.chunks_exact_mut(size * width).zip(blocks) {
        rotate_block(part, block, size, width, strength);
    }
    for (place, entry) in order.iter().zip(sorted.chunks_exact(width)) {
        values[place * width..(place + 1) * width].copy_from_slice(entry);
    }
}

/// Where the inputs of a level come from in PEFT: within groups, even runs of half a block first, then the odd ones.
fn order_of_peft(count: usize, blocks: usize, size: usize, level: usize, factors: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    if factors == 1 {
        return places;
    }
    let (group, half) = (count / (blocks >> level), size / 2);
    for group in places.chunks_exact_mut(group) {
        let runs: Vec<usize> = group.to_vec();
        let sorted = runs.chunks_exact(half).step_by(2).chain(runs.chunks_exact(half).skip(1).step_by(2));
        group.iter_mut().zip(sorted.flatten()).for_each(|(to, from)| *to = *from);
    }
    // PEFT's permutation takes from these places on the way back; the way there is its inverse.
    let mut order = vec![0; count];
    places.iter().enumerate().for_each(|(i, place)| order[*place] = i);
    order
}

/// The same in LyCORIS: pairs that are `2^level · b / 2` apart come together.
fn order_of_lycoris(count: usize, size: usize, level: usize) -> Vec<usize> {
    let distance = (1 << level) * size / 2;
    let groups = count / (2 * distance);
    (0..groups)
        .flat_map(|group| (0..distance).flat_map(move |k| [0, 1].map(|g| group * 2 * distance + g * distance + k)))
        .collect()
}

fn square_of_four(raw: &HostTensor) -> Option<usize> {
    match raw.shape[..] {
        // Each factor joins twice as many blocks as the one before: more than these, and nothing has so many.
        [1..=16, blocks, side, columns] if side == columns && blocks > 0 && side > 0 => Some(side),
        _ => None,
    }
}
