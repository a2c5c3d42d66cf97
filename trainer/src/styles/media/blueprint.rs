//! White contours on a blue grid.

use super::sheet::{Place, Sheet, colour, mixed};

/// Of the paper: hue, about 4 is blue, lightness, and how colourful it is.
const HUE: [f32; 2] = [3.6, 4.05];
const LIGHTNESS: [f32; 2] = [0.3, 0.42];
const SHARE: [f32; 2] = [0.55, 0.85];
/// How far from the strokes' edge the contour is, outwards, and half its width.
const OFFSET: [f32; 2] = [0.0, 0.5];
const LINE: [f32; 2] = [0.38, 0.55];
/// Lines of the grid along a side, how light they are, and half their width of the distance between them.
const GRID: [f32; 2] = [7.0, 9.0];
const GRID_LIGHT: f32 = 0.16;
const GRID_LINE: f32 = 0.06;
/// Of what is within the contours.
const WITHIN: f32 = 0.16;
const GRAIN: f32 = 0.01;

pub fn draw(mut sheet: Sheet) -> Vec<u8> {
    let (hue, share, lightness) = (sheet.between(HUE), sheet.between(SHARE), sheet.between(LIGHTNESS));
    let paper = colour(hue, share, lightness);
    let (offset, line, across) = (sheet.between(OFFSET), sheet.between(LINE), sheet.across);
    let lines = sheet.between(GRID).round();
    let from = [sheet.between([0.0, 1.0]), sheet.between([0.0, 1.0])];
    sheet.paint(|Place { x, y, distance, grain }| {
        let distance = distance - offset;
        let grid = [x, y].into_iter().zip(from).map(|(at, from)| ((at * lines + from) % 1.0 - 0.5).abs());
        let on_grid = if grid.fold(1.0, f32::min) < GRID_LINE { GRID_LIGHT } else { 0.0 };
        let within = WITHIN * Sheet::covered(across, distance);
        let ground = mixed(paper.map(|level| level + GRAIN * grain), [1.0; 3], on_grid.max(within));
        mixed(ground, [0.96, 0.98, 1.0], Sheet::covered(across, distance.abs() - line))
    })
}
