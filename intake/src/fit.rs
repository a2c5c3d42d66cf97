//! From a picture of any size to what the network sees. Tests: below, and in the files that do the work.

use crate::error::{Error, Result};
use crate::flat::Flat;
use crate::options::{Fit, MOST_SIZE, Options, Prepared};
use crate::picture::Picture;
use crate::{choose, plain, sheet};

/// Fits a picture.
///
/// # Errors
/// No ink; with [`Fit::None`], another size; a size of nothing or of more than [`MOST_SIZE`].
pub fn prepare(picture: &Picture, options: &Options) -> Result<Prepared> {
    let &Options { size, fit, ink, one } = options;
    if size == 0 || size > MOST_SIZE {
        return Err(Error::Size { size });
    }
    let flat = Flat::new(picture, ink);
    let mut prepared = match fit {
        Fit::Auto => choose::fit(&flat, size, ink, one)?,
        Fit::Mnist => sheet::fit(&flat, size, ink, one)?,
        Fit::None | Fit::Pad | Fit::Crop | Fit::Stretch => plain::fit(&flat, size, fit, ink)?,
    };
    prepared.coloured = flat.coloured;
    prepared.notes.transparent = flat.transparent;
    Ok(prepared)
}
