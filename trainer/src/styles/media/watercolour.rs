//! Thin paint that runs, darkest where it dries last.

use super::sheet::{Place, Sheet, colour, mixed};

const WIDTH: [f32; 2] = [0.1, 0.7];
/// Of the paper: lightness, and how colourful it is.
const PAPER: [[f32; 2]; 2] = [[0.92, 0.98], [0.0, 0.05]];
/// Of the paint, and how far the second hue is from the first.
const LIGHTNESS: [f32; 2] = [0.42, 0.56];
const SHARE: [f32; 2] = [0.5, 0.8];
const APART: [f32; 2] = [0.5, 1.6];
/// Cells along a side of what moves the edge, and of what mixes the two paints; how far the edge moves.
const EDGE_CELLS: usize = 11;
const MIX_CELLS: usize = 4;
const RUNS: f32 = 1.1;
/// How much paint there is within, and at the edge.
const WASH: f32 = 0.62;
const RIM: f32 = 0.38;
const GRAIN: f32 = 0.007;

pub fn draw(mut sheet: Sheet) -> Vec<u8> {
    let (width, across) = (sheet.between(WIDTH), sheet.across);
    let paper = sheet.colour(PAPER[0], PAPER[1]);
    let (hue, apart) = (sheet.between([0.0, 6.0]), sheet.between(APART));
    let (share, lightness) = (sheet.between(SHARE), sheet.between(LIGHTNESS));
    let paints = [colour(hue, share, lightness), colour((hue + apart) % 6.0, share, lightness)];
    let (edge, mix) = (sheet.texture(EDGE_CELLS), sheet.texture(MIX_CELLS));
    sheet.paint(|Place { x, y, distance, grain }| {
        let distance = distance - width + RUNS * (edge.at(x, y) - 0.5);
        let paint = mixed(paints[0], paints[1], mix.at(x, y));
        let rim = RIM * (1.0 - (distance + 0.45).abs() / 0.7).max(0.0);
        let amount = (WASH + rim + 0.12 * (mix.at(y, x) - 0.5)) * Sheet::covered(0.7 * across, distance);
        mixed(paper.map(|level| level + GRAIN * grain), paint.map(|level| level + 0.5 * GRAIN * grain), amount)
    })
}
