//! Turns what people bring (photographs, scans, drawings) into what the network sees: small square grey pictures, light ink on
//! black, as in MNIST, or small square pictures in colour. [`Picture`] holds pixels as a browser's `ImageData` does; [`prepare`]
//! fits it, and [`prepare_colour`] keeps its colours. With the feature `decode`, `decode` reads image files. The same code runs natively and as WebAssembly. Tests: in each file.

mod choose;
mod colour;
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

pub use colour::{Coloured, prepare_colour};
#[cfg(feature = "decode")]
pub use decode::{Decoded, decode};
pub use error::{Error, Result};
pub use fit::prepare;
#[cfg(feature = "decode")]
pub use kinds::Format;
pub use options::{Character, Fit, Ink, MOST_SIZE, Notes, Options, Prepared};
pub use picture::{MOST_PIXELS, Picture, Rect};
