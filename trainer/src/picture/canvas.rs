//! A grey picture that can be drawn on and written as PNG. Tests: here.

use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use super::font;
use crate::error::{Error, Result};
use crate::files;

/// A grey picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A picture of one level everywhere.
    pub fn new(width: usize, height: usize, level: u8) -> Self {
        Self { width, height, pixels: vec![level; width * height] }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Levels, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Sets a pixel; outside of the picture nothing happens.
    pub fn set(&mut self, x: usize, y: usize, level: u8) {
        if x < self.width && y < self.height {
            self.pixels[y * self.width + x] = level;
        }
    }

    /// Puts a square tile with its corner at (x, y), every pixel enlarged to `scale * scale`.
    pub fn put(&mut self, tile: &[u8], size: usize, x: usize, y: usize, scale: usize) {
        for row in 0..size * scale {
            for column in 0..size * scale {
                let level = tile[row / scale * size + column / scale];
                self.set(x + column, y + row, level);
            }
        }
    }

    /// Writes text with its upper left corner at (x, y), in letters of 3x5 pixels enlarged to
    /// `scale * scale` each.
    pub fn write(&mut self, text: &str, x: usize, y: usize, scale: usize, level: u8) {
        for (i, letter) in text.chars().enumerate() {
            let left = x + i * font::ADVANCE * scale;
            for (column, row) in font::dots(letter) {
                for dot in 0..scale * scale {
                    let (dx, dy) = (dot % scale, dot / scale);
                    self.set(left + column * scale + dx, y + row * scale + dy, level);
                }
            }
        }
    }

    /// The bytes of a PNG file.
    ///
    /// # Errors
    /// The reason as a text: a picture that is too large, or the encoder's error.
    pub fn to_png(&self) -> std::result::Result<Vec<u8>, String> {
        let too_large = |_| format!("{}x{} is too large", self.width, self.height);
        let width = u32::try_from(self.width).map_err(too_large)?;
        let height = u32::try_from(self.height).map_err(too_large)?;
        let mut bytes = Vec::new();
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
            .write_image(&self.pixels, width, height, ExtendedColorType::L8)
            .map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// Writes a PNG file, whole or not at all.
    ///
    /// # Errors
    /// A picture that is too large; that the file cannot be written.
    pub fn save_png(&self, path: &Path) -> Result<()> {
        let refuse = |reason| Error::Picture { path: path.to_owned(), reason };
        files::write_atomic(path, &self.to_png().map_err(refuse)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_holds_what_was_drawn() {
        let mut canvas = Canvas::new(7, 6, 9);
        canvas.put(&[1, 2, 3, 4], 2, 1, 1, 2);
        canvas.put(&[255; 4], 2, 6, 5, 1); // partly outside
        let read = image::load_from_memory(&canvas.to_png().unwrap()).unwrap().into_luma8();
        assert_eq!((read.width(), read.height()), (7, 6));
        assert_eq!(read.as_raw(), canvas.pixels());
        let at = |x, y| read.get_pixel(x, y).0[0];
        assert_eq!([at(0, 0), at(1, 1), at(2, 2), at(3, 1), at(1, 3), at(4, 4), at(6, 5)], [9, 1, 1, 2, 3, 4, 255]);
    }
}
