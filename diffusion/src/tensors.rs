//! safetensors bytes <-> host tensors.
//!
//! Tests: below, `tests/it/base_files.rs`, `tests/it/quantized.rs`, `tests/it/hostile.rs`.

mod header;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensorError};

use crate::error::{Error, Result, TensorsError, WriteError};
use crate::foreign::ForeignFile;
use crate::quantized::{Packed, scale_of, take_list};
use crate::state::{HostTensor, StateDict};

use header::Stored;

pub use header::Metadata;

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// 16-bit floats; the model computes in f32 after loading.
    F16,
    /// 16-bit floats with the range of f32 and 8 digits of precision in binary.
    Bf16,
    /// 8-bit floats with 3 bits behind the point, up to 448 (arXiv 2209.05433). Single numbers, as alphas are, stay f32.
    F8E4m3,
    /// 8-bit floats with 2 bits behind the point, up to 57344. Single numbers stay f32.
    F8E5m2,
}

impl Precision {
    /// Its name on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F8E4m3 => "f8_e4m3",
            Self::F8E5m2 => "f8_e5m2",
        }
    }

    fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::BF16,
            Self::F8E4m3 => Dtype::F8_E4M3,
            Self::F8E5m2 => Dtype::F8_E5M2,
        }
    }

    /// What a tensor is written in: an alpha says how strong everything is, and has to be exact.
    fn of(self, tensor: &HostTensor) -> Self {
        let coarse = matches!(self, Self::Bf16 | Self::F8E4m3 | Self::F8E5m2);
        if coarse && tensor.values.len() == 1 { Self::F32 } else { self }
    }
}

