//! The style "inverted", a scratchboard: the ground is scratched bright with parallel strokes, the digit stays dark. Tests:
//! in `styles/mod.rs`.

use super::field::{FINE, Field, signed_distance};
use super::glyph::Glyph;

/// Distance of the scratches in pixels.
const PITCH: f32 = 3.0;
/// How dark it is between two scratches, 0 to 1.
const GROOVE: f32 = 0.35;

/// Scratches go this many pixels down per pixel to the right.
const SLOPE: f32 = -1.0;

/// The dark digit grows by this many pixels, so that thin strokes stay readable.
const GROWTH: f32 = 0.2;

/// Draws a picture in this style.
pub fn draw(glyph: &Glyph) -> Field {
    let size = glyph.image.size;
    let side = size * FINE;
    let edge = signed_distance(&glyph.image.ink(), side);
    let across = (1.0 + SLOPE * SLOPE).sqrt();
    let ground = Field::fill(size, |i| GROWTH - edge[i]);
    let grooves = Field::from_fn(size, 1, |x, y| {
        let phase = (y - SLOPE * x) / across / PITCH;
        1.0 - GROOVE * (0.5 + 0.5 * (phase * std::f32::consts::TAU).cos())
    });
    let values = ground.values.iter().zip(&grooves.values).map(|(g, groove)| g * groove).collect();
    Field { size, values }
}
