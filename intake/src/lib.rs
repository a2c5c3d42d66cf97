//! Turns what people bring (photographs, scans, drawings) into what the network sees: small square grey pictures, light ink on
//! black, as in MNIST. [`Picture`] holds pixels as a browser's `ImageData` does; [`prepare`] fits it. With the feature `decode`,
//! `decode` reads image files. The same code runs natively and as WebAssembly. Tests: in each file.

mod choose;
#[cfg(feature = "decode")]
mod decode;
mod error;
mod fit;
mod flat;
#[cfg(feature = "decode")]
mod frames;
#[cfg(feature = "decode")]
mod kinds;
mod options;
mod picture;
mod plain;
mod resample;
mod sheet;

#[cfg(feature = "decode")]
pub use decode::{Decoded, decode};
pub use error::{Error, Result};
pub use fit::prepare;
#[cfg(feature = "decode")]
pub use kinds::Format;
pub use options::{Character, Fit, Ink, MOST_SIZE, Notes, Options, Prepared};
pub use picture::{MOST_PIXELS, Picture, Rect};
