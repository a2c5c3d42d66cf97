//! Whole differences, as LyCORIS and tools that extract adapters write them (`diff`, `diff_b`), and whole layers, as PEFT
//! writes those of `modules_to_save`.
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

/// What becomes of a weight or a bias.
#[derive(Debug, Clone, PartialEq)]
pub enum Full {
    /// `W + s · D`.
    Difference(HostTensor),
    /// `W + s · (V - W)`: V at strength 1.
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

    /// `to += s · …` of a pristine weight.
    pub(super) fn add_to(&self, to: &mut [f32], pristine: &[f32], strength: f32) {
        let (values, replaces) = (&self.tensor().values, matches!(self, Self::Replacement(_)));
        for ((to, pristine), value) in to.iter_mut().zip(pristine).zip(values) {
            let difference = if replaces { value - pristine } else { *value };
            // Not by way of a difference that rounds: at strength 1 the file's own values.
            *to = if replaces && strength == 1.0 && *to == *pristine { *value } else { *to + strength * difference };
        }
    }
}
