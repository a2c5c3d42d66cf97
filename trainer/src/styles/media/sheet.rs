//! What media draw with: the distance to the edge of the digit's strokes, textures, colours. Nothing here differs between platforms:
//! data sets are made of it. Tests: `media/tests.rs`.

use diffusion::noise::NoiseSource;

use crate::styles::field::{FINE, Field, signed_distance};

/// The stream of a picture's seed, apart from those of styles, which are labels.
const STREAM: u64 = 1 << 32;

/// A digit that is to be drawn, with the random numbers of its picture.
pub struct Sheet {
    /// Distance to the edge of the strokes in pixels of the digit, negative inside, on a finer grid.
    edge: Field,
    noise: NoiseSource,
    side: usize,
    /// Pixels of the sheet along one of the digit.
    pub across: f32,
}

/// A place on the sheet.
pub struct Place {
    /// From 0 at the left to 1 at the right.
    pub x: f32,
    /// From 0 at the top to 1 at the bottom.
    pub y: f32,
    /// To the edge of the strokes, in pixels of the digit, negative inside.
    pub distance: f32,
    /// Standard normal.
    pub grain: f32,
}

impl Sheet {
    pub fn new(image: &[u8], size: usize, side: usize, index: u64) -> Self {
        let fine = size * FINE;
        let edge = Field { size: fine, values: signed_distance(&Field::from_grey(image, size).ink(), fine) };
        // The finer grid's steps are rounded off.
        let edge = edge.blurred(1);
        let noise = NoiseSource::with_stream(index, STREAM);
        Self { edge, noise, side, across: side as f32 / size as f32 }
    }

    /// A random number in a range.
    pub fn between(&mut self, [low, high]: [f32; 2]) -> f32 {
        low + (high - low) * self.noise.uniform()
    }

    /// A random colour of this lightness; `share` is how colourful it is.
    pub fn colour(&mut self, lightness: [f32; 2], share: [f32; 2]) -> [f32; 3] {
        let (hue, share, lightness) = (self.between([0.0, 6.0]), self.between(share), self.between(lightness));
        colour(hue, share, lightness)
    }

    /// Smooth noise from 0 to 1, of so many cells along a side.
    pub fn texture(&mut self, cells: usize) -> Texture {
        Texture(Field { size: cells, values: (0..cells * cells).map(|_| self.noise.uniform()).collect() })
    }

    /// How much of a pixel is within a shape, from the distance to its edge.
    pub fn covered(across: f32, distance: f32) -> f32 {
        (0.5 - distance * across).clamp(0.0, 1.0)
    }

    /// Every pixel's colour, 0 to 1, as planar bytes.
    pub fn paint(mut self, at: impl Fn(Place) -> [f32; 3]) -> Vec<u8> {
        let (side, per_pixel) = (self.side, 1.0 / self.side as f32);
        let mut pixels = vec![0; 3 * side * side];
        for i in 0..side * side {
            let [x, y] = [i % side, i / side].map(|at| (at as f32 + 0.5) * per_pixel);
            let place = Place { x, y, distance: sample(&self.edge, x, y), grain: self.noise.normal() };
            for (channel, value) in at(place).into_iter().enumerate() {
                pixels[channel * side * side + i] = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
            }
        }
        pixels
    }
}

/// Smooth noise.
pub struct Texture(Field);

impl Texture {
    /// At a place, both from 0 to 1; with soft bends at the cells' corners.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let ease = |at: f32| {
            let at = at.clamp(0.0, 1.0) * (self.0.size - 1) as f32;
            let (cell, part) = (at as usize as f32, at - at as usize as f32);
            (cell + part * part * (3.0 - 2.0 * part) + 0.5) / self.0.size as f32
        };
        sample(&self.0, ease(x), ease(y))
    }
}

/// Red, green and blue of a hue, 0 to 6 once around; `share` of it is colour, the rest is grey of this lightness.
pub fn colour(hue: f32, share: f32, lightness: f32) -> [f32; 3] {
    // A hexagon, without functions that differ between platforms.
    let level = |offset: f32| {
        let at = (hue + offset) % 6.0;
        ((at - 3.0).abs() - 1.0).clamp(0.0, 1.0)
    };
    [level(0.0), level(4.0), level(2.0)].map(|level| (lightness * (1.0 + share * (2.0 * level - 1.0))).clamp(0.0, 1.0))
}

/// From one colour, at 0, to another, at 1.
pub fn mixed(from: [f32; 3], to: [f32; 3], part: f32) -> [f32; 3] {
    [0, 1, 2].map(|channel| from[channel] + (to[channel] - from[channel]) * part)
}

/// Bilinear sample of a field at a place from 0 to 1; beyond the centres of the outermost points, theirs.
fn sample(field: &Field, x: f32, y: f32) -> f32 {
    let most = (field.size - 1) as f32;
    let [x, y] = [x, y].map(|at| (at * field.size as f32 - 0.5).clamp(0.0, most));
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(field.size - 1), (top + 1).min(field.size - 1));
    let (fx, fy) = (x - left as f32, y - top as f32);
    let at = |x: usize, y: usize| field.values[y * field.size + x];
    let row = |y: usize| at(left, y) * (1.0 - fx) + at(right, y) * fx;
    row(top) * (1.0 - fy) + row(bottom) * fy
}
