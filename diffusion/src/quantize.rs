//! Makes a file of quantized weights from one of floats, and tells of a file what it was made from.
//!
//! Tests: `tests/it/quantized.rs`.

use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::quantized::{FROM, LIST, PRECISION, packed, scale_of};
use crate::tensors::{metadata, read_tensors, serialize};
use crate::unet::topology::Block;

/// How finely weights are quantized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantization {
    /// 8 bits.
    Int8,
    /// 6 bits, and 8 for what pictures depend on most: shortcuts, projections, the convolutions of the finest resolution,
    /// conditioning; and for adapters.
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

    /// Of a tensor; `None` for what stays as it is. `finest`: what names in the blocks of the finest resolution begin with.
    fn bits(self, name: &str, finest: &[String]) -> Option<u32> {
        // In trials, quantizing all of a network to 5 bits, conv_out made nine tenths of what changed in pictures.
        let edges = ["conv_in.weight", "conv_out.weight"];
        let fine = ["time_embedding.", "encoder_hid_proj.", ".conv_shortcut.", ".proj_in.", ".proj_out."];
        let convolution = || [".conv1.", ".conv2."].iter().any(|part| name.contains(part));
        let is_fine = fine.iter().any(|part| name.contains(part))
            || (convolution() && finest.iter().any(|block| name.starts_with(block)))
            || name.contains(".lora_");
        match self {
            _ if edges.contains(&name) => None,
            Self::Int6 if !is_fine => Some(6),
            _ => Some(8),
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
    let there = |block: &String| state.keys().any(|name| name.starts_with(block));
    let last = (0..).map(|level| format!("{}.", Block::Up(level))).take_while(there).last();
    let finest: Vec<String> = last.into_iter().chain([format!("{}.", Block::Down(0))]).collect();
    for (name, tensor) in &state {
        let bits = quantization.bits(name, &finest);
        match bits.and_then(|bits| Some((bits, packed(tensor, bits)?))) {
            Some((bits, (bytes, scales))) => {
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
    // The widest first, so that each lies at a multiple of its size.
    tensors.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| (name.as_str(), *dtype, shape.as_slice(), bytes.clone()))
        .collect();
    serialize(&tensors, metadata)
}

/// What the file says of its precision, and the SHA-256 of the file that it was made from; `None` where nothing is quantized,
/// or the bytes are no safetensors file.
pub fn origin(file: &[u8]) -> Option<(String, String)> {
    let metadata = metadata(file)?;
    let from =
        metadata.get(FROM).filter(|from| from.len() == 64 && from.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    Some((metadata.get(PRECISION).cloned().unwrap_or_default(), from.clone()))
}
