//! Pixels in memory. Tests: below.

use crate::error::{Error, Result};

/// Pixels that are taken: more than phones make, and still little memory.
pub const MOST_PIXELS: usize = 120_000_000;

/// A picture: `height` rows of `width` pixels, each red, green, blue and opacity (not premultiplied) of 8 bits, as in
/// `ImageData`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgba: Vec<u8>,
}

/// A part of a picture, in pixels from its top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl Picture {
    /// A picture of `4 * width * height` bytes.
    ///
    /// # Errors
    /// Another number of bytes, or none; more than [`MOST_PIXELS`].
    pub fn new(width: usize, height: usize, rgba: Vec<u8>) -> Result<Self> {
        let expected = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(4));
        if expected != Some(rgba.len()) || rgba.is_empty() {
            return Err(Error::Shape { width, height, pixels: rgba.len() });
        }
        if rgba.len() / 4 > MOST_PIXELS {
            return Err(Error::TooLarge { width, height, most: MOST_PIXELS / 1_000_000 });
        }
        Ok(Self { width, height, rgba })
    }

    /// Pixels of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes.
    pub fn rgba(&self) -> &[u8] {
        &self.rgba
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_make_the_picture_that_is_said() {
        let shape =
            |width, height, bytes| Picture::new(width, height, vec![0; bytes]).map(|picture| picture.rgba.len());
        assert_eq!(shape(2, 3, 24), Ok(24));
        for (width, height, pixels) in [(2, 3, 23), (0, 0, 0), (0, 7, 0), (usize::MAX, 2, 8), (1 << 62, 4, 16)] {
            assert_eq!(shape(width, height, pixels), Err(Error::Shape { width, height, pixels }));
        }
    }
}
