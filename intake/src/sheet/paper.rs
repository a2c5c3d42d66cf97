//! A sheet as one plane of light: how much of the paper's own reaches the camera, where the ink's colour takes most of it.
//! Tests: below.

use crate::flat::Flat;
use crate::options::Ink;
use crate::resample::{Window, resample};

use super::ground::transposed;

/// Differences among values far below these are noise, not ink; on a board more so, as its ground is the dark one.
const DARKEST: f32 = 16.0;
const DARKEST_GROUND: f32 = 48.0;

/// A sheet, scaled down where it is larger than what is worked on.
pub(crate) struct Paper {
    pub width: usize,
    pub height: usize,
    /// Pixels here to those of the picture.
    pub scale: f32,
    /// Red, green and blue.
    colours: [Vec<f32>; 3],
}

impl Paper {
    /// Of about `pixels` pixels at most.
    pub fn of(flat: &Flat<'_>, pixels: usize) -> Self {
        let (w, h) = flat.size();
        let whole = Window { x: 0.0, y: 0.0, width: w as f32, height: h as f32 };
        let scale = (pixels as f32 / (w as f32 * h as f32)).sqrt().min(1.0);
        let scaled = |length: usize| ((length as f32 * scale).round() as usize).clamp(1, pixels);
        let (width, height) = (scaled(w), scaled(h));
        let colour = |of: usize| resample((w, h), whole, (width, height), |y, row| flat.channel(of, y, row));
        Self { width, height, scale, colours: [0, 1, 2].map(colour) }
    }

    /// Light, about 1 on paper, for ink that is dark or light: the share of the paper's colour that is left in red, in green, or
    /// in green and blue, whichever is least. Blue ink takes red away, red ink green and blue, black and pencil all. Blue alone
    /// is too noisy in the light of lamps. For light ink it is the reciprocal: chalk on a board is as far from its ground then as
    /// the board's colour would be on chalk.
    pub fn light(&self, ink: Ink) -> Vec<f32> {
        let darkest = if ink == Ink::Light { DARKEST_GROUND } else { DARKEST };
        let paper = self.colours.each_ref().map(|colour| middle(colour) + darkest);
        let [red, green, blue] = &self.colours;
        let pixels = red.iter().zip(green).zip(blue);
        let least = pixels.map(|((&red, &green), &blue)| {
            let share = |value: f32, of: usize| match ink {
                Ink::Light => paper[of] / (value + darkest),
                _ => (value + darkest) / paper[of],
            };
            let [red, green, blue] = [share(red, 0), share(green, 1), share(blue, 2)];
            red.min(green).min((green + blue) / 2.0)
        });
        smooth(&least.collect::<Vec<_>>(), self.width)
    }
}

/// The middle of values of a byte's range.
fn middle(values: &[f32]) -> f32 {
    f32::from(crate::flat::median(values.iter().map(|&value| value as u8)))
}

/// Weights of 1, 2, 1 in both directions: what a camera's noise needs, and strokes bear.
fn smooth(values: &[f32], width: usize) -> Vec<f32> {
    let height = values.len() / width;
    let mut rows = values.to_vec();
    rows.chunks_exact_mut(width).for_each(smooth_line);
    let mut columns = transposed(&rows, width);
    columns.chunks_exact_mut(height).for_each(smooth_line);
    transposed(&columns, height)
}

fn smooth_line(line: &mut [f32]) {
    let Some(&last) = line.last() else { return };
    let mut before = line[0];
    for i in 0..line.len() {
        let next = line.get(i + 1).copied().unwrap_or(last);
        let smoothed = (before + 2.0 * line[i] + next) / 4.0;
        before = std::mem::replace(&mut line[i], smoothed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture;

    #[test]
    fn ink_of_any_colour_is_dark() {
        let inks = [[20, 20, 20], [40, 50, 160], [200, 40, 50], [30, 120, 60], [110, 110, 105]];
        for ink in inks {
            let pixels = (0..400).flat_map(|i| if i % 20 == 10 { ink } else { [230, 220, 190] }).collect::<Vec<u8>>();
            let rgba = pixels.chunks(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect();
            let picture = Picture::new(20, 20, rgba).unwrap();
            let paper = Paper::of(&Flat::new(&picture, Ink::Auto), 1000);
            let light = paper.light(Ink::Dark);
            assert!(light[0] > 0.95 && light[10] < 0.8, "{ink:?} {}", light[10]);
        }
    }

    #[test]
    fn a_line_is_smoothed_without_a_shift() {
        let mut line = [0.0, 0.0, 4.0, 0.0, 0.0, 8.0];
        smooth_line(&mut line);
        assert_eq!(line, [0.0, 1.0, 2.0, 1.0, 2.0, 6.0]);
    }
}
