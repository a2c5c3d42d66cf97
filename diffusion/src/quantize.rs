//! Makes a file of quantized weights from one of floats.
//!
//! Tests: `tests/it/quantized.rs`.

use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::quantized::{FROM, LIST, PRECISION, packed, scale_of};
use crate::tensors::{read_tensors, serialize};

/// How finely weights are quantized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantization {
    /// 8 bits.
    Int8,
    /// 6 bits, and 8 where the network's first and last layers and its conditioning are.
    Int6,
}

impl Quantization {
    /// Its name on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Int6 => "int6",
        }
    }

    fn bits(self, _name: &str) -> u32 {
        match self {
            Self::Int8 => 8,
            Self::Int6 => 6,
        }
    }
}

/// The same tensors in fewer bits: those with two sides or more; biases and norms stay as they are. Of each scale the value is
/// taken that leaves the least squared error.
///
/// `file` is a safetensors file of floats, `sha256` its SHA-256.
///
/// # Errors
/// Bytes that are no safetensors file.
pub fn quantize(file: &[u8], sha256: &str, quantization: Quantization) -> Result<Vec<u8>> {
    let (state, mut metadata) = read_tensors(file)?;
    let views = SafeTensors::deserialize(file).map_err(|source| Error::SafeTensors(source.into()))?;
    let mut list = Map::new();
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, tensor) in &state {
        let bits = quantization.bits(name);
        match packed(tensor, bits) {
            Some((bytes, scales)) => {
                list.insert(name.clone(), json!({ "bits": bits, "shape": tensor.shape }));
                let scales: Vec<u8> = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
                tensors.push((scale_of(name), Dtype::F16, vec![scales.len() / 2], scales));
                tensors.push((name.clone(), Dtype::U8, vec![bytes.len()], bytes));
            }
            None => {
                let view = views.tensor(name).map_err(|source| Error::SafeTensors(source.into()))?;
                tensors.push((name.clone(), view.dtype(), view.shape().to_vec(), view.data().to_vec()));
            }
        }
    }
    metadata.insert(LIST.to_owned(), Value::Object(list).to_string());
    metadata.insert(FROM.to_owned(), sha256.to_owned());
    metadata.insert(PRECISION.to_owned(), quantization.name().to_owned());
    serialize(tensors.iter().map(|(name, dtype, shape, bytes)| (name.as_str(), *dtype, shape.as_slice(), bytes.as_slice())), metadata)
}

