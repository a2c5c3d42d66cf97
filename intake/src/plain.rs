//! The fits that leave a picture as it is, but for its size. Tests: below.

use crate::error::{Error, Result};
use crate::flat::{Flat, median};
use crate::options::{Character, Fit, Ink, Notes, Prepared};
use crate::picture::Rect;
use crate::resample::{Window, resample};

/// Levels from the middle of the ground's within which a pixel is ground.
const NEAR: u8 = 24;
/// Share of the edge's pixels, and of all, that are ground where a picture is a drawing.
const EDGE: f32 = 0.6;
const WHOLE: f32 = 0.5;

/// Fits by scaling alone.
pub(crate) fn fit(flat: &Flat<'_>, size: usize, fit: Fit, ink: Ink) -> Result<Prepared> {
    let (width, height) = flat.size();
    if fit == Fit::None && (width, height) != (size, size) {
        return Err(Error::WrongSize { width, height, size });
    }
    let ground = Ground::of(flat);
    let ink = match (ink, flat.ink) {
        (Ink::Auto, Some(ink)) => ink,
        // What has no clear ground is no drawing, and left as it is.
        (Ink::Auto, None) if ground.clear && ground.level >= 128 => Ink::Dark,
        (Ink::Auto, None) => Ink::Light,
        (asked, _) => asked,
    };
    let (part, out) = placed(width, height, size, fit);
    let scaled = resample((width, height), part, out, |y, row| flat.grey(y, row));
    let mut square = vec![f32::from(ground.level); size * size];
    let (left, top) = ((size - out.0) / 2, (size - out.1) / 2);
    for (line, row) in square.chunks_exact_mut(size).skip(top).zip(scaled.chunks_exact(out.0)) {
        line[left..left + out.0].copy_from_slice(row);
    }
    let byte = |value: f32| (value + 0.5) as u8;
    let pixels =
        square.into_iter().map(|value| if ink == Ink::Dark { 255 - byte(value) } else { byte(value) }).collect();
    let from = Rect {
        x: part.x as usize,
        y: part.y as usize,
        width: part.width.ceil() as usize,
        height: part.height.ceil() as usize,
    };
    let characters = vec![Character { pixels, from }];
    Ok(Prepared { characters, fit, ink, coloured: false, notes: Notes::default() })
}

/// Which part of a picture becomes how large.
pub(crate) fn placed(width: usize, height: usize, size: usize, fit: Fit) -> (Window, (usize, usize)) {
    let (w, h) = (width as f32, height as f32);
    let whole = Window { x: 0.0, y: 0.0, width: w, height: h };
    match fit {
        Fit::Pad => {
            let scaled = |side: usize| ((side * size) as f32 / w.max(h)).round().max(1.0) as usize;
            (whole, (scaled(width).min(size), scaled(height).min(size)))
        }
        Fit::Crop => {
            let side = w.min(h);
            let part = Window { x: (w - side) / 2.0, y: (h - side) / 2.0, width: side, height: side };
            (part, (size, size))
        }
        _ => (whole, (size, size)),
    }
}

/// What is around the ink, as far as the edge shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ground {
    /// The middle of the grey values at the edge.
    pub level: u8,
    /// Whether it is one level almost everywhere, as in drawings.
    pub clear: bool,
}

impl Ground {
    pub fn of(flat: &Flat<'_>) -> Self {
        let (width, height) = flat.size();
        let mut row = vec![0.0; width];
        let (mut edge, mut counts) = (Vec::new(), [0usize; 256]);
        for y in 0..height {
            flat.grey(y, &mut row);
            row.iter().for_each(|&value| counts[usize::from(value as u8)] += 1);
            if y == 0 || y + 1 == height {
                edge.extend(row.iter().map(|&value| value as u8));
            } else {
                edge.extend([row[0] as u8, row[width - 1] as u8]);
            }
        }
        let level = median(edge.iter().copied());
        let near = |value: u8| value.abs_diff(level) <= NEAR;
        let at_edge = edge.iter().filter(|&&value| near(value)).count() as f32;
        let all = (0..=255).filter(|&value| near(value)).map(|value| counts[usize::from(value)]).sum::<usize>() as f32;
        let clear = at_edge >= EDGE * edge.len() as f32 && all >= WHOLE * (width * height) as f32;
        Self { level, clear }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::prepare;
    use crate::options::Options;
    use crate::picture::Picture;

    fn grey(width: usize, height: usize, value: impl Fn(usize, usize) -> u8) -> Picture {
        let pixel = |i: usize| {
            let value = value(i % width, i / width);
            [value, value, value, 255]
        };
        Picture::new(width, height, (0..width * height).flat_map(pixel).collect()).unwrap()
    }

    fn fitted(picture: &Picture, fit: Fit, ink: Ink) -> Prepared {
        prepare(picture, &Options { size: 4, fit, ink, one: false }).unwrap()
    }

    #[test]
    fn none_takes_one_size_and_turns_dark_ink() {
        let stroke = grey(4, 4, |x, _| if x == 1 { 0 } else { 250 });
        let prepared = fitted(&stroke, Fit::None, Ink::Auto);
        assert_eq!((&prepared.characters[0].pixels[..4], prepared.ink), (&[5, 255, 5, 5][..], Ink::Dark));
        assert_eq!(fitted(&stroke, Fit::None, Ink::Light).characters[0].pixels[..2], [250, 0]);
        let wrong = prepare(&grey(5, 4, |_, _| 0), &Options { size: 4, fit: Fit::None, ink: Ink::Auto, one: false });
        assert_eq!(wrong, Err(Error::WrongSize { width: 5, height: 4, size: 4 }));
        // A picture full of levels is no drawing.
        let full = grey(4, 4, |x, y| (x * 60 + y * 15) as u8);
        assert_eq!(fitted(&full, Fit::None, Ink::Auto).ink, Ink::Light);
    }

    #[test]
    fn shapes_are_padded_cropped_and_stretched() {
        let wide = grey(8, 4, |x, y| if x < 4 && y > 0 { 200 } else { 0 });
        let padded = fitted(&wide, Fit::Pad, Ink::Light);
        assert_eq!(padded.characters[0].pixels, [0, 0, 0, 0, 100, 100, 0, 0, 200, 200, 0, 0, 0, 0, 0, 0]);
        let cropped = fitted(&wide, Fit::Crop, Ink::Light);
        assert_eq!(cropped.characters[0].pixels[4..8], [200, 200, 0, 0]);
        assert_eq!(cropped.characters[0].from, Rect { x: 2, y: 0, width: 4, height: 4 });
        assert_eq!(fitted(&wide, Fit::Stretch, Ink::Light).characters[0].pixels[4..8], [200, 200, 0, 0]);
        // Padded with paper's own level, not with black.
        let paper = grey(8, 4, |x, _| if x == 3 { 20 } else { 230 });
        let padded = fitted(&paper, Fit::Pad, Ink::Auto);
        assert_eq!((padded.ink, padded.characters[0].pixels[0]), (Ink::Dark, 25));
    }
}
