//! BOFT, rotations in butterfly form (arXiv 2311.06243, section 4; PEFT's `boft_R` and `boft_s`, LyCORIS' `oft_blocks` of
//! four dimensions).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{cayley, sides};
use super::oft::{rescale_rows, rotate_block, rotations_of_lycoris};

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
        let [factors, blocks, size] = [0, 1, 2].map(|i| self.blocks.shape[i]);
        let count = blocks * size;
        for (level, rotations) in self.blocks.values.chunks_exact(blocks * size * size).enumerate() {
            let order = if self.on_inputs {
                order_of_peft(count, blocks, size, level, factors)
            } else {
                order_of_lycoris(count, size, level)
            };
            let rotations = rotations.chunks_exact(size * size);
            if self.on_inputs {
                for row in weight.values.chunks_exact_mut(columns) {
                    rotate(row, 1, &order, rotations.clone(), size, strength);
                }
            } else {
                rotate(&mut weight.values, columns, &order, rotations, size, strength);
            }
        }
        if let Some(scale) = &self.scale {
            rescale_rows(&mut weight.values, &scale.values);
        }
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
