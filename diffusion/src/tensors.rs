//! safetensors bytes <-> host tensors.
//!
//! Tests: `tests/it/base_files.rs`, `tests/it/hostile.rs`.

use std::collections::{BTreeMap, HashMap};

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::error::{Error, Result, TensorsError, WriteError};
use crate::state::{HostTensor, StateDict};

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// 16-bit floats; the model computes in f32 after loading.
    F16,
}

/// The free-text part of a safetensors header.
pub type Metadata = BTreeMap<String, String>;

/// Reads all tensors as f32, and the metadata.
pub fn read_tensors(bytes: &[u8]) -> Result<(StateDict, Metadata)> {
    let unreadable = |source: safetensors::SafeTensorError| Error::SafeTensors(source.into());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
    let mut state = StateDict::new();
    for (name, view) in file.iter() {
        let values = values(&view).ok_or_else(|| {
            Error::SafeTensors(TensorsError::DataType { tensor: name.to_owned(), found: view.dtype() })
        })?;
        state.insert(name.to_owned(), HostTensor { shape: view.shape().to_vec(), values });
    }
    Ok((state, metadata))
}

/// Weights are numbers: attention would make something finite even of others.
pub(crate) fn must_be_numbers<'a>(tensors: impl IntoIterator<Item = (&'a String, &'a HostTensor)>) -> Result<()> {
    let mut tensors = tensors.into_iter();
    match tensors.find(|(_, tensor)| tensor.values.iter().any(|value| !value.is_finite())) {
        Some((name, _)) => Err(Error::NoNumbers { tensor: name.clone() }),
        None => Ok(()),
    }
}

fn values(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let data = view.data();
    let pairs = || data.chunks_exact(2).map(|b| [b[0], b[1]]);
    Some(match view.dtype() {
        Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        Dtype::F16 => pairs().map(|b| f16::from_le_bytes(b).to_f32()).collect(),
        Dtype::BF16 => pairs().map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
        Dtype::I64 => {
            data.chunks_exact(8).filter_map(|b| b.first_chunk::<8>()).map(|b| i64::from_le_bytes(*b) as f32).collect()
        }
        _ => return None,
    })
}

/// Writes tensors, sorted by name, with metadata.
pub fn write_tensors(state: &StateDict, metadata: Metadata, precision: Precision) -> Result<Vec<u8>> {
    let encoded = state
        .iter()
        .map(|(name, tensor)| Ok((name, tensor, encode(name, &tensor.values, precision)?)))
        .collect::<Result<Vec<_>>>()?;
    let dtype = match precision {
        Precision::F32 => Dtype::F32,
        Precision::F16 => Dtype::F16,
    };
    let views = encoded
        .iter()
        .map(|(name, tensor, bytes)| {
            TensorView::new(dtype, tensor.shape.clone(), bytes)
                .map(|view| (name.as_str(), view))
                .map_err(|source| Error::Unwritable(source.into()))
        })
        .collect::<Result<Vec<_>>>()?;
    let metadata: HashMap<String, String> = metadata.into_iter().collect();
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|source| Error::Unwritable(source.into()))?;
    sorted_header(&bytes)
}

fn encode(name: &str, values: &[f32], precision: Precision) -> Result<Vec<u8>> {
    match precision {
        Precision::F32 => Ok(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Precision::F16 => match values.iter().find(|v| v.is_finite() && f16::from_f32(**v).is_infinite()) {
            None => Ok(values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect()),
            Some(&value) => Err(Error::Unwritable(WriteError::TooLarge { tensor: name.to_owned(), value })),
        },
    }
}

/// The library writes metadata in the order of a HashMap; sorted, equal contents make equal files.
fn sorted_header(bytes: &[u8]) -> Result<Vec<u8>> {
    let truncated = || Error::Unwritable(WriteError::Truncated);
    let failed = |source: serde_json::Error| Error::Unwritable(source.into());
    let length = bytes.first_chunk::<8>().ok_or_else(truncated)?;
    let length = u64::from_le_bytes(*length) as usize;
    let body = bytes.get(8 + length..).ok_or_else(truncated)?;
    // The first JSON value: the library may pad a header with something else than spaces.
    let mut json = serde_json::Deserializer::from_slice(&bytes[8..8 + length]);
    let header: BTreeMap<String, BTreeMap<String, serde_json::Value>> =
        Deserialize::deserialize(&mut json).map_err(failed)?;
    let mut text = serde_json::to_vec(&header).map_err(failed)?;
    text.resize(text.len().next_multiple_of(8), b' ');
    Ok([&(text.len() as u64).to_le_bytes()[..], &text, body].concat())
}
