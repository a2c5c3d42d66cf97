//! Where each trained parameter lies in the one vector of all. What an optimizer does to hundreds of tensors, a dozen
//! operations each, is then a dozen operations. On a GPU every operation is a launch, and those took longer than the
//! network. Tests: in `network_parameters.rs`; that a run goes on from what was read and written, in `tests/it/training.rs`.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use diffusion::state::{HostTensor, StateDict};

use crate::error::{Error, Result};

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

    /// A vector of zeros, `[len]`.
    pub fn zeros(&self, device: &Device) -> Tensor<1> {
        Tensor::zeros([self.len], device)
    }

    /// The values of a vector `[len]`.
    ///
    /// # Errors
    /// That it cannot be read from the device, or has another length.
    pub fn values(&self, vector: &Tensor<1>) -> Result<Vec<f32>> {
        let values = host(vector.clone())?;
        if values.len() != self.len {
            return Err(Error::Device(format!("{} parameters of {} came back", values.len(), self.len)));
        }
        Ok(values)
    }

    /// The parameters in a vector `[len]`, by their names.
    ///
    /// # Errors
    /// That it cannot be read from the device, or has another length.
    pub fn to_state(&self, vector: &Tensor<1>) -> Result<StateDict> {
        let values = self.values(vector)?;
        let tensor =
            |slot: &Slot| HostTensor { shape: slot.shape.clone(), values: values[slot.range.clone()].to_vec() };
        Ok(self.slots.iter().map(|slot| (slot.path.clone(), tensor(slot))).collect())
    }

    /// The vector `[len]` that [`to_state`](Self::to_state) was given.
    ///
    /// # Errors
    /// Parameters that are missing, of another shape, or too many.
    pub fn to_vector(&self, state: &StateDict, device: &Device) -> Result<Tensor<1>> {
        let refuse = |reason| Err(Error::Checkpoint { reason });
        let mut values = vec![0f32; self.len];
        for slot in &self.slots {
            let target = &mut values[slot.range.clone()];
            match state.get(&slot.path) {
                Some(tensor) if tensor.shape == slot.shape && tensor.values.len() == target.len() => {
                    target.copy_from_slice(&tensor.values);
                }
                _ => {
                    return refuse(format!(
                        "it does not fit this model: {} is missing or has another shape",
                        slot.path
                    ));
                }
            }
        }
        if self.slots.len() < state.len() {
            return refuse(format!("it has {} tensors, but {} are trained here", state.len(), self.slots.len()));
        }
        Ok(Tensor::from_data(TensorData::new(values, [self.len]), device))
    }
}

/// The values of a vector.
///
/// # Errors
/// That they cannot be read from the device.
pub fn host(vector: Tensor<1>) -> Result<Vec<f32>> {
    vector.into_data().try_into_vec_as::<f32>().map_err(|error| Error::Device(format!("{error:?}")))
}
