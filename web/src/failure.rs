//! What the engine throws: always an `Error` with `code`, `kind` and `fields`, of which JavaScript makes a sentence in the visitor's
//! language (www/texts). The English sentences of Rust are left out of the engine, which is smaller so: `message` is the kind.

use diffusion::error::RequestError;
use wasm_bindgen::JsValue;
use web_values::arguments::Argument;
use web_values::objects::{describe, describe_model_error, object};

use crate::device::NoWebGpu;

/// Why a call failed.
#[derive(Debug)]
pub enum Failure {
    /// A wrong argument: a `TypeError`.
    Argument(Argument),
    /// A call at the wrong moment.
    Misuse(&'static str),
    /// What the model refuses.
    Model(diffusion::Error),
    /// WebGPU was asked for, and cannot be had.
    NoWebGpu(NoWebGpu),
}

/// Result of this crate's functions.
pub type Result<T> = std::result::Result<T, Failure>;

impl From<Argument> for Failure {
    fn from(argument: Argument) -> Self {
        Self::Argument(argument)
    }
}

impl From<diffusion::Error> for Failure {
    fn from(error: diffusion::Error) -> Self {
        Self::Model(error)
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Model(error.into())
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Argument(argument) => argument.into(),
            Failure::Misuse(message) => {
                let fields = object([("reason", message.into())]);
                describe(js_sys::Error::new(message).into(), "engine", "misuse", &fields)
            }
            Failure::Model(error) => describe_model_error(js_sys::Error::new(error.kind()).into(), &error),
            Failure::NoWebGpu(why) => {
                let error = js_sys::Error::new("no-webgpu").into();
                describe(error, "engine", "no-webgpu", &object([("why", why.record())]))
            }
        }
    }
}
