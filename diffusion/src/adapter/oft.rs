//! OFT, block-diagonal rotations of a layer's inputs or outputs (arXiv 2306.07280; PEFT's `oft_R`, LyCORIS' `oft_blocks`).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{add_scaled, cayley, sides, skew};
use super::rotation::{self, block_gradient, of_upper, rescale_gradient, series};

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
    /// PEFT's settings.
    pub settings: OftSettings,
}

/// Settings of PEFT's `oft_R`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
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
            rotation::shorten(&mut q, settings.most(count));
            blocks.extend(match settings.neumann_terms {
                Some(terms) => series(&q, side, &neumann(terms)),
                None => cayley(&q, side),
            });
        }
        let blocks = HostTensor { shape: vec![count, side, side], values: blocks };
        Some(Self { blocks, on_inputs: true, rescale: None, raw: upper.clone(), constraint: 0.0, settings })
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
        Some(Self { blocks, on_inputs: false, rescale, raw: raw.clone(), constraint, settings: OftSettings::default() })
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

    /// The blocks anew, after the tensor that they come from was changed.
    pub(super) fn refresh(&mut self) {
        let renewed = match self.on_inputs {
            true => Self::of_peft(&self.raw, self.settings),
            false => Self::of_lycoris(&self.raw, self.constraint, self.rescale.clone()),
        };
        // The shapes are the same, so there is one.
        *self = renewed.unwrap_or_else(|| self.clone());
    }

    /// Gradients of the tensor that the blocks come from, and of `rescale`, from that of the weight, which began as `weight`.
    pub(super) fn gradients(&self, weight: &HostTensor, grad: &[f32]) -> Vec<Vec<f32>> {
        let (rows, columns) = sides(weight);
        let (size, mut grad) = (self.block_size(), grad.to_vec());
        let width = if self.on_inputs { 1 } else { columns };
        let rescale = self.rescale.as_ref().filter(|rescale| rescale.values.len() == rows);
        let of_rescale = rescale.map(|rescale| {
            let rotated = Self { rescale: None, ..self.clone() };
            let mut before = weight.clone();
            rotated.apply(&mut before, 1.0);
            rescale_gradient(&before.values, &rescale.values, &mut grad)
        });
        let mut of_blocks = vec![0.0; self.blocks.values.len()];
        let line = if self.on_inputs { columns } else { grad.len() };
        for (old, grad) in weight.values.chunks_exact(line).zip(grad.chunks_exact(line)) {
            let parts = old.chunks_exact(size * width).zip(grad.chunks_exact(size * width));
            for (i, (old, grad)) in parts.enumerate() {
                let at = i * size * size % of_blocks.len();
                block_gradient(old, grad, width, &mut of_blocks[at..at + size * size]);
            }
        }
        let of_raw = match self.on_inputs {
            true => self.through_upper(&of_blocks),
            false => {
                let most = self.constraint * (self.blocks.shape[0] * size) as f32;
                rotation::of_lycoris(&self.raw.values, &self.blocks.values, size, most, &of_blocks)
            }
        };
        [of_raw].into_iter().chain(of_rescale).collect()
    }

    /// The gradient of PEFT's triangles, from that of the blocks.
    fn through_upper(&self, of_blocks: &[f32]) -> Vec<f32> {
        let (count, side) = (self.blocks.shape[0], self.block_size());
        let elements = side * (side - 1) / 2;
        let blocks = self.blocks.values.chunks_exact(side * side).zip(of_blocks.chunks_exact(side * side));
        let upper = self.raw.values.chunks_exact(elements);
        upper
            .zip(blocks)
            .flat_map(|(upper, (block, grad))| {
                let long = skew(upper, side);
                let mut q = long.clone();
                rotation::shorten(&mut q, self.settings.most(count));
                let mut of_q = match self.settings.neumann_terms {
                    Some(terms) => rotation::of_series(&q, side, &neumann(terms), grad),
                    None => rotation::of_cayley(block, side, grad),
                };
                rotation::of_shorten(&long, self.settings.most(count), &mut of_q);
                of_upper(&of_q, side)
            })
            .collect()
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

impl OftSettings {
    /// The norm that a block's Q may have, of so many blocks.
    fn most(&self, count: usize) -> Option<f32> {
        self.constraint.map(|most| most / (count as f32).sqrt())
    }
}

/// LyCORIS' R, transposed so that it stands on the left: `((I + Q) (I - Q)^-1)ᵀ = (I - Q) (I + Q)^-1`.
pub(super) fn rotations_of_lycoris(raw: &[f32], side: usize, constraint: f32) -> Vec<f32> {
    let skew = rotation::skew_of_lycoris(raw, side, constraint);
    skew.chunks_exact(side * side).flat_map(|q| cayley(q, side)).collect()
}

/// The factors of `I + 2 Q + 2 Q² + … + 2 Q^(n-2) + Q^(n-1)` for n terms, as PEFT cuts it: three are as four.
fn neumann(terms: usize) -> Vec<f32> {
    match terms {
        0 | 1 => vec![1.0],
        2 => vec![1.0, 2.0],
        _ => {
            let mut factors = vec![2.0; terms.max(4)];
            (factors[0], factors[terms.max(4) - 1]) = (1.0, 1.0);
            factors
        }
    }
}
