//! The weights that had the least validation loss. Tests: of what fills it, in `tests/it/training.rs`.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// What validation has found so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Validated {
    /// Step of the last measurement; 0 before the first.
    pub step: usize,
    /// Measurements since the least loss.
    pub stale: usize,
    /// Step of the least loss; 0 before the first measurement.
    pub best_step: usize,
    /// The least loss.
    pub best_loss: f32,
}

/// The weights of the least validation loss: the EMA of their step.
pub(super) struct Best {
    /// In the layout of the parameter vector.
    pub ema: Tensor<1>,
}
