//! Quantized weights: tensors of a safetensors file as whole numbers of 2 to 8 bits, with a scale for each run of values.
//! `quantize` makes such files, `tensors` reads them.
//!
//! The file's metadata lists them, by name, as JSON `{"bits": 6, "shape": [64, 32, 3, 3]}`. Beside the tensor, U8, which has
//! the numbers one after the other, lowest bit first, each with `2^(bits - 1)` added, stands `<name>.scale`: one factor for
//! each of as many runs of equal length, in row-major order. All other tensors are as in any file.
//!
//! Tests: below, `tests/it/quantized.rs`.

use std::collections::BTreeMap;

use half::f16;
use serde_json::{Map, Value};

use crate::error::{Error, QuantizedFault, Result, TensorsError};
use crate::state::HostTensor;

/// Metadata: the list of the tensors that are packed.
pub(crate) const LIST: &str = "digit_diffusion.quantized";
/// Metadata: the SHA-256 of the file that was quantized, by which adapters and links know the weights.
pub(crate) const FROM: &str = "digit_diffusion.quantized_from";
/// Metadata: the name of the precision.
pub(crate) const PRECISION: &str = "digit_diffusion.precision";
/// What follows the name of a packed tensor in that of its scales.
const SCALE: &str = ".scale";
/// Fewer values than these share no scale: it would take more room than it saves.
const SHORTEST_RUN: usize = 32;

/// A packed tensor, as the list has it.
pub(crate) struct Packed {
    bits: u32,
    shape: Vec<usize>,
}

/// Takes the list out of a file's metadata, for [`Packed::read`]; it is empty where nothing is quantized.
pub(crate) fn take_list(metadata: &mut BTreeMap<String, String>) -> Result<Map<String, Value>> {
    let Some(text) = metadata.remove(LIST) else { return Ok(Map::new()) };
    match serde_json::from_str(&text) {
        Ok(Value::Object(list)) => Ok(list),
        _ => Err(fault("", QuantizedFault::List)),
    }
}

/// The name of a packed tensor's scales.
pub(crate) fn scale_of(name: &str) -> String {
    [name, SCALE].concat()
}

impl Packed {
    /// What the list says of a tensor.
    pub(crate) fn read(name: &str, entry: &Value) -> Result<Self> {
        let bits = entry.get("bits").and_then(Value::as_u64).filter(|bits| (2..=8).contains(bits));
        let shape = entry.get("shape").and_then(Value::as_array);
        let shape = shape.and_then(|shape| shape.iter().map(|side| Some(side.as_u64()? as usize)).collect());
        match (bits, shape) {
            (Some(bits), Some(shape)) => Ok(Self { bits: bits as u32, shape }),
            _ => Err(fault(name, QuantizedFault::List)),
        }
    }

    /// The tensor's values. `bytes`: of its tensor in the file, if that is U8; `scales`: those of `<name>.scale`.
    pub(crate) fn unpack(self, name: &str, bytes: Option<&[u8]>, scales: Option<HostTensor>) -> Result<HostTensor> {
        let refuse = |what| Err(fault(name, what));
        let (Some(bytes), Some(HostTensor { values: scales, .. })) = (bytes, scales) else {
            return refuse(QuantizedFault::Missing);
        };
        let Self { bits, shape } = self;
        let count = shape.iter().try_fold(1usize, |count, &side| count.checked_mul(side)).unwrap_or(0);
        let packed = count.checked_mul(bits as usize).map(|bits| bits.div_ceil(8));
        if count == 0 || packed != Some(bytes.len()) || scales.is_empty() || !count.is_multiple_of(scales.len()) {
            return refuse(QuantizedFault::Size);
        }
        if !scales.iter().all(|scale| scale.is_finite()) {
            return refuse(QuantizedFault::Scale);
        }
        let (run, zero) = (count / scales.len(), f32::from(1u16 << (bits - 1)));
        let mut values = Vec::with_capacity(count);
        for (r, scale) in scales.iter().enumerate() {
            values.extend((r * run..(r + 1) * run).map(|i| (f32::from(number(bytes, i, bits)) - zero) * scale));
        }
        Ok(HostTensor { shape, values })
    }
}

/// The `i`th number; it may reach into the next byte.
fn number(bytes: &[u8], i: usize, bits: u32) -> u16 {
    let first = i * bits as usize;
    let (at, shift) = (first / 8, first % 8);
    let next = bytes.get(at + 1).copied().unwrap_or(0);
    (u16::from_le_bytes([bytes[at], next]) >> shift) & ((1 << bits) - 1)
}

