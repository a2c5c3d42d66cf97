//! The style "slanted": set upright by the second moments of the ink, then leant over backwards, and fitted into the frame.
//! Tests: in `styles/mod.rs`.

use super::field::{FINE, Field, signed_distance};
use super::glyph::Glyph;

/// Pixels to the left per pixel upwards: handwriting leans the other way.
const LEAN: f32 = 0.6;

/// Radius, in points of the finer grid, over which edges are smoothed: shearing magnifies their steps.
const SMOOTHING: usize = 2;

/// Digits with less variance of their height, in square pixels, have no lean that could be measured.
const MIN_VARIANCE: f32 = 0.5;

/// Pixels that are kept free along the frame.
const MARGIN: f32 = 2.0;

/// Draws a picture in this style.
pub fn draw(glyph: &Glyph) -> Field {
    let image = &glyph.image;
    let size = image.size as f32;
    let Moments { x, y, lean } = moments(image);
    // A point of the picture at (px, py) moves to x + (px - x) + shear * (py - y).
    let shear = lean + LEAN;
    let (left, right) = extent(image, |px, py| px - x + shear * (py - y));
    let middle = (left + right) / 2.0;
    let squeeze = ((size - 2.0 * MARGIN) / (right - left).max(1.0)).min(1.0);
    // Drawn from the distance to the edge: it stays smooth where sheared pixels would leave steps.
    let side = image.size * FINE;
    let edge = Field { size: side, values: signed_distance(&image.ink(), side) }.blurred(SMOOTHING);
    let at = |i: usize| (i as f32 + 0.5) / FINE as f32;
    Field::fill(image.size, |i| {
        let (px, py) = (at(i % side), at(i / side));
        let moved = (px - size / 2.0) / squeeze + middle;
        let (source_x, source_y) = (moved - shear * (py - y) + x, py);
        let inside = (0.0..size).contains(&source_x);
        if inside { edge.sample(source_x * FINE as f32, source_y * FINE as f32) } else { 1.0 }
    })
}

/// Centre of the ink in pixels, and its lean.
struct Moments {
    x: f32,
    y: f32,
    /// Pixels to the right per pixel upwards.
    lean: f32,
}

fn moments(image: &Field) -> Moments {
    let points = || {
        image
            .values
            .iter()
            .enumerate()
            .map(|(i, &ink)| ((i % image.size) as f32 + 0.5, (i / image.size) as f32 + 0.5, ink))
    };
    let mass = points().map(|(_, _, ink)| ink).sum::<f32>().max(1e-6);
    let mean = |value: &dyn Fn(f32, f32) -> f32| points().map(|(x, y, ink)| value(x, y) * ink).sum::<f32>() / mass;
    let (x, y) = (mean(&|x, _| x), mean(&|_, y| y));
    let variance = mean(&|_, py| (py - y) * (py - y));
    let covariance = mean(&|px, py| (px - x) * (py - y));
    let lean = if variance < MIN_VARIANCE { 0.0 } else { -covariance / variance };
    Moments { x, y, lean }
}

/// Smallest and largest value over the ink.
fn extent(image: &Field, value: impl Fn(f32, f32) -> f32) -> (f32, f32) {
    let inked = image.values.iter().enumerate().filter(|&(_, &ink)| ink > 0.3);
    let values = inked.map(|(i, _)| value((i % image.size) as f32 + 0.5, (i / image.size) as f32 + 0.5));
    let (low, high) = values.fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)));
    if low > high { (0.0, 0.0) } else { (low, high) }
}
