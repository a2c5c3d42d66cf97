//! safetensors bytes <-> host tensors.
//!
//! Tests: `tests/it/base_files.rs`, `tests/it/hostile.rs`.

use std::collections::{BTreeMap, HashMap};

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde::Deserialize;

use crate::error::{Error, Result, TensorsError, WriteError};
use crate::foreign::ForeignFile;
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
    let unreadable = |source: SafeTensorError| {
        Error::SafeTensors(match (ForeignFile::recognize(bytes), source) {
            (Some(found), _) => TensorsError::Foreign(found),
            (None, SafeTensorError::MetadataIncompleteBuffer | SafeTensorError::InvalidHeaderLength) => {
                TensorsError::Length { found: bytes.len() }
            }
            (None, source) => source.into(),
        })
    };
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

/// The values as f32. What only some tools write, alphas as whole numbers or doubles, is read like the rest.
fn values(view: &TensorView<'_>) -> Option<Vec<f32>> {
    fn each<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        data.as_chunks().0.iter().map(|bytes| number(*bytes)).collect()
    }
    let data = view.data();
    Some(match view.dtype() {
        Dtype::F32 => each(data, f32::from_le_bytes),
        Dtype::F16 => each(data, |bytes| f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => each(data, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        Dtype::F64 => each(data, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::I64 => each(data, |bytes| i64::from_le_bytes(bytes) as f32),
        Dtype::U64 => each(data, |bytes| u64::from_le_bytes(bytes) as f32),
        Dtype::I32 => each(data, |bytes| i32::from_le_bytes(bytes) as f32),
        Dtype::U32 => each(data, |bytes| u32::from_le_bytes(bytes) as f32),
        Dtype::I16 => each(data, |bytes| f32::from(i16::from_le_bytes(bytes))),
        Dtype::U16 => each(data, |bytes| f32::from(u16::from_le_bytes(bytes))),
        Dtype::I8 => each(data, |bytes| f32::from(i8::from_le_bytes(bytes))),
        Dtype::U8 => each(data, |[byte]| f32::from(byte)),
        Dtype::F8_E4M3 => each(data, |[byte]| small_float(byte, 3)),
        Dtype::F8_E5M2 => each(data, |[byte]| small_float(byte, 2)),
        _ => return None,
    })
}

/// An 8-bit float (arXiv 2209.05433) with this many bits behind the point, E4M3 in PyTorch's form without infinities.
fn small_float(byte: u8, places: u32) -> f32 {
    let (bits, exponents) = (u16::from(byte & 0x7f), 7 - places);
    let magnitude = if places == 3 && bits == 0x7f {
        f32::NAN
    } else if places == 2 {
        // The upper half of an f16.
        f16::from_bits(bits << 8).to_f32()
    } else {
        let bias = (1 << (exponents - 1)) - 1;
        let (exponent, fraction) =
            (i32::from(bits >> places), f32::from(bits & ((1 << places) - 1)) / (1 << places) as f32);
        match exponent {
            0 => fraction * 2f32.powi(1 - bias),
            _ => (1.0 + fraction) * 2f32.powi(exponent - bias),
        }
    };
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
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
