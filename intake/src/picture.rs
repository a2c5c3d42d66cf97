//! Pixels in memory.

use crate::error::{Error, Result};

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
    /// Another number of bytes, or none.
    pub fn new(width: usize, height: usize, rgba: Vec<u8>) -> Result<Self> {
        let expected = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(4));
        if expected != Some(rgba.len()) || rgba.is_empty() {
            return Err(Error::Shape { width, height, pixels: rgba.len() });
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
