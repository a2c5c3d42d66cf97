//! The style "seven-segment": digits 0 to F. Position, size, lean and width of the bars vary from picture to picture. Tests: in
//! `styles/mod.rs`.

use super::field::{FINE, Field};
use super::glyph::Glyph;

/// Labels that have a digit.
pub const CLASSES: usize = 16;

/// Which bars are lit: bit 0 is the top one, then clockwise, bit 6 the middle one.
const LIT: [u8; CLASSES] = [
    0b011_1111, 0b000_0110, 0b101_1011, 0b100_1111, 0b110_0110, 0b110_1101, 0b111_1101, 0b000_0111, 0b111_1111,
    0b110_1111, 0b111_0111, 0b111_1100, 0b011_1001, 0b101_1110, 0b111_1001, 0b111_0001,
];

/// Centre of every bar in units of half the digit's width and half its height, and whether it is
/// upright.
const BARS: [(f32, f32, bool); 7] = [
    (0.0, -1.0, false),
    (1.0, -0.5, true),
    (1.0, 0.5, true),
    (0.0, 1.0, false),
    (-1.0, 0.5, true),
    (-1.0, -0.5, true),
    (0.0, 0.0, false),
];

/// Everything below is in pixels of a picture of this side.
const DESIGN_SIZE: f32 = 28.0;
const HALF_WIDTH: f32 = 4.7;
const HALF_HEIGHT: f32 = 8.2;
const BAR_HALF_WIDTH: f32 = 1.25;
/// Distance between the tips of two bars that meet.
const GAP: f32 = 0.55;

/// Draws a label's digit; the picture itself gives only the size.
pub fn draw(glyph: &Glyph) -> Field {
    let mut noise = glyph.noise.clone();
    let mut around = |middle: f32, spread: f32| middle + spread * (2.0 * noise.uniform() - 1.0);
    let (shift_x, shift_y) = (around(0.0, 1.3), around(0.0, 1.3));
    let (lean, scale) = (around(0.1, 0.1), around(1.0, 0.1));
    let (narrow, thickness) = (around(1.0, 0.1), around(BAR_HALF_WIDTH, 0.3));
    let lit = LIT[usize::from(glyph.label) % CLASSES];

    let size = glyph.image.size;
    let unit = size as f32 / DESIGN_SIZE;
    let (half_width, half_height) = (HALF_WIDTH * scale * narrow, HALF_HEIGHT * scale);
    let side = size * FINE;
    let at = |i: usize| (i as f32 + 0.5) / FINE as f32 / unit - DESIGN_SIZE / 2.0;
    Field::fill(size, |i| {
        let y = at(i / side) - shift_y;
        let x = at(i % side) - shift_x + lean * y;
        let bars = BARS.iter().enumerate().filter(|(bar, _)| lit >> bar & 1 == 1);
        let distance = bars.map(|(_, &(cx, cy, upright))| {
            let (dx, dy) = ((x - cx * half_width).abs(), (y - cy * half_height).abs());
            let (along, across, half_length) = if upright { (dy, dx, half_height / 2.0) } else { (dx, dy, half_width) };
            // A bar with pointed ends, cut at 45 degrees.
            let tip = (along + across - (half_length - GAP / 2.0)) * std::f32::consts::FRAC_1_SQRT_2;
            tip.max(across - thickness)
        });
        distance.fold(f32::MAX, f32::min) * unit
    })
}
