//! OFT, block-diagonal rotations of a layer's inputs or outputs (arXiv 2306.07280; PEFT's `oft_R`, LyCORIS' `oft_blocks`).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{add_scaled, cayley, norm, product, sides, skew};

/// `W Rᵀ` (inputs) or `R W` (outputs), R block-diagonal. Between 0 and 1 of strength: `I + s (R - I)` for R.
#[derive(Debug, Clone, PartialEq)]
pub struct Oft {
    /// The blocks of R, `[blocks, b, b]`; a single one may stand for all.
    pub blocks: HostTensor,
    /// Whether inputs are rotated, as PEFT does; else outputs, as LyCORIS does.
    pub on_inputs: bool,
    /// Factors of the rows afterwards, `[out]`, at every strength (LyCORIS' `rescale`).
    pub rescale: Option<HostTensor>,
    /// The tensor of the file that the blocks come from.
    pub raw: HostTensor,
    /// LyCORIS' constraint, as it stands in the file.
    pub constraint: f32,
}

/// Settings of PEFT's `oft_R`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OftSettings {
    /// Terms of the Neumann series in place of the inverse (`use_cayley_neumann`, `num_cayley_neumann_terms`).
    pub neumann_terms: Option<usize>,
    /// The largest deviation (`coft`, `eps`).
    pub constraint: Option<f32>,
}

impl Oft {
    /// From PEFT's `oft_R` `[blocks, b (b - 1) / 2]`: upper triangles of skew-symmetric matrices Q.
    ///
    /// R is Cayley's `(I - Q) (I + Q)^-1`, or the cut series `I + 2 Q + 2 Q² + … + Q^n`, which turns the other way.
    pub fn of_peft(upper: &HostTensor, settings: OftSettings) -> Option<Self> {
        let [count, elements] = upper.shape[..] else { return None };
        let side = (2..).find(|side| side * (side - 1) / 2 >= elements).filter(|b| b * (b - 1) / 2 == elements)?;
        let mut blocks = Vec::with_capacity(count * side * side);
        for upper in upper.values.chunks_exact(elements) {
            let mut q = skew(upper, side);
            if let Some(most) = settings.constraint {
                let most = most / (count as f32).sqrt();
                let length = norm(&q);
                if length > most {
                    q.iter_mut().for_each(|value| *value *= most / length);
                }
            }
            blocks.extend(match settings.neumann_terms {
                Some(terms) => neumann(&q, side, terms),
                None => cayley(&q, side),
            });
        }
        let blocks = HostTensor { shape: vec![count, side, side], values: blocks };
        Some(Self { blocks, on_inputs: true, rescale: None, raw: upper.clone(), constraint: 0.0 })
    }

    /// From LyCORIS' `oft_blocks` `[blocks, b, b]`, skew-symmetric after subtraction of the transposed, whose norm over all
    /// blocks is kept below `constraint · outputs`, where that is above 0.
    pub fn of_lycoris(raw: &HostTensor, constraint: f32, rescale: Option<HostTensor>) -> Option<Self> {
        let [count, side, columns] = raw.shape[..] else { return None };
        if side != columns || side == 0 {
            return None;
        }
        let blocks = rotations_of_lycoris(&raw.values, side, constraint * (count * side) as f32);
        let blocks = HostTensor { shape: vec![count, side, side], values: blocks };
        Some(Self { blocks, on_inputs: false, rescale, raw: raw.clone(), constraint })
    }

    /// The side of a block.
    pub fn block_size(&self) -> usize {
        self.blocks.shape[1]
    }

    /// Rotates the weight.
    pub(super) fn apply(&self, weight: &mut HostTensor, strength: f32) {
        let (rows, columns) = sides(weight);
        let size = self.block_size();
        if self.on_inputs {
            for row in weight.values.chunks_exact_mut(columns) {
                self.rotate(row, 1, size, strength);
            }
        } else {
            self.rotate(&mut weight.values, columns, size, strength);
        }
        if let Some(rescale) = self.rescale.as_ref().filter(|rescale| rescale.values.len() == rows) {
            rescale_rows(&mut weight.values, &rescale.values);
        }
    }

    /// Rotates entries of `width` values each.
    fn rotate(&self, values: &mut [f32], width: usize, size: usize, strength: f32) {
        let mut blocks = self.blocks.values.chunks_exact(size * size).cycle();
        for part in values.chunks_exact_mut(size * width) {
            let Some(block) = blocks.next() else { return };
            rotate_block(part, block, size, width, strength);
        }
    }
}

/// `part [size, width] = (I + s (R - I)) part`.
pub(super) fn rotate_block(part: &mut [f32], block: &[f32], size: usize, width: usize, strength: f32) {
    let old = part.to_vec();
    for (row, out) in part.chunks_exact_mut(width).enumerate() {
        out.iter_mut().for_each(|value| *value *= 1.0 - strength);
        for (r, old) in block[row * size..(row + 1) * size].iter().zip(old.chunks_exact(width)) {
            add_scaled(out, strength * r, old);
        }
    }
}

/// Multiplies each row with its factor.
pub(super) fn rescale_rows(weight: &mut [f32], factors: &[f32]) {
    let columns = weight.len() / factors.len().max(1);
    for (row, factor) in weight.chunks_exact_mut(columns.max(1)).zip(factors) {
        row.iter_mut().for_each(|value| *value *= factor);
    }
}

/// LyCORIS' R, transposed so that it stands on the left: `((I + Q) (I - Q)^-1)ᵀ = (I - Q) (I + Q)^-1`.
pub(super) fn rotations_of_lycoris(raw: &[f32], side: usize, constraint: f32) -> Vec<f32> {
    let mut skew: Vec<f32> = Vec::with_capacity(raw.len());
    for block in raw.chunks_exact(side * side) {
        skew.extend((0..side * side).map(|i| block[i] - block[i % side * side + i / side]));
    }
    let length = norm(&skew) + 1e-8;
    if constraint > 0.0 && length > constraint {
        skew.iter_mut().for_each(|value| *value *= constraint / length);
    }
    skew.chunks_exact(side * side).flat_map(|q| cayley(q, side)).collect()
}

/// `I + 2 Q + 2 Q² + … + 2 Q^(n-2) + Q^(n-1)` for n terms, as PEFT cuts it: three are as four.
fn neumann(q: &[f32], side: usize, terms: usize) -> Vec<f32> {
    let mut sum: Vec<f32> = (0..side * side).map(|i| f32::from(u8::from(i / side == i % side))).collect();
    if terms > 1 {
        add_scaled(&mut sum, 2.0, q);
    }
    if terms > 2 {
        let mut power = product(q, q, side);
        add_scaled(&mut sum, 2.0, &power);
        for _ in 3..terms.saturating_sub(1) {
            power = product(&power, q, side);
            add_scaled(&mut sum, 2.0, &power);
        }
        power = product(&power, q, side);
        add_scaled(&mut sum, 1.0, &power);
    }
    sum
}
