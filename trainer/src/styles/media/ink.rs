//! Ink on paper.

use super::sheet::{Place, Sheet, mixed};

/// How far the edge of the strokes moves at most, inwards and outwards, in pixels of the digit.
const WIDTH: [f32; 2] = [-0.25, 0.45];
/// Of the paper, 0 black to 1 white, and how colourful it is.
const PAPER: [[f32; 2]; 2] = [[0.82, 0.97], [0.0, 0.16]];
/// Of the ink.
const INK: [[f32; 2]; 2] = [[0.08, 0.42], [0.0, 0.9]];
/// How much lighter the ink is where the pen was pressed least.
const PRESSURE: f32 = 0.12;
/// Cells of the pressure's noise along a side.
const PRESSURE_CELLS: usize = 5;
/// Deviation of the paper's grain.
const GRAIN: f32 = 0.006;

pub fn draw(mut sheet: Sheet) -> Vec<u8> {
    let (width, across) = (sheet.between(WIDTH), sheet.across);
    let paper = sheet.colour(PAPER[0], PAPER[1]);
    let ink = sheet.colour(INK[0], INK[1]);
    let pressure = sheet.texture(PRESSURE_CELLS);
    sheet.paint(|Place { x, y, distance, grain }| {
        let covered = Sheet::covered(across, distance - width);
        let light = PRESSURE * pressure.at(x, y);
        let stroke = ink.map(|level| level + (1.0 - level) * light + 0.5 * GRAIN * grain);
        mixed(paper.map(|level| level + GRAIN * grain), stroke, covered)
    })
}
