//! Vectors of all trained parameters on burn's devices, and on the host. Tests: in `network_parameters.rs`; that a run goes on
//! from what was read and written, in `tests/it/training.rs`.

use burn::tensor::{Device, Tensor, TensorData};
use diffusion::state::StateDict;
use diffusion::training::Layout;

use crate::error::{Error, Result};

/// The values of a vector.
///
/// # Errors
/// That they cannot be read from the device.
pub fn host(vector: Tensor<1>) -> Result<Vec<f32>> {
    vector.into_data().try_into_vec_as::<f32>().map_err(|error| Error::Device(format!("{error:?}")))
}

/// A vector of these values.
pub fn tensor(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), device)
}

/// The parameters in a vector `[len]`, by their names.
///
/// # Errors
/// That it cannot be read from the device, or has another length.
pub fn to_state(layout: &Layout, vector: &Tensor<1>) -> Result<StateDict> {
    Ok(layout.to_state(&host(vector.clone())?)?)
}

/// The vector `[len]` that [`to_state`] was given.
///
/// # Errors
/// Parameters that are missing, of another shape, or too many.
pub fn to_vector(layout: &Layout, state: &StateDict, device: &Device) -> Result<Tensor<1>> {
    let values = layout.to_vector(state).map_err(|error| Error::Checkpoint { reason: error.to_string() })?;
    Ok(tensor(values, device))
}
