//! What is wrong with a configuration.

use thiserror::Error;

use super::fields::{Fields, text};

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A setting that diffusers or PEFT has, and this implementation has not, or has with one value only.
    #[error("{key} {found} is not supported, {}", instead(.accepted))]
    Unsupported {
        /// Which setting.
        key: String,
        /// Its value in the file.
        found: String,
        /// The value that is supported, if there is one.
        accepted: Option<String>,
    },
    /// A scheduler's setting that one sampler cannot honour.
    #[error("{key} {found} is not supported with the sampler {sampler}, only {accepted}")]
    Sampler {
        /// Which sampler.
        sampler: &'static str,
        /// Which setting.
        key: &'static str,
        /// Its value in the file.
        found: String,
        /// The values that are supported.
        accepted: &'static str,
    },
    /// A scheduler of another process.
    #[error("{key} {found} is not of DDPM's process (flow matching and EDM are others), choose a model that is")]
    Process {
        /// The setting that says so.
        key: String,
        /// Its value in the file.
        found: String,
    },
    /// A setting that makes no sense.
    #[error("{key} {}must be {accepted}{}", if .found.is_some() { "" } else { "is missing, it " }, but(.found))]
    Value {
        /// Which setting.
        key: String,
        /// What it may be, in English.
        accepted: String,
        /// Its value in the file; none where it is missing.
        found: Option<String>,
    },
    /// An adapter whose training began by changing the base's own weights.
    #[error(
        "init_lora_weights \"{method}\" changes the base's own weights too and is not supported, convert it to plain LoRA"
    )]
    ChangesBase {
        /// Its way of starting the factors.
        method: String,
    },
    /// Settings that contradict one another, or a rare mistake.
    #[error("{reason}")]
    Invalid {
        /// What is wrong, in English.
        reason: String,
    },
}

impl ConfigError {
    pub(crate) fn unsupported(key: &str, found: impl ToString, accepted: impl ToString) -> Self {
        Self::Unsupported { key: key.into(), found: found.to_string(), accepted: Some(accepted.to_string()) }
    }

    pub(crate) fn value(key: &str, accepted: impl ToString, found: impl ToString) -> Self {
        Self::Value { key: key.into(), accepted: accepted.to_string(), found: Some(found.to_string()) }
    }

    pub(super) fn describe(&self) -> (&'static str, Fields) {
        match self {
            Self::Unsupported { key, found, accepted } => {
                let mut fields = vec![("key", text(key)), ("found", text(found))];
                fields.extend(accepted.as_ref().map(|accepted| ("accepted", text(accepted))));
                ("config-unsupported", fields)
            }
            Self::Sampler { sampler, key, found, accepted } => {
                let fields = vec![
                    ("sampler", text(sampler)),
                    ("key", text(key)),
                    ("found", text(found)),
                    ("accepted", text(accepted)),
                ];
                ("config-sampler", fields)
            }
            Self::Process { key, found } => ("config-process", vec![("key", text(key)), ("found", text(found))]),
            Self::Value { key, accepted, found } => {
                let mut fields = vec![("key", text(key)), ("accepted", text(accepted))];
                fields.extend(found.as_ref().map(|found| ("found", text(found))));
                ("config-value", fields)
            }
            Self::ChangesBase { method } => ("config-changes-base", vec![("method", text(method))]),
            Self::Invalid { reason } => ("config-invalid", vec![("reason", text(reason))]),
        }
    }
}

fn instead(accepted: &Option<String>) -> String {
    accepted.as_ref().map_or_else(|| "leave it out".into(), |accepted| format!("only {accepted}"))
}

fn but(found: &Option<String>) -> String {
    found.as_ref().map_or_else(String::new, |found| format!(", not {found}"))
}

/// Stands before a number that is not finite, which `json` keeps as a string: a noncharacter, which no text holds.
pub(crate) const NOT_FINITE: char = '\u{fdd0}';

/// A value of a file, short enough for a sentence.
pub(crate) fn shown(value: &serde_json::Value) -> String {
    const MOST: usize = 80;
    let number = value.as_str().and_then(|text| text.strip_prefix(NOT_FINITE));
    // `Value::to_string` brings the indented form as well.
    let written = || serde_json::to_string(value).unwrap_or_default().replace(NOT_FINITE, "");
    let text = number.map_or_else(written, str::to_owned);
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
