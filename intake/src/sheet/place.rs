//! A character's ink as the network sees it, placed as MNIST's digits are (LeCun et al., <http://yann.lecun.com/exdb/mnist/>):
//! its longer side fills a box of 20 of 28 pixels, anti-aliased, and its centre of mass is the picture's middle. MNIST's
//! pictures were made of ones of two levels; so is this: ink or none, on a finer grid, of which each pixel is an average.
//!
//! A pen of half a millimetre would leave a shadow of grey in 20 pixels. MNIST's strokes are 1.5 to 4 pixels wide; thinner ones
//! are thickened to [`THINNEST`] on all sides alike, wider ones are left. Tests: below, with values of
//! `tests/fixtures/intake/place.py`.

use super::coverage::Coverage;
use super::distance::distances;
use crate::resample::{Window, resample};

/// MNIST's box in its picture.
const BOX: f32 = 20.0 / 28.0;
/// Parts of a pixel's side on the finer grid.
const FINE: usize = 8;
/// Pixels of 28 that a stroke is wide at least.
pub(crate) const THINNEST: f32 = 2.0;

/// Pixels of a network's picture of `size * size`.
pub(crate) fn place(ink: &Coverage, size: usize) -> Vec<u8> {
    let inner = ((size as f32 * BOX).round() as usize).max(1);
    let mask = thickened(&fine(ink, inner * FINE), THINNEST * inner as f32 / 20.0 * FINE as f32);
    into_box(&mask, inner, size)
}

/// Ink or none.
#[derive(Debug, Clone, PartialEq)]
struct Mask {
    width: usize,
    height: usize,
    ink: Vec<bool>,
}

/// The longer side scaled to `side`.
fn fine(ink: &Coverage, side: usize) -> Mask {
    let longer = ink.width.max(ink.height) as f32;
    let scaled = |length: usize| ((length as f32 * side as f32 / longer).round() as usize).max(1);
    let (width, height) = (scaled(ink.width), scaled(ink.height));
    let whole = Window { x: 0.0, y: 0.0, width: ink.width as f32, height: ink.height as f32 };
    let values = resample((ink.width, ink.height), whole, (width, height), |y, row| {
        row.copy_from_slice(&ink.values[y * ink.width..(y + 1) * ink.width]);
    });
    // Of a hair not half of a pixel is ink.
    let edge = 0.5f32.min(0.5 * values.iter().copied().fold(0.0, f32::max)).max(f32::MIN_POSITIVE);
    Mask { width, height, ink: values.into_iter().map(|value| value >= edge).collect() }
}

/// Strokes of at least `least` pixels.
fn thickened(mask: &Mask, least: f32) -> Mask {
    let missing = (least - stroke_width(mask)) / 2.0;
    if missing < 0.5 {
        return mask.clone();
    }
    let margin = missing.ceil() as usize;
    let (width, height) = (mask.width + 2 * margin, mask.height + 2 * margin);
    let mut ink = vec![false; width * height];
    for (line, row) in ink.chunks_exact_mut(width).skip(margin).zip(mask.ink.chunks_exact(mask.width)) {
        line[margin..margin + mask.width].copy_from_slice(row);
    }
    let reached = missing * missing;
    let ink = distances(&ink, width).into_iter().map(|squared| squared <= reached).collect();
    Mask { width, height, ink }
}

/// The width of most strokes: within one of width `w`, the distance to its edge is `w / 4` on average.
fn stroke_width(mask: &Mask) -> f32 {
    let (width, height) = (mask.width + 2, mask.height + 2);
    let mut ground = vec![true; width * height];
    for (line, row) in ground.chunks_exact_mut(width).skip(1).zip(mask.ink.chunks_exact(mask.width)) {
        for (ground, &ink) in line[1..].iter_mut().zip(row) {
            *ground = !ink;
        }
    }
    let squared = distances(&ground, width);
    let inside = squared.iter().filter(|&&squared| squared > 0.0);
    let (count, sum) = inside.fold((0usize, 0.0), |(count, sum), squared| (count + 1, sum + squared.sqrt() - 0.5));
    4.0 * sum / count.max(1) as f32
}

fn into_box(mask: &Mask, inner: usize, size: usize) -> Vec<u8> {
    let mut pixels = vec![0; size * size];
    let inked = |line: &[bool]| line.iter().any(|&ink| ink);
    let rows: Vec<usize> =
        (0..mask.height).filter(|y| inked(&mask.ink[y * mask.width..(y + 1) * mask.width])).collect();
    let in_column = |x: &usize| (0..mask.height).any(|y| mask.ink[y * mask.width + x]);
    let columns: Vec<usize> = (0..mask.width).filter(in_column).collect();
    let (Some(&top), Some(&bottom), Some(&left), Some(&right)) =
        (rows.first(), rows.last(), columns.first(), columns.last())
    else {
        return pixels;
    };
    let (width, height) = (right + 1 - left, bottom + 1 - top);
    let scaled = |length: usize| {
        let side = length as f32 * inner as f32 / width.max(height) as f32;
        (side.round() as usize).clamp(1, inner)
    };
    let (out_width, out_height) = (scaled(width), scaled(height));
    let part = Window { x: left as f32, y: top as f32, width: width as f32, height: height as f32 };
    let values = resample((mask.width, mask.height), part, (out_width, out_height), |y, row| {
        for (value, &ink) in row.iter_mut().zip(&mask.ink[y * mask.width..(y + 1) * mask.width]) {
            *value = if ink { 255.0 } else { 0.0 };
        }
    });
    let (x, y) = (shift(&values, out_width, size, |x, _| x), shift(&values, out_width, size, |_, y| y));
    let (x, y) = (x.clamp(0, (size - out_width) as isize), y.clamp(0, (size - out_height) as isize));
    for (line, row) in pixels.chunks_exact_mut(size).skip(y as usize).zip(values.chunks_exact(out_width)) {
        for (pixel, value) in line.iter_mut().skip(x as usize).zip(row) {
            *pixel = (value + 0.5) as u8;
        }
    }
    pixels
}

/// Whole pixels that bring the centre of mass next to the middle, as in MNIST: a quarter of a pixel away on average.
fn shift(values: &[f32], width: usize, size: usize, axis: impl Fn(usize, usize) -> usize) -> isize {
    let (mut mass, mut moment) = (0.0f64, 0.0f64);
    for (i, &value) in values.iter().enumerate() {
        mass += f64::from(value);
        moment += f64::from(value) * axis(i % width, i / width) as f64;
    }
    (size as f64 / 2.0 - moment / mass.max(1.0)).round() as isize
}
