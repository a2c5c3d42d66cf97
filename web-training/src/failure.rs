//! What this module throws: always an `Error` with `code`, `kind` and `fields`, of which JavaScript makes a sentence in the visitor's
//! language (www/texts).

use wasm_bindgen::JsValue;
use web_values::arguments::Argument;
use web_values::objects::{describe, describe_model_error, object, set};

/// Why a call failed.
#[derive(Debug)]
pub enum Failure {
    /// A wrong argument: a `TypeError`.
    Argument(Argument),
    /// What the model refuses.
    Model(diffusion::Error),
    /// A picture that cannot be used.
    Picture(intake::Error),
    /// A base that works behind an autoencoder, which nothing is taught here yet.
    Autoencoder,
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

impl From<intake::Error> for Failure {
    fn from(error: intake::Error) -> Self {
        Self::Picture(error)
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Argument(argument) => argument.into(),
            Failure::Autoencoder => {
                const KIND: &str = "training-autoencoder";
                describe(js_sys::Error::new(KIND).into(), "training", KIND, &object([]))
            }
            Failure::Model(error) => describe_model_error(js_sys::Error::new(error.kind()).into(), &error),
            Failure::Picture(error) => {
                let fields = object([]);
                error.numbers().into_iter().for_each(|(name, number)| set(&fields, name, &number.into()));
                describe(js_sys::Error::new(error.kind()).into(), "picture", error.kind(), &fields)
            }
        }
    }
}
