//! Styles that redraw the strokes: their contour, their width, or their middle line.

use super::Glyph;
use super::field::{FINE, Field, distance_to, signed_distance};
use super::skeleton;

/// A line of this half-width along the edge of the strokes, a little outside of it, so that thin
/// strokes keep a dark inside.
const OUTLINE_HALF_WIDTH: f32 = 0.6;
const OUTLINE_OFFSET: f32 = 0.75;

/// How far bold strokes grow on either side.
const BOLD_GROWTH: f32 = 1.5;

/// Half-width of the thin line.
const THIN_HALF_WIDTH: f32 = 0.65;

/// Radius of the dots and the distance of their centres.
const DOT_RADIUS: f32 = 1.1;
const DOT_SPACING: f32 = 3.3;

pub fn outline(glyph: &Glyph) -> Field {
    let edge = edge_distance(glyph);
    Field::fill(glyph.image.size, |i| (edge[i] - OUTLINE_OFFSET).abs() - OUTLINE_HALF_WIDTH)
}

pub fn bold(glyph: &Glyph) -> Field {
    let edge = edge_distance(glyph);
    Field::fill(glyph.image.size, |i| edge[i] - BOLD_GROWTH)
}

pub fn thin(glyph: &Glyph) -> Field {
    let middle = skeleton::middle_line(&glyph.image);
    let distance = distance_to(&middle, glyph.image.size * FINE);
    Field::fill(glyph.image.size, |i| distance[i] - THIN_HALF_WIDTH)
}

pub fn dotted(glyph: &Glyph) -> Field {
    let side = glyph.image.size * FINE;
    let middle = skeleton::middle_line(&glyph.image);
    let mut dots = vec![false; side * side];
    for point in skeleton::spaced_points(&middle, side, DOT_SPACING * FINE as f32) {
        dots[point] = true;
    }
    let distance = distance_to(&dots, side);
    Field::fill(glyph.image.size, |i| distance[i] - DOT_RADIUS)
}

fn edge_distance(glyph: &Glyph) -> Vec<f32> {
    signed_distance(&glyph.image.ink(), glyph.image.size * FINE)
}
