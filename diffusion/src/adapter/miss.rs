//! MiSS, one small block for every run of a layer's inputs (arXiv 2409.15371; first called Bone).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{add_scaled, sides};

/// What is added to each run of r inputs, the last of which may be short.
#[derive(Debug, Clone, PartialEq)]
pub enum Miss {
    /// The same for each run: `W[o, k r + j] + s · block[j, o]`, block `[r, out]`.
    Shared(HostTensor),
    /// `P + s · (P block_a + block_a)` for each part P of r outputs (run a) and r inputs, `[out / r, r, r]` (`bat`).
    Multiplied(HostTensor),
}

impl Miss {
    /// r.
    pub fn rank(&self) -> usize {
        match self {
            Self::Shared(block) => block.shape[0],
            Self::Multiplied(blocks) => blocks.shape[1],
        }
    }

    /// Its tensor.
    pub fn tensor(&self) -> &HostTensor {
        let (Self::Shared(block) | Self::Multiplied(block)) = self;
        block
    }

    /// The tensor, to be changed.
    pub(super) fn tensor_mut(&mut self) -> &mut HostTensor {
        let (Self::Shared(block) | Self::Multiplied(block)) = self;
        block
    }

    /// The tensor's gradient, from that of the weight, which began as `weight`.
    pub(super) fn gradient(&self, weight: &HostTensor, grad: &[f32]) -> Vec<f32> {
        let ((rows, columns), r) = (sides(weight), self.rank());
        let mut out = vec![0.0; self.tensor().values.len()];
        match self {
            Self::Shared(_) => {
                for (i, grad) in grad.iter().enumerate() {
                    out[i % columns % r * rows + i / columns] += grad;
                }
            }
            Self::Multiplied(_) => {
                for (i, grad) in grad.chunks_exact(r).enumerate() {
                    let (row, run) = (i / (columns / r), i % (columns / r));
                    let block = &mut out[row / r * r * r..][..r * r];
                    let part = &weight.values[row * columns + run * r..][..r];
                    add_scaled(&mut block[row % r * r..][..r], 1.0, grad);
                    part.iter().zip(block.chunks_exact_mut(r)).for_each(|(w, block)| add_scaled(block, *w, grad));
                }
            }
        }
        out
    }

    /// The change of a pristine weight at strength 1, flat.
    pub(super) fn difference(&self, weight: &HostTensor) -> Vec<f32> {
        let ((rows, columns), r) = (sides(weight), self.rank());
        let mut change = vec![0.0; rows * columns];
        match self {
            Self::Shared(block) => {
                for (i, change) in change.iter_mut().enumerate() {
                    *change = block.values[i % columns % r * rows + i / columns];
                }
            }
            Self::Multiplied(blocks) => {
                for (i, change) in change.chunks_exact_mut(r).enumerate() {
                    let (row, run) = (i / (columns / r), i % (columns / r));
                    let block = &blocks.values[row / r * r * r..][..r * r];
                    let part = &weight.values[row * columns + run * r..][..r];
                    add_scaled(change, 1.0, &block[row % r * r..][..r]);
                    part.iter().zip(block.chunks_exact(r)).for_each(|(w, block)| add_scaled(change, *w, block));
                }
            }
        }
        change
    }
}
