//! The styles "outline", "bold", "thin" and "dotted": they redraw the strokes by their contour, width, or middle line. Lengths
//! are in pixels. Tests: in `styles/mod.rs`.

use super::field::{FINE, Field, distance_to, signed_distance};
use super::glyph::Glyph;
use super::skeleton;

/// A line of this half-width along the edge of the strokes, a little outside of it, so that thin
/// strokes keep a dark inside.
const OUTLINE_HALF_WIDTH: f32 = 0.68;
const OUTLINE_OFFSET: f32 = 0.75;

/// How far bold strokes grow on either side.
const BOLD_GROWTH: f32 = 1.4;
/// Radius that stays open of a hole: an 8 whose holes are closed is no longer an 8.
const HOLE_RADIUS: f32 = 0.9;
/// Holes with a smaller radius are specks, and are filled.
const SPECK_RADIUS: f32 = 0.4;

/// Half-width of the thin line.
const THIN_HALF_WIDTH: f32 = 0.65;

/// Distance of the lamps, each of which is one pixel.
const LAMP_PITCH: usize = 2;
/// A lamp shines with half its light when the middle line passes at this distance from the middle of its cell, and is out
/// 0.4 pixels further.
const LAMP_REACH: f32 = 1.25;

/// The contour of the strokes.
pub fn outline(glyph: &Glyph) -> Field {
    let edge = edge_distance(glyph);
    Field::fill(glyph.image.size, |i| (edge[i] - OUTLINE_OFFSET).abs() - OUTLINE_HALF_WIDTH)
}

/// Broader strokes, holes kept open.
pub fn bold(glyph: &Glyph) -> Field {
    let edge = edge_distance(glyph);
    let mut growth = vec![BOLD_GROWTH; edge.len()];
    for hole in holes(&edge, glyph.image.size * FINE) {
        let radius = hole.iter().map(|&i| edge[i]).fold(0.0, f32::max);
        if radius > SPECK_RADIUS {
            let limit = (radius - HOLE_RADIUS).clamp(0.0, BOLD_GROWTH);
            hole.into_iter().for_each(|i| growth[i] = limit);
        }
    }
    Field::fill(glyph.image.size, |i| edge[i] - growth[i])
}

/// A fine line along the middle of the strokes.
pub fn thin(glyph: &Glyph) -> Field {
    let middle = skeleton::middle_line(&glyph.image);
    let distance = distance_to(&middle, glyph.image.size * FINE);
    Field::fill(glyph.image.size, |i| distance[i] - THIN_HALF_WIDTH)
}

/// Lamps along the middle of the strokes.
pub fn dotted(glyph: &Glyph) -> Field {
    let size = glyph.image.size;
    let line = distance_to(&skeleton::middle_line(&glyph.image), size * FINE);
    let line = Field { size: size * FINE, values: line };
    let mut lamps = Field { size, values: vec![0.0; size * size] };
    // A lamp shows what is around the middle of its cell.
    let middle = (LAMP_PITCH * FINE) as f32 / 2.0;
    for y in (0..size).step_by(LAMP_PITCH) {
        for x in (0..size).step_by(LAMP_PITCH) {
            let at = |i: usize| (i * FINE) as f32 + middle;
            let outside = line.sample(at(x), at(y)) - LAMP_REACH;
            lamps.values[y * size + x] = (0.5 - 1.25 * outside).clamp(0.0, 1.0);
        }
    }
    lamps
}

fn edge_distance(glyph: &Glyph) -> Vec<f32> {
    signed_distance(&glyph.image.ink(), glyph.image.size * FINE)
}

/// The points of every piece of the ground that the ink encloses.
fn holes(edge: &[f32], side: usize) -> Vec<Vec<usize>> {
    let mut seen: Vec<bool> = edge.iter().map(|&distance| distance <= 0.0).collect();
    let mut holes = Vec::new();
    for start in 0..edge.len() {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        let (mut piece, mut enclosed, mut next) = (vec![start], true, 0);
        while next < piece.len() {
            let (x, y) = (piece[next] % side, piece[next] / side);
            next += 1;
            if x == 0 || y == 0 || x + 1 == side || y + 1 == side {
                enclosed = false;
                continue;
            }
            for neighbour in [y * side + x - 1, y * side + x + 1, (y - 1) * side + x, (y + 1) * side + x] {
                if !seen[neighbour] {
                    seen[neighbour] = true;
                    piece.push(neighbour);
                }
            }
        }
        if enclosed {
            holes.push(piece);
        }
    }
    holes
}
