//! Chalk on slate.

use super::sheet::{Place, Sheet, mixed};

const WIDTH: [f32; 2] = [-0.1, 0.5];
/// Of the slate: lightness, and how colourful it is.
const SLATE: [[f32; 2]; 2] = [[0.13, 0.24], [0.0, 0.35]];
const CHALK: [[f32; 2]; 2] = [[0.78, 0.95], [0.0, 0.3]];
/// Cells of the slate's pits along a side, which chalk leaves out, and of the haze that a sponge leaves.
const PITS: usize = 22;
const HAZE: usize = 4;
/// How light the haze is at most.
const HAZE_LIGHT: f32 = 0.07;
const GRAIN: f32 = 0.015;

pub fn draw(mut sheet: Sheet) -> Vec<u8> {
    let (width, across) = (sheet.between(WIDTH), sheet.across);
    let slate = sheet.colour(SLATE[0], SLATE[1]);
    let chalk = sheet.colour(CHALK[0], CHALK[1]);
    let (pits, haze) = (sheet.texture(PITS), sheet.texture(HAZE));
    sheet.paint(|Place { x, y, distance, grain }| {
        let ground = slate.map(|level| level + HAZE_LIGHT * haze.at(x, y) + GRAIN * grain);
        // Least chalk sticks at a stroke's edge.
        let depth = (width - distance).clamp(0.0, 1.5) / 1.5;
        let sticks = (1.6 * pits.at(x, y) + 0.55 * depth - 0.1).clamp(0.3, 1.0);
        mixed(ground, chalk.map(|level| level + 2.0 * GRAIN * grain), Sheet::covered(across, distance - width) * sticks)
    })
}
