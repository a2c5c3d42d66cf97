//! A digit as ink on paper, larger and in colour. Unlike a style, which changes a picture that the network sees, this makes one of
//! another size of it: what an autoencoder learns from. Strokes are smooth, for they are drawn from the distance to their edge;
//! paper, ink, width and grain are each picture's own. Tests: here.

use diffusion::noise::NoiseSource;

use super::field::{FINE, Field, signed_distance};

/// The stream of a picture's seed, apart from those of styles, which are labels.
const STREAM: u64 = 1 << 32;
/// How far the edge of the strokes moves at most, inwards and outwards, in pixels of the digit.
const WIDTH: [f32; 2] = [-0.25, 0.45];
/// Of the paper, 0 black to 1 white.
const PAPER: [f32; 2] = [0.82, 0.97];
/// Of the ink.
const INK: [f32; 2] = [0.06, 0.34];
/// Most colour of the paper and of the ink, as a share of their lightness.
const COLOUR: [f32; 2] = [0.16, 0.75];
/// How much lighter the ink is where the pen was pressed least.
const PRESSURE: f32 = 0.12;
/// Cells of the pressure's noise along a side.
const PRESSURE_CELLS: usize = 5;
/// Deviation of the paper's grain.
const GRAIN: f32 = 0.012;

/// The digit in ink, `side` pixels a side. Depends on nothing but the arguments: `index`, the picture's index in its data set,
/// is the seed.
///
/// # Shapes
/// `image`: `size * size` grey bytes, light strokes on black. The result: `3 * side * side` bytes, all of red, row by row, then
/// green, then blue.
pub fn ink(image: &[u8], size: usize, side: usize, index: u64) -> Vec<u8> {
    let mut noise = NoiseSource::with_stream(index, STREAM);
    let mut between = |[low, high]: [f32; 2]| low + (high - low) * noise.uniform();
    let (width, paper, ink) = (between(WIDTH), between(PAPER), between(INK));
    let paper = colour(between([0.0, 6.0]), between([0.0, COLOUR[0]]), paper);
    let ink = colour(between([0.0, 6.0]), between([0.0, COLOUR[1]]), ink);
    let fine = size * FINE;
    let edge = Field { size: fine, values: signed_distance(&Field::from_grey(image, size).ink(), fine) };
    // The finer grid's steps are rounded off.
    let edge = edge.blurred(1);
    let pressure =
        Field { size: PRESSURE_CELLS, values: (0..PRESSURE_CELLS.pow(2)).map(|_| noise.uniform()).collect() };
    let (across, per_pixel) = (side as f32 / size as f32, 1.0 / side as f32);
    let mut pixels = vec![0; 3 * side * side];
    for i in 0..side * side {
        let [x, y] = [i % side, i / side].map(|at| (at as f32 + 0.5) * per_pixel);
        let distance = sample(&edge, x, y) - width;
        let covered = (0.5 - distance * across).clamp(0.0, 1.0);
        let light = PRESSURE * smooth(&pressure, x, y);
        let grain = GRAIN * noise.normal();
        for channel in 0..3 {
            let ground = paper[channel] + grain;
            let stroke = ink[channel] + (1.0 - ink[channel]) * light + 0.5 * grain;
            let value = ground + (stroke - ground) * covered;
            pixels[channel * side * side + i] = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        }
    }
    pixels
}

/// Red, green and blue of a hue, 0 to 6 once around; `share` of it is colour, the rest is grey of this lightness.
fn colour(hue: f32, share: f32, lightness: f32) -> [f32; 3] {
    // A hexagon, without functions that differ between platforms.
    let level = |offset: f32| {
        let at = (hue + offset) % 6.0;
        ((at - 3.0).abs() - 1.0).clamp(0.0, 1.0)
    };
    [level(0.0), level(4.0), level(2.0)].map(|level| (lightness * (1.0 + share * (2.0 * level - 1.0))).clamp(0.0, 1.0))
}