/// Reads all tensors as f32, quantized ones too, and the metadata.
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
    let (tensors, mut metadata) = header::read(bytes).map_err(unreadable)?;
    let quantized = take_list(&mut metadata)?;
    let (mut state, mut packed) = (StateDict::new(), Vec::new());
    for Stored { name, dtype, shape, data } in tensors {
        if quantized.contains_key(&name) {
            packed.push((name, data, dtype));
            continue;
        }
        let Some(values) = values(dtype, data) else {
            return Err(Error::SafeTensors(TensorsError::DataType { tensor: name, found: dtype }));
        };
        state.insert(name, HostTensor { shape, values });
    }
    for (name, entry) in &quantized {
        let list = Packed::read(name, entry)?;
        // They are in alphabetical order.
        let found = packed.binary_search_by(|(packed, ..)| packed.cmp(name)).ok().map(|i| &packed[i]);
        let bytes = found.filter(|(.., dtype)| *dtype == Dtype::U8).map(|(_, data, _)| *data);
        let tensor = list.unpack(name, bytes, state.remove(&scale_of(name)))?;
        state.insert(name.clone(), tensor);
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
fn values(dtype: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    fn each<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        data.as_chunks().0.iter().map(|bytes| number(*bytes)).collect()
    }
    Some(match dtype {
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

/// Writes tensors with metadata: those in f32 first, then the others, each sorted by name.
pub fn write_tensors(state: &StateDict, metadata: Metadata, precision: Precision) -> Result<Vec<u8>> {
    let mut encoded = Vec::with_capacity(state.len());
    for is_whole in [true, false] {
        for (name, tensor) in state {
            let precision = precision.of(tensor);
            if (precision == Precision::F32) == is_whole {
                let bytes = encode(name, &tensor.values, precision)?;
                encoded.push((name.as_str(), precision.dtype(), &tensor.shape[..], bytes));
            }
        }
    }
    serialize(&encoded, metadata)
}

/// A file of tensors by name, type, shape and bytes, which lie in this order, with metadata; equal contents make equal files.
pub(crate) fn serialize(tensors: &[(&str, Dtype, &[usize], Vec<u8>)], metadata: Metadata) -> Result<Vec<u8>> {
    header::write(tensors, metadata).map_err(|source| Error::Unwritable(source.into()))
}

/// The metadata of a safetensors file.
pub(crate) fn metadata(file: &[u8]) -> Option<Metadata> {
    header::read(file).ok().map(|(_, metadata)| metadata)
}

/// Rounded to the nearest, of two to the even one.
fn encode(name: &str, values: &[f32], precision: Precision) -> Result<Vec<u8>> {
    let too_large = match precision {
        Precision::F32 => None,
        Precision::F16 => values.iter().find(|v| v.is_finite() && f16::from_f32(**v).is_infinite()),
        Precision::Bf16 => values.iter().find(|v| v.is_finite() && bf16::from_f32(**v).is_infinite()),
        Precision::F8E4m3 => values.iter().find(|v| !v.is_nan() && v.abs() > 464.0),
        Precision::F8E5m2 => values.iter().find(|v| v.is_finite() && v.abs() >= 61440.0),
    };
    if let Some(&value) = too_large {
        let (tensor, precision) = (name.to_owned(), precision.name());
        return Err(Error::Unwritable(WriteError::TooLarge { tensor, value, precision }));
    }
    let values = values.iter();
    Ok(match precision {
        Precision::F32 => values.flat_map(|v| v.to_le_bytes()).collect(),
        Precision::F16 => values.flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
        Precision::Bf16 => values.flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
        Precision::F8E4m3 => values.map(|v| small_byte(*v, 3)).collect(),
        Precision::F8E5m2 => values.map(|v| small_byte(*v, 2)).collect(),
    })
}

/// The 8-bit float that is nearest, see [`small_float`].
fn small_byte(value: f32, places: u32) -> u8 {
    let last: u8 = if places == 3 { 0x7e } else { 0x7b };
    let magnitude = value.abs();
    let byte = if value.is_nan() {
        0x7f
    } else if magnitude.is_infinite() {
        last + 1
    } else {
        // They ascend with their bytes.
        let (mut below, mut above): (u8, u8) = (0, last);
        while below < above {
            let middle = (below + above).div_ceil(2);
            if small_float(middle, places) <= magnitude { below = middle } else { above = middle - 1 }
        }
        let next = (below + 1).min(last);
        let [down, up] = [below, next].map(|byte| (small_float(byte, places) - magnitude).abs());
        if up < down || (up == down && next % 2 == 0) { next } else { below }
    };
    byte | (u8::from(value.is_sign_negative()) << 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_floats_are_rounded_to_the_nearest() {
        for (places, last) in [(3, 0x7e), (2, 0x7b)] {
            for byte in 0..=last {
                let value = small_float(byte, places);
                assert_eq!((small_byte(value, places), small_byte(-value, places)), (byte, byte | 0x80));
                if byte < last {
                    let next = small_float(byte + 1, places);
                    let even = byte + byte % 2;
                    assert_eq!(small_byte(f32::midpoint(value, next), places), even, "{value} to {next}");
                    assert_eq!(small_byte(value + 0.49 * (next - value), places), byte);
                    assert_eq!(small_byte(value + 0.51 * (next - value), places), byte + 1);
                }
            }
            assert!(small_float(small_byte(f32::NAN, places), places).is_nan());
        }
        assert_eq!((small_float(0x7e, 3), small_float(0x7b, 2)), (448.0, 57344.0));
    }

    #[test]
    fn what_is_too_large_is_refused_and_alphas_stay_exact() {
        let tensor = |values: &[f32]| HostTensor { shape: vec![values.len()], values: values.to_vec() };
        for (precision, fits, too_large) in [
            (Precision::F16, 65504.0, 65520.0),
            (Precision::Bf16, 3.3e38, f32::MAX),
            (Precision::F8E4m3, 464.0, 465.0),
            (Precision::F8E5m2, 61439.0, 61440.0),
        ] {
            let write = |value: f32| {
                let state = StateDict::from([
                    ("a".to_owned(), tensor(&[0.1, value])),
                    ("alpha".to_owned(), HostTensor { shape: vec![], values: vec![1.37] }),
                ]);
                write_tensors(&state, Metadata::new(), precision)
            };
            let (read, _) = read_tensors(&write(fits).unwrap()).unwrap();
            assert!((read["a"].values[0] - 0.1).abs() < 0.01 && read["a"].values[1].is_finite());
            assert!((read["alpha"].values[0] - 1.37).abs() < 1e-3);
            let message = write(-too_large).unwrap_err().to_string();
            assert!(message.contains("\"a\"") || message.contains("a has"), "{message}");
            assert!(message.contains(precision.name()), "{message}");
        }
    }
}
