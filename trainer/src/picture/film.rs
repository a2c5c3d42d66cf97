//! A denoising over time: as a film strip of some of its steps, and as an animated GIF. Tests: here.

use std::borrow::Cow;
use std::path::Path;

use super::canvas::Canvas;
use super::grid::Grid;
use crate::error::{Error, Result};
use crate::files;

/// How fast colours are chosen, 1 (best) to 30: a few hundredths of a second for a frame.
const QUANTIZATION: i32 = 10;

/// `count` steps spread evenly over `0..total`, the first and the last always among them. Fewer where there are not so many.
pub fn spread_steps(total: usize, count: usize) -> Vec<usize> {
    match count.min(total) {
        0 => Vec::new(),
        1 => vec![total - 1],
        count => (0..count).map(|i| (i * (total - 1) + (count - 1) / 2) / (count - 1)).collect(),
    }
}

/// One row per digit, one column per step: `rows[digit][step]` are tiles of `size * size`, grey or in colour. Steps that a row lacks are
/// black.
pub fn film_strip(
    rows: &[Vec<Vec<u8>>],
    size: usize,
    scale: usize,
    row_labels: &[String],
    column_labels: &[String],
) -> Canvas {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let empty = vec![0; size * size];
    let tile = |row: &Vec<Vec<u8>>, i: usize| row.get(i).unwrap_or(&empty).clone();
    let tiles: Vec<Vec<u8>> = rows.iter().flat_map(|row| (0..columns).map(move |i| tile(row, i))).collect();
    Grid::new(size, columns).scale(scale).row_labels(row_labels).column_labels(column_labels).draw(&tiles)
}

/// Writes an endless animation. `delay`, and `hold` for the last frame, are how long a frame stays, in hundredths of a
/// second.
///
/// # Errors
/// No frames, frames of several sizes or of more than 65,535 pixels; that the file cannot be written.
pub fn save_gif(path: &Path, frames: &[Canvas], delay: u16, hold: u16) -> Result<()> {
    let refuse = |reason: String| Error::Picture { path: path.to_owned(), reason };
    let bytes = encode(frames, delay, hold).map_err(refuse)?;
    files::write_atomic(path, &bytes)
}

fn encode(frames: &[Canvas], delay: u16, hold: u16) -> std::result::Result<Vec<u8>, String> {
    let first = frames.first().ok_or("there is no frame")?;
    let side =
        |length: usize| u16::try_from(length).map_err(|_| format!("{length} pixels are more than a GIF can have"));
    let (width, height) = (side(first.width())?, side(first.height())?);
    // 256 grey levels are exactly what a GIF can hold: nothing is lost. Each frame in colour has a palette of its own.
    let in_colour = frames.iter().any(Canvas::is_coloured);
    let palette: Vec<u8> = (0..=255).flat_map(|level| [level; 3]).collect();
    let mut bytes = Vec::new();
    let text = |error: gif::EncodingError| error.to_string();
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &palette).map_err(text)?;
    encoder.set_repeat(gif::Repeat::Infinite).map_err(text)?;
    for (i, canvas) in frames.iter().enumerate() {
        if (canvas.width(), canvas.height()) != (first.width(), first.height()) {
            return Err(format!("frame {} has another size than the first", i + 1));
        }
        let delay = if i + 1 == frames.len() { hold } else { delay };
        let frame = match in_colour {
            true => {
                let canvas = canvas.clone().coloured();
                gif::Frame { delay, ..gif::Frame::from_rgb_speed(width, height, canvas.pixels(), QUANTIZATION) }
            }
            false => {
                let buffer = Cow::Borrowed(canvas.pixels());
                gif::Frame { width, height, delay, buffer, ..gif::Frame::default() }
            }
        };
        encoder.write_frame(&frame).map_err(text)?;
    }
    drop(encoder);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_reach_from_the_first_to_the_last() {
        assert_eq!(spread_steps(1000, 3), [0, 500, 999]);
        assert_eq!(spread_steps(20, 20), (0..20).collect::<Vec<_>>());
        assert_eq!(spread_steps(5, 20), [0, 1, 2, 3, 4]);
        assert_eq!((spread_steps(9, 1), spread_steps(0, 4)), (vec![8], vec![]));
    }

    #[test]
    fn a_strip_has_a_row_per_digit_and_a_column_per_step() {
        let rows = vec![vec![vec![255; 16]; 3], vec![vec![255; 16]; 2]];
        let strip = film_strip(&rows, 4, 1, &[], &[]);
        assert_eq!((strip.width(), strip.height()), (3 * 6 + 2, 2 * 6 + 2));
        assert_eq!(strip.pixels().iter().filter(|&&p| p == 255).count(), 5 * 16);
    }

    #[test]
    fn a_gif_keeps_every_level_and_the_timing() {
        let mut frames = vec![Canvas::new(16, 16, 0), Canvas::new(16, 16, 7)];
        (0..256).for_each(|i| frames[1].set(i % 16, i / 16, i as u8));
        let bytes = encode(&frames, 4, 150).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(&bytes[..]).unwrap();
        assert_eq!(decoder.repeat(), gif::Repeat::Infinite);
        assert_eq!(decoder.read_next_frame().unwrap().unwrap().delay, 4);
        let last = decoder.read_next_frame().unwrap().unwrap();
        assert_eq!(last.delay, 150);
        assert!(last.buffer.chunks(4).enumerate().all(|(i, p)| p == [i as u8, i as u8, i as u8, 255]));
    }

    #[test]
    fn a_gif_in_colour_has_the_colours_of_each_frame() {
        let mut last = Canvas::new(4, 4, 0);
        last.put(&[[250; 16], [120; 16], [10; 16]].concat(), 4, 0, 0, 1);
        let bytes = encode(&[Canvas::new(4, 4, 200), last], 4, 150).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(&bytes[..]).unwrap();
        assert_eq!(decoder.read_next_frame().unwrap().unwrap().buffer[..4], [200, 200, 200, 255]);
        let last = decoder.read_next_frame().unwrap().unwrap();
        assert_eq!((last.delay, &last.buffer[..4]), (150, &[250, 120, 10, 255][..]));
    }

    #[test]
    fn frames_that_do_not_fit_are_refused() {
        assert!(encode(&[], 1, 1).is_err());
        assert!(encode(&[Canvas::new(4, 4, 0), Canvas::new(4, 5, 0)], 1, 1).unwrap_err().contains("frame 2"));
    }
}
