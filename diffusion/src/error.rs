//! What can go wrong: one variant per cause, with a code for programs, and fields of which a sentence can be made in any language.

mod adapter;
mod config;
mod device;
mod fields;
mod request;
mod tensors;
mod training;

use fields::{number, text};
use thiserror::Error;

pub use adapter::AdapterError;
pub use config::ConfigError;
pub(crate) use config::{NOT_FINITE, shown};
pub use device::{DeviceError, WebGpuLimit};
pub use fields::{Field, Fields, decimal};
pub use request::RequestError;
pub use tensors::{QuantizedFault, TensorsError, WriteError, WrongShape};
pub use training::TrainingError;

/// Result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything this crate refuses. `Display` is an English sentence fit to be shown to a person.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A JSON file could not be read.
    #[error("{file} is not the JSON that was expected: {source}")]
    Json {
        /// Which file.
        file: &'static str,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A configuration asks for something this implementation does not have, or contradicts itself.
    #[error("{file}: {source}")]
    Config {
        /// Which file.
        file: &'static str,
        /// What is wrong.
        source: ConfigError,
    },
    /// The bytes are not a safetensors file (truncated, corrupted, or something else).
    #[error("not a readable safetensors file: {0}")]
    SafeTensors(#[source] TensorsError),
    /// Tensors cannot be stored as asked.
    #[error("no safetensors file can be written: {0}")]
    Unwritable(#[source] WriteError),
    /// The tensors of a file are not those of the model.
    #[error("the weights do not fit the model: {}", tensors::describe_mismatch(.missing, .unexpected, .wrong))]
    Weights {
        /// Names the model has and the file has not.
        missing: Vec<String>,
        /// Names the file has and the model has not.
        unexpected: Vec<String>,
        /// Tensors of another shape.
        wrong: Vec<WrongShape>,
    },
    /// Values of a file are infinite or not a number.
    #[error("{tensor} has values that are no numbers: the file is broken, or its training was")]
    NoNumbers {
        /// The first of the tensors.
        tensor: String,
    },
    /// An adapter does not fit the base model, or uses something that is not supported.
    #[error("adapter: {0}")]
    Adapter(#[from] AdapterError),
    /// A name that no loaded adapter has.
    #[error("no adapter called \"{name}\" is loaded (loaded: {})", names(.loaded))]
    UnknownAdapter {
        /// The name asked for.
        name: String,
        /// The names there are.
        loaded: Vec<String>,
    },
    /// A sampling request is out of range.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Something cannot be trained, or went wrong in training.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// The network produced something that is not a number.
    #[error("the network's output at step {step} is not finite: the weights or the device are broken")]
    NotFinite {
        /// Step of the run, from 1.
        step: usize,
    },
    /// Values could not be read back from the device.
    #[error("the device did not give its result back: {0}")]
    Device(#[from] DeviceError),
    /// The WebGPU kernels are not made for a network of these sizes.
    #[error("the WebGPU kernels cannot run this network: {0}")]
    WebGpuLimit(#[from] WebGpuLimit),
}

impl Error {
    /// What a program may branch on: one of "engine", "unreadable", "misfit", "unconfigured", "adapter", "training". These are the codes of the
    /// JavaScript class `DigitDiffusionError`, and never change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SafeTensors(_) => "unreadable",
            Self::Training(_) => "training",
            Self::Adapter(cause) => cause.code(),
            _ => "engine",
        }
    }

    /// The cause, more exactly than by its code: which sentence is to be said. Unique among all causes.
    pub fn kind(&self) -> &'static str {
        self.describe().0
    }

    /// What the sentence needs.
    pub fn fields(&self) -> Fields {
        self.describe().1
    }

    fn describe(&self) -> (&'static str, Fields) {
        match self {
            Self::Json { file, source } => ("json", vec![("file", text(file)), ("reason", text(source))]),
            Self::Config { file, source } => {
                let (kind, mut fields) = source.describe();
                fields.push(("file", text(file)));
                (kind, fields)
            }
            Self::SafeTensors(cause) => cause.describe(),
            Self::Unwritable(cause) => ("unwritable", vec![("reason", text(cause))]),
            Self::Weights { missing, unexpected, wrong } => {
                let wrong = wrong.iter().map(|shape| shape.tensor.clone()).collect();
                let names = |names: &Vec<String>| Field::Names(names.clone());
                let fields = vec![
                    ("missing", names(missing)),
                    ("unexpected", names(unexpected)),
                    ("wrong", Field::Names(wrong)),
                ];
                ("weights", fields)
            }
            Self::NoNumbers { tensor } => ("no-numbers", vec![("tensor", text(tensor))]),
            Self::Adapter(cause) => cause.describe(),
            Self::UnknownAdapter { name, loaded } => {
                ("unknown-adapter", vec![("name", text(name)), ("loaded", Field::Names(loaded.clone()))])
            }
            Self::Request(cause) => cause.describe(),
            Self::Training(cause) => cause.describe(),
            Self::NotFinite { step } => ("not-finite", vec![("step", number(*step))]),
            Self::Device(cause) => cause.describe(),
            Self::WebGpuLimit(limit) => ("webgpu-limit", vec![("reason", text(limit))]),
        }
    }
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

// Clippy's limit for the errors that hold one, of the trainer.
const _: () = assert!(size_of::<Error>() <= 96);
