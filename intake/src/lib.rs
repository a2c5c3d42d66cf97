//! Turns what people bring (photographs, scans, drawings) into what the network sees: small square grey pictures, light ink on
//! black, as in MNIST. [`Picture`] holds pixels as a browser's `ImageData` does; [`prepare`] fits it. With the feature `decode`,
//! `decode` reads image files. The same code runs natively and as WebAssembly. Tests: in each file.

mod error;
mod fit;
mod picture;

pub use error::{Error, Result};
pub use fit::{Character, Fit, Ink, Options, Prepared, prepare};
pub use picture::{Picture, Rect};
