//! Whole differences, as LyCORIS and tools that extract adapters write them (`diff`, `diff_b`), and whole layers, as PEFT
//! writes those of `modules_to_save`.
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::add_scaled;

/// What becomes of a weight or a bias.
#[derive(Debug, Clone, PartialEq)]
pub enum Full {
    /// `W + s · D`.
    Difference(HostTensor),
    /// V in place of W, at every strength but 0, as PEFT has it.
    Replacement(HostTensor),
}

impl Full {
    /// The tensor.
    pub fn tensor(&self) -> &HostTensor {
        let (Self::Difference(tensor) | Self::Replacement(tensor)) = self;
        tensor
    }

    /// The tensor, to be changed.
    pub(super) fn tensor_mut(&mut self) -> &mut HostTensor {
        let (Self::Difference(tensor) | Self::Replacement(tensor)) = self;
        tensor
    }

    /// Adds to what began as the pristine values.
    pub(super) fn add_to(&self, to: &mut [f32], pristine: &[f32], strength: f32) {
        match self {
            Self::Difference(tensor) => add_scaled(to, strength, &tensor.values),
            // What others have added stays added.
            Self::Replacement(tensor) => {
                for ((to, pristine), value) in to.iter_mut().zip(pristine).zip(&tensor.values) {
                    *to = value + (*to - pristine);
                }
            }
        }
    }
}