/// Bilinear sample of a field at a place from 0 to 1; beyond the centres of the outermost points, theirs.
fn sample(field: &Field, x: f32, y: f32) -> f32 {
    let most = (field.size - 1) as f32;
    let [x, y] = [x, y].map(|at| (at * field.size as f32 - 0.5).clamp(0.0, most));
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(field.size - 1), (top + 1).min(field.size - 1));
    let (fx, fy) = (x - left as f32, y - top as f32);
    let at = |x: usize, y: usize| field.values[y * field.size + x];
    let row = |y: usize| at(left, y) * (1.0 - fx) + at(right, y) * fx;
    row(top) * (1.0 - fy) + row(bottom) * fy
}

/// The same from corner to corner, with soft bends at the points.
fn smooth(field: &Field, x: f32, y: f32) -> f32 {
    let ease = |at: f32| {
        let at = at * (field.size - 1) as f32;
        let (cell, part) = (at as usize as f32, at - at as usize as f32);
        (cell + part * part * (3.0 - 2.0 * part) + 0.5) / field.size as f32
    };
    sample(field, ease(x), ease(y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::drawn_digit;

    const SIDE: usize = 64;

    /// Mean of the three channels of each pixel.
    fn lightness(pixels: &[u8]) -> Vec<f32> {
        let area = pixels.len() / 3;
        (0..area).map(|i| (0..3).map(|c| f32::from(pixels[c * area + i])).sum::<f32>() / 3.0).collect()
    }

    #[test]
    fn the_same_digit_gives_the_same_bytes_and_another_index_another_sheet() {
        let digit = drawn_digit(7);
        let sheets: Vec<Vec<u8>> = (0..3).map(|index| ink(&digit, 28, SIDE, index)).collect();
        assert_eq!(sheets[1], ink(&digit, 28, SIDE, 1));
        assert!(sheets.iter().all(|sheet| sheet.len() == 3 * SIDE * SIDE));
        assert!(sheets[0] != sheets[1] && sheets[1] != sheets[2]);
        // The same on every platform and for ever: data sets are made of them.
        let sum = sheets[0].iter().fold(0u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        assert_eq!(sum, GOLDEN, "{sum}");
    }

    const GOLDEN: u64 = 4_772_863_205_944_422_256;

    #[test]
    fn dark_ink_on_light_paper_shows_the_digit() {
        for index in 0..20 {
            let sheet = lightness(&ink(&drawn_digit(1), 28, SIDE, index));
            let (paper, stroke) = (sheet[0], sheet[SIDE / 2 * SIDE + SIDE / 2]);
            assert!(paper > 170.0 && stroke < 140.0 && paper - stroke > 80.0, "{index}: {paper} {stroke}");
            // Halved in size, it is the digit: dark where that is light.
            let digit = drawn_digit(1);
            let wrong = (0..28 * 28).filter(|&i| {
                let at = (i / 28 * SIDE / 28 + 1) * SIDE + i % 28 * SIDE / 28 + 1;
                let dark = sheet[at] < (paper + stroke) / 2.0;
                (digit[i] > 200 && !dark) || (digit[i] < 20 && dark)
            });
            assert!(wrong.count() < 12, "{index}");
        }
    }

    #[test]
    fn edges_are_smooth_and_colours_differ() {
        let sheet = lightness(&ink(&drawn_digit(0), 28, SIDE, 4));
        let (least, most) = sheet.iter().fold((255f32, 0f32), |(least, most), &v| (least.min(v), most.max(v)));
        let between = sheet.iter().filter(|&&v| v > least + 40.0 && v < most - 40.0).count();
        assert!(between > 100, "{between} pixels are neither ink nor paper");
        let colours: std::collections::BTreeSet<[u8; 3]> = (0..30)
            .map(|index| ink(&drawn_digit(0), 28, SIDE, index))
            .map(|s| [0, 1, 2].map(|c| s[c * SIDE * SIDE] / 8))
            .collect();
        assert!(colours.len() > 15, "{colours:?}");
    }
}
