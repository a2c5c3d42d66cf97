//! Where each trained parameter lies in the one vector of all. What an optimizer does to hundreds of tensors, a dozen
//! operations each, is then a dozen operations. On a GPU every operation is a launch, and those took longer than the network.
//!
//! Tests: in `trainer/src/train/network_parameters.rs`; that a run goes on from what was read and written, in
//! `tests/it/training.rs`.

use std::ops::Range;

use crate::error::{Result, TrainingError};
use crate::state::{HostTensor, StateDict};

/// Parameters begin at multiples of so many floats: on GPUs, too, they can be views of the vector.
pub const ALIGNMENT: usize = 64;

/// The layout of the vector. Gaps are zeros.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    slots: Vec<Slot>,
    len: usize,
}

/// One parameter's part of the vector.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Its name in a checkpoint.
    pub path: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values.
    pub range: Range<usize>,
}

impl Layout {
    /// Adds a parameter at the end, and says where it lies.
    pub fn push(&mut self, path: String, shape: Vec<usize>) -> Range<usize> {
        let range = self.len..self.len + shape.iter().product::<usize>();
        self.len = range.end.next_multiple_of(ALIGNMENT);
        self.slots.push(Slot { path, shape, range: range.clone() });
        range
    }

    /// The parameters, in their order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The length of the vector.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is trained.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Checks that a vector has this layout's length.
    ///
    /// # Errors
    /// [`TrainingError::Length`].
    pub fn check(&self, values: &[f32]) -> Result<()> {
        match values.len() == self.len {
            true => Ok(()),
            false => Err(TrainingError::Length { found: values.len(), expected: self.len }.into()),
        }
    }

    /// The parameters in a vector `[len]`, by their names.
    ///
    /// # Errors
    /// [`TrainingError::Length`].
    pub fn to_state(&self, values: &[f32]) -> Result<StateDict> {
        self.check(values)?;
        let mut state = StateDict::new();
        for slot in &self.slots {
            let tensor = HostTensor { shape: slot.shape.clone(), values: values[slot.range.clone()].to_vec() };
            state.insert(slot.path.clone(), tensor);
        }
        Ok(state)
    }

    /// The vector `[len]` that [`to_state`](Self::to_state) was given.
    ///
    /// # Errors
    /// [`TrainingError::Parameter`] for one that is missing, of another shape, or too many.
    pub fn to_vector(&self, state: &StateDict) -> Result<Vec<f32>> {
        let refuse = |tensor: &String| Err(TrainingError::Parameter { tensor: tensor.clone() }.into());
        let mut values = vec![0f32; self.len];
        for slot in &self.slots {
            let target = &mut values[slot.range.clone()];
            match state.get(&slot.path) {
                Some(tensor) if tensor.shape == slot.shape && tensor.values.len() == target.len() => {
                    target.copy_from_slice(&tensor.values);
                }
                _ => return refuse(&slot.path),
            }
        }
        if self.slots.len() < state.len() {
            let known = |name: &&String| self.slots.iter().any(|slot| slot.path == **name);
            if let Some(name) = state.keys().find(|name| !known(name)) {
                return refuse(name);
            }
        }
        Ok(values)
    }
}
