//! What is wrong with files of tensors.

use thiserror::Error;

use super::fields::{Fields, decimal, number, text};
use crate::foreign::ForeignFile;

/// Why a safetensors file cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TensorsError {
    /// Its header or its length is wrong.
    #[error(transparent)]
    Format(#[from] safetensors::SafeTensorError),
    /// It is another kind of file.
    #[error("{0}")]
    Foreign(ForeignFile),
    /// It is shorter or longer than its header says.
    #[error(
        "its header tells of other tensors than these {found} bytes hold: the download broke off, or the file was damaged; fetch it again"
    )]
    Length {
        /// Bytes of the file.
        found: usize,
    },
    /// Two shards of the same weights have a tensor of the same name.
    #[error("tensor {tensor} is in two of its shards: they are not of one model")]
    Twice {
        /// Name of the tensor.
        tensor: String,
    },
    /// It holds values of a type that is not read.
    #[error("tensor {tensor} has type {found:?}; floats of 8 to 64 bits and whole numbers are read")]
    DataType {
        /// Name of the tensor.
        tensor: String,
        /// Type of its values.
        found: safetensors::Dtype,
    },
    /// Its quantized weights cannot be unpacked.
    #[error("its quantized weights cannot be unpacked: {}", .fault.of(.tensor))]
    Quantized {
        /// Name of the tensor; empty where the list of them is meant.
        tensor: String,
        /// What is wrong with it.
        fault: QuantizedFault,
    },
}

/// Why a quantized tensor cannot be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuantizedFault {
    /// The list of quantized tensors is none, or has an entry without bits (2 to 8) and shape.
    List,
    /// It is listed, and it or its scales are not there.
    Missing,
    /// Its bytes or its scales are not as many as its shape asks for.
    Size,
    /// It has scales that are not finite.
    Scale,
}

impl QuantizedFault {
    fn of(self, tensor: &str) -> String {
        match self {
            Self::List if tensor.is_empty() => "the list of them is no JSON object".to_owned(),
            Self::List => format!("the list of them has no bits from 2 to 8 and no shape for {tensor}"),
            Self::Missing => format!("{tensor} is listed, and it or {tensor}.scale is not there"),
            Self::Size => format!("{tensor} has not as many bytes or scales as its shape asks for"),
            Self::Scale => format!("{tensor}.scale has values that are no numbers"),
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::List => "quantized-list",
            Self::Missing => "quantized-missing",
            Self::Size => "quantized-size",
            Self::Scale => "quantized-scale",
        }
    }
}

impl TensorsError {
    pub(super) fn describe(&self) -> (&'static str, Fields) {
        match self {
            Self::Format(source) => ("safetensors", vec![("reason", text(source))]),
            Self::Foreign(what) => ("foreign-file", vec![("what", text(what.code()))]),
            Self::Length { found } => ("safetensors-length", vec![("found", number(*found))]),
            Self::Twice { tensor } => ("tensor-twice", vec![("tensor", text(tensor))]),
            Self::Quantized { tensor, fault } => (fault.kind(), vec![("tensor", text(tensor))]),
            Self::DataType { tensor, found } => {
                ("tensor-type", vec![("tensor", text(tensor)), ("found", text(format!("{found:?}")))])
            }
        }
    }
}

/// Why a safetensors file cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The tensors' shapes and values do not belong together.
    #[error(transparent)]
    Format(#[from] safetensors::SafeTensorError),
    /// The dialect has no names for such a module.
    #[error("{path} is changed by {kind}, which {dialect} cannot write")]
    Dialect {
        /// Path of the module.
        path: String,
        /// What changes it.
        kind: &'static str,
        /// Whose names were asked for.
        dialect: &'static str,
    },
    /// PEFT cuts all layers into blocks by one number, and none gives LoKr's.
    #[error(
        "{path} is LoKr with a first factor of {}x{}, and no decompose_factor of PEFT's gives that there and the others theirs",
        .first[0],
        .first[1]
    )]
    Blocks {
        /// Path of the module.
        path: String,
        /// Rows and columns of its first factor.
        first: [usize; 2],
    },
    /// Half precision ends at 65504, others elsewhere.
    #[error("{tensor} has a value too large for {precision}, {}: write f32", decimal((*value).into()))]
    TooLarge {
        /// Name of the tensor.
        tensor: String,
        /// The value.
        value: f32,
        /// The precision that was asked for.
        precision: &'static str,
    },
}

/// A tensor that has another shape than the model's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{tensor} is {found:?}, should be {expected:?}")]
pub struct WrongShape {
    /// Name of the tensor.
    pub tensor: String,
    /// Its shape in the file.
    pub found: Vec<usize>,
    /// Its shape in the model.
    pub expected: Vec<usize>,
}

pub(super) fn describe_mismatch(missing: &[String], unexpected: &[String], wrong: &[WrongShape]) -> String {
    let wrong: Vec<String> = wrong.iter().map(WrongShape::to_string).collect();
    let part = |what: &str, names: &[String]| match names {
        [] => None,
        _ if names.len() > 6 => Some(format!("{} {what} ({}, …)", names.len(), names[..6].join(", "))),
        _ => Some(format!("{} {what} ({})", names.len(), names.join(", "))),
    };
    [part("missing", missing), part("unexpected", unexpected), part("of the wrong shape or type", &wrong)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}
