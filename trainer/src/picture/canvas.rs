//! A picture that can be drawn on and written as PNG: grey, until something in colour is put on it. Tests: here.

use std::path::Path;

use diffusion::codec::interleaved;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use super::font;
use crate::error::{Error, Result};
use crate::files;

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    width: usize,
    height: usize,
    /// 1, or 3 once there is colour on it.
    channels: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A picture of one level everywhere.
    pub fn new(width: usize, height: usize, level: u8) -> Self {
        Self { width, height, channels: 1, pixels: vec![level; width * height] }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Whether something in colour was put on it.
    pub fn is_coloured(&self) -> bool {
        self.channels > 1
    }

    /// Levels, row by row; in colour, red, green and blue of each pixel.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Sets a pixel; outside of the picture nothing happens.
    pub fn set(&mut self, x: usize, y: usize, level: u8) {
        if x < self.width && y < self.height {
            let at = (y * self.width + x) * self.channels;
            self.pixels[at..at + self.channels].fill(level);
        }
    }

    /// The same picture with room for colours.
    pub fn coloured(mut self) -> Self {
        self.make_coloured();
        self
    }

    fn make_coloured(&mut self) {
        if self.channels == 1 {
            self.pixels = self.pixels.iter().flat_map(|&level| [level; 3]).collect();
            self.channels = 3;
        }
    }

    /// Puts a square tile with its corner at (x, y), every pixel enlarged to `scale * scale`: `size * size` grey values, or three
    /// times as many of one in colour, red first.
    pub fn put(&mut self, tile: &[u8], size: usize, x: usize, y: usize, scale: usize) {
        let channels = tile.len() / (size * size).max(1);
        if channels > 1 {
            self.make_coloured();
        }
        let tile = interleaved(tile, channels);
        for row in (0..size * scale).filter(|row| y + row < self.height) {
            for column in (0..size * scale).filter(|column| x + column < self.width) {
                let from = (row / scale * size + column / scale) * channels;
                let pixel = &tile[from..from + channels];
                let at = ((y + row) * self.width + x + column) * self.channels;
                for (channel, level) in self.pixels[at..at + self.channels].iter_mut().enumerate() {
                    *level = pixel[channel.min(channels - 1)];
                }
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
        let kind = if self.is_coloured() { ExtendedColorType::Rgb8 } else { ExtendedColorType::L8 };
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
            .write_image(&self.pixels, width, height, kind)
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

    #[test]
    fn a_tile_in_colour_makes_the_picture_one() {
        let mut canvas = Canvas::new(4, 2, 9);
        canvas.put(&[7; 4], 2, 0, 0, 1);
        canvas.put(&[1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24], 2, 2, 0, 1);
        assert!(canvas.is_coloured() && !Canvas::new(1, 1, 0).is_coloured());
        let read = image::load_from_memory(&canvas.to_png().unwrap()).unwrap();
        assert_eq!(read.color(), image::ColorType::Rgb8);
        let at = |x, y| read.to_rgb8().get_pixel(x, y).0;
        assert_eq!([at(0, 0), at(2, 0), at(3, 1)], [[7; 3], [1, 11, 21], [4, 14, 24]]);
        canvas.put(&[200], 1, 3, 1, 1);
        assert_eq!(canvas.pixels()[21..], [200; 3], "a grey tile on it");
    }
}
