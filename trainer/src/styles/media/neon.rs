//! A bent tube that glows in the dark.

use super::sheet::{Place, Sheet, mixed};

/// How far from the strokes' edge the tube's is, inwards.
const TUBE: [f32; 2] = [0.1, 0.5];
/// Of the wall: lightness, and how colourful it is.
const WALL: [[f32; 2]; 2] = [[0.03, 0.09], [0.0, 0.6]];
/// Of the light.
const LIGHT: [[f32; 2]; 2] = [[0.5, 0.58], [0.75, 1.0]];
/// Pixels of the digit at which the glow is half as bright.
const REACH: [f32; 2] = [1.1, 2.0];
/// Of the glow at the tube.
const GLOW: f32 = 0.62;
const GRAIN: f32 = 0.008;

pub fn draw(mut sheet: Sheet) -> Vec<u8> {
    let (tube, reach, across) = (sheet.between(TUBE), sheet.between(REACH), sheet.across);
    let wall = sheet.colour(WALL[0], WALL[1]);
    let light = sheet.colour(LIGHT[0], LIGHT[1]);
    sheet.paint(|Place { distance, grain, .. }| {
        let away = (distance + tube).max(0.0) / reach;
        let glow = GLOW / (1.0 + away * away);
        let around = [0, 1, 2].map(|c| wall[c] + light[c] * glow * (1.0 - 0.12 / (0.12 + glow)) + GRAIN * grain);
        // White where the gas is deepest.
        let core = mixed(light, [1.0; 3], 0.55 + 0.4 * (-(distance + tube)).clamp(0.0, 1.0));
        mixed(around, core, Sheet::covered(across, distance + tube))
    })
}
