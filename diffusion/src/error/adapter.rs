//! Why an adapter is refused.

use thiserror::Error;

use super::fields::{Field, Fields, text};

/// Why an adapter is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// No factor at all.
    #[error("the file has no lora_A and lora_B tensors in it")]
    Empty,
    /// The base has no such module.
    #[error("it changes {path}, which this base does not have: it was made for another model")]
    UnknownModule {
        /// Path of the module.
        path: String,
    },
    /// The module is of a kind that LoRA of Linears does not change.
    #[error("it changes {path}, which is not a Linear; only Linears are supported")]
    NotLinear {
        /// Path of the module.
        path: String,
    },
    /// The factors' sides are not the base's.
    #[error("{path} has lora_A {a:?} and lora_B {b:?}, the base's weight is {weight:?}: it was made for another model")]
    Shape {
        /// Path of the module.
        path: String,
        /// Shape of lora_A.
        a: Vec<usize>,
        /// Shape of lora_B.
        b: Vec<usize>,
        /// Shape of the base's weight.
        weight: [usize; 2],
    },
    /// One of a module's two factors is not there.
    #[error("{path} has only one of its two factors")]
    MissingFactor {
        /// Path of the module.
        path: String,
    },
    /// The factors are not two matrices of one rank.
    #[error("{path} has factors {a:?} and {b:?}: only Linears are supported, lora_A [rank, in] and lora_B [out, rank]")]
    Factors {
        /// Path of the module.
        path: String,
        /// Shape of lora_A.
        a: Vec<usize>,
        /// Shape of lora_B.
        b: Vec<usize>,
    },
    /// Nothing says what alpha is.
    #[error("alpha is unknown: give adapter_config.json too, or a file that carries lora_adapter_metadata")]
    UnknownAlpha,
    /// An alpha is infinite or not a number.
    #[error("the alpha of {path} must be a number")]
    Alpha {
        /// Path of the module.
        path: String,
    },
    /// The alpha in kohya's metadata is not a number.
    #[error("its ss_network_alpha is \"{text}\", which is not a number")]
    MetadataAlpha {
        /// What stands there.
        text: String,
    },
    /// A tensor of DoRA.
    #[error("tensor {tensor} is not a LoRA factor: DoRA is not supported")]
    Dora {
        /// Name of the tensor.
        tensor: String,
    },
    /// A tensor of a text encoder.
    #[error("tensor {tensor} is not a LoRA factor: it changes a text encoder, which this model does not have")]
    TextEncoder {
        /// Name of the tensor.
        tensor: String,
    },
    /// Some other tensor.
    #[error("tensor {tensor} is not a LoRA factor: only factors of Linears of this base are")]
    NotAFactor {
        /// Name of the tensor.
        tensor: String,
    },
}

impl AdapterError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::UnknownModule { .. } | Self::Shape { .. } => "misfit",
            Self::UnknownAlpha => "unconfigured",
            _ => "adapter",
        }
    }

    pub(super) fn describe(&self) -> (&'static str, Fields) {
        let path = |path: &String| vec![("path", text(path))];
        let tensor = |name: &String| vec![("tensor", text(name))];
        let shape = |shape: &[usize]| Field::Shape(shape.to_vec());
        match self {
            Self::Empty => ("adapter-empty", vec![]),
            Self::UnknownModule { path: at } => ("unknown-module", path(at)),
            Self::NotLinear { path: at } => ("not-linear", path(at)),
            Self::Shape { path, a, b, weight } => (
                "module-shape",
                vec![("path", text(path)), ("a", shape(a)), ("b", shape(b)), ("weight", Field::Shape(weight.to_vec()))],
            ),
            Self::MissingFactor { path: at } => ("missing-factor", path(at)),
            Self::Factors { path, a, b } => {
                ("factor-shapes", vec![("path", text(path)), ("a", shape(a)), ("b", shape(b))])
            }
            Self::UnknownAlpha => ("unknown-alpha", vec![]),
            Self::Alpha { path: at } => ("alpha", path(at)),
            Self::MetadataAlpha { text: found } => ("metadata-alpha", vec![("found", text(found))]),
            Self::Dora { tensor: name } => ("dora", tensor(name)),
            Self::TextEncoder { tensor: name } => ("text-encoder", tensor(name)),
            Self::NotAFactor { tensor: name } => ("not-a-factor", tensor(name)),
        }
    }
}