fn fault(tensor: &str, fault: QuantizedFault) -> Error {
    Error::SafeTensors(TensorsError::Quantized { tensor: tensor.to_owned(), fault })
}

/// Numbers and scales; `None` for what is not packed.
pub(crate) fn packed(tensor: &HostTensor, bits: u32) -> Option<(Vec<u8>, Vec<f16>)> {
    let [rows, _, ..] = tensor.shape[..] else { return None };
    let row = tensor.values.len().checked_div(rows).filter(|row| *row > 0)?;
    let together =
        (1..=rows).find(|rows_of_run| rows.is_multiple_of(*rows_of_run) && rows_of_run * row >= SHORTEST_RUN)?;
    let (top, zero) = ((1 << (bits - 1)) - 1, 1u16 << (bits - 1));
    let mut bytes = vec![0; (tensor.values.len() * bits as usize).div_ceil(8)];
    let mut scales = Vec::new();
    for (r, run) in tensor.values.chunks(together * row).enumerate() {
        let scale = best_scale(run, top as f32)?;
        scales.push(scale);
        for (i, value) in run.iter().enumerate() {
            let number = (nearest(*value, scale.to_f32(), top as f32) + f32::from(zero)) as u16;
            let first = (r * together * row + i) * bits as usize;
            let [low, high] = (number << (first % 8)).to_le_bytes();
            bytes[first / 8] |= low;
            if high != 0 {
                bytes[first / 8 + 1] |= high;
            }
        }
    }
    Some((bytes, scales))
}

fn nearest(value: f32, scale: f32, top: f32) -> f32 {
    (value / scale).round_ties_even().clamp(-top, top)
}

/// The scale of least squared error among those that clip nothing or a little; `None` where f16 has none.
fn best_scale(run: &[f32], top: f32) -> Option<f16> {
    /// Shares of the largest value that are tried, in hundredths.
    const SHARES: std::ops::RangeInclusive<u8> = 50..=102;
    let largest = run.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return Some(f16::ONE);
    }
    let scales = SHARES.map(|share| f16::from_f32(largest * f32::from(share) / 100.0 / top));
    let error = |scale: &f16| -> f64 {
        let scale = scale.to_f32();
        run.iter().map(|value| f64::from(nearest(*value, scale, top) * scale - value).powi(2)).sum()
    };
    let scales = scales.filter(|scale| scale.is_normal()).map(|scale| (error(&scale), scale));
    scales.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, scale)| scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_bits_come_back() {
        for bits in 2..=8 {
            let top = (1 << (bits - 1)) - 1;
            // Each run has the lowest number, so that the scale of all is the same one.
            let number = |i: i32| if i % 33 == 0 { -top } else { i % (2 * top + 1) - top };
            let values: Vec<f32> = (0..99).map(|i| number(i) as f32 * 0.25).collect();
            let tensor = HostTensor { shape: vec![3, 33], values };
            let (bytes, scales) = packed(&tensor, bits).unwrap();
            assert_eq!((bytes.len(), scales.len()), ((99 * bits as usize).div_ceil(8), 3), "{bits} bits");
            let scales = HostTensor { shape: vec![3], values: scales.iter().map(|scale| scale.to_f32()).collect() };
            let again = Packed { bits, shape: vec![3, 33] }.unpack("a", Some(&bytes), Some(scales)).unwrap();
            assert_eq!(again, tensor, "{bits} bits");
            for scales in [0, 2, 100] {
                let scales = HostTensor { shape: vec![scales], values: vec![1.0; scales] };
                let found = Packed { bits, shape: vec![3, 33] }.unpack("a", Some(&bytes), Some(scales));
                assert!(found.unwrap_err().to_string().contains("as its shape asks for"), "runs of no whole length");
            }
        }
    }

    #[test]
    fn short_rows_share_a_scale_and_vectors_stay() {
        let tensor = |shape: &[usize]| HostTensor { shape: shape.to_vec(), values: vec![0.5; shape.iter().product()] };
        for (shape, scales) in
            [(&[64, 5, 1, 1][..], 8), (&[6, 5], 0), (&[64], 0), (&[5, 64], 5), (&[], 0), (&[0, 4], 0)]
        {
            assert_eq!(packed(&tensor(shape), 8).map_or(0, |(_, scales)| scales.len()), scales, "{shape:?}");
        }
        // Too small for a scale of 16 bits.
        assert!(packed(&HostTensor { shape: vec![2, 32], values: vec![1e-9; 64] }, 8).is_none());
    }
}
