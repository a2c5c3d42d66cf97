//! What can go wrong, one variant per cause.

use thiserror::Error;

/// Result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything this crate refuses, each with a sentence fit to be shown to a person.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Error {
    /// A JSON file could not be read.
    #[error("{file} is not the JSON that was expected: {reason}")]
    Json {
        /// Which file.
        file: &'static str,
        /// What the parser said.
        reason: String,
    },
    /// A configuration asks for something this implementation does not have, or contradicts itself.
    #[error("{file}: {reason}")]
    Config {
        /// Which file.
        file: &'static str,
        /// What is wrong, and what is accepted.
        reason: String,
    },
    /// The bytes are not a safetensors file (truncated, corrupted, or something else).
    #[error("not a readable safetensors file: {0}")]
    SafeTensors(String),
    /// Tensors cannot be stored as asked.
    #[error("no safetensors file can be written: {0}")]
    Unwritable(String),
    /// The tensors of a file are not those of the model.
    #[error("the weights do not fit the model: {}", describe_mismatch(.missing, .unexpected, .wrong))]
    Weights {
        /// Names the model has and the file has not.
        missing: Vec<String>,
        /// Names the file has and the model has not.
        unexpected: Vec<String>,
        /// Tensors of another shape or type, described.
        wrong: Vec<String>,
    },
    /// Values of a file are infinite or not a number.
    #[error("{tensor} has values that are no numbers: the file is broken, or its training was")]
    NoNumbers {
        /// The first of the tensors.
        tensor: String,
    },
    /// An adapter does not fit the base model, or uses something that is not supported.
    #[error("adapter: {0}")]
    Adapter(String),
    /// A name that no loaded adapter has.
    #[error("no adapter called \"{name}\" is loaded (loaded: {loaded})")]
    UnknownAdapter {
        /// The name asked for.
        name: String,
        /// The names there are.
        loaded: String,
    },
    /// A sampling request is out of range.
    #[error("{0}")]
    Request(String),
    /// The network produced something that is not a number.
    #[error("the network's output at step {step} is not finite: the weights or the device are broken")]
    NotFinite {
        /// Step of the run, from 1.
        step: usize,
    },
    /// Values could not be read back from the device.
    #[error("the device did not give its result back: {0}")]
    Device(String),
}

fn describe_mismatch(missing: &[String], unexpected: &[String], wrong: &[String]) -> String {
    let part = |what: &str, names: &[String]| match names {
        [] => None,
        _ if names.len() > 6 => Some(format!("{} {what} ({}, …)", names.len(), names[..6].join(", "))),
        _ => Some(format!("{} {what} ({})", names.len(), names.join(", "))),
    };
    [part("missing", missing), part("unexpected", unexpected), part("of the wrong shape or type", wrong)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}
