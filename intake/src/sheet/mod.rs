//! Ink on paper: found, cut out, and placed as MNIST's digits are. Tests: below, in each file, and `tests/photographs`.

mod distance;
mod ground;
mod group;
mod ink;
mod lines;
mod paper;
mod parts;
mod place;
mod scale;

use crate::error::{Error, Result};
use crate::fit::{Character, Fit, Ink, Notes, Prepared};
use crate::flat::Flat;
use crate::picture::Rect;

use ink::Found;
use lines::Lines;
use paper::Paper;
use parts::Part;
use place::{Coverage, place};
use scale::scale;

/// Pixels that are worked on, and those of the copy that first questions are asked of.
const WORKED_ON: usize = 1_500_000;
const SMALL: usize = 300_000;
/// Characters that are taken of one sheet.
const MOST: usize = 1024;
/// Parts whose longer side is less than this share of a character are specks.
const SPECK: f32 = 0.08;
const SPECK_ON_LINES: f32 = 0.15;
/// Parts with this share of the weight of the best are writing by themselves.
const WRITING: f32 = 0.22;
/// Parts fainter than this share of the strongest writing are none.
const FAINT: f32 = 0.45;

/// Fits what was written on a picture.
pub(crate) fn fit(flat: &Flat<'_>, size: usize, ink: Ink) -> Result<Prepared> {
    let asked = if ink == Ink::Auto { flat.ink.unwrap_or(Ink::Auto) } else { ink };
    let small = Paper::of(flat, SMALL);
    let scale = scale(&small, asked).ok_or(Error::NoInk)?;
    let paper = Paper::of(flat, WORKED_ON);
    let radius = (scale.radius * paper.scale / small.scale).round().max(1.0) as usize;
    let found = Found::at(&paper.light(scale.ink), paper.width, radius, &scale.lines);
    let mut notes = Notes { ruled: scale.lines.any, ..Notes::default() };
    let kept = kept(&found, &scale.lines, paper.width, &mut notes);
    let parts: Vec<Part> = kept.iter().map(|&i| found.parts[i]).collect();
    let groups = group::characters(&parts);
    if groups.is_empty() {
        return Err(Error::NoInk);
    }
    let characters = groups
        .iter()
        .take(MOST)
        .map(|group| {
            let members: Vec<usize> = group.iter().map(|&member| kept[member]).collect();
            let whole = members.iter().map(|&i| found.parts[i]).reduce(Part::with);
            let whole = whole.unwrap_or(parts[0]);
            let ink = cut_out(&found, paper.width, &members, whole);
            Character { pixels: place(&ink, size), from: rect(whole, paper.scale, flat.size()) }
        })
        .collect();
    Ok(Prepared { characters, fit: Fit::Mnist, ink: scale.ink, coloured: false, notes })
}

/// Indices of the parts that are ink: writing, and small parts beside it.
fn kept(found: &Found, lines: &Lines, width: usize, notes: &mut Notes) -> Vec<usize> {
    let remains = lines.remains(&found.labels, &found.parts, width);
    let weight = |i: usize| if remains[i] { 0.0 } else { found.weight(i) };
    let weights: Vec<f32> = (0..found.parts.len()).map(weight).collect();
    let best = (0..weights.len()).max_by(|&a, &b| weights[a].total_cmp(&weights[b]));
    let Some(best) = best.filter(|&best| weights[best] > 0.0) else { return Vec::new() };
    let strong = FAINT * found.levels[best];
    let writing = |i: usize| weights[i] > WRITING * weights[best] && found.levels[i] >= strong;
    let large: Vec<Part> = (0..weights.len()).filter(|&i| writing(i)).map(|i| found.parts[i]).collect();
    let unit = group::height(&large);
    let speck = if lines.any { SPECK_ON_LINES } else { SPECK };
    let mut kept = Vec::new();
    for (i, part) in found.parts.iter().enumerate() {
        let is_small = (part.extent() as f32) < speck * unit || found.levels[i] < strong;
        if part.at_edge && !found.parts[best].at_edge {
            notes.at_edge += usize::from(part.extent() as f32 > 0.3 * unit);
        } else if writing(i) || !is_small && !remains[i] && large.iter().any(|large| group::near(large, part, unit)) {
            kept.push(i);
        } else {
            notes.specks += usize::from(!remains[i]);
        }
    }
    kept
}

fn cut_out(found: &Found, width: usize, members: &[usize], whole: Part) -> Coverage {
    let labels = &found.labels;
    let height = labels.len() / width;
    let (left, top) = (whole.left.saturating_sub(1), whole.top.saturating_sub(1));
    let (right, bottom) = ((whole.right + 1).min(width), (whole.bottom + 1).min(height));
    let mut values = Vec::with_capacity((right - left) * (bottom - top));
    let member = |label: u32| (label != 0).then(|| label as usize - 1).filter(|part| members.contains(part));
    for y in top..bottom {
        for x in left..right {
            let at = y * width + x;
            // The soft edge of a stroke lies outside its part.
            let beside = || {
                let rows = y.saturating_sub(1)..=(y + 1).min(height - 1);
                let columns = x.saturating_sub(1)..=(x + 1).min(width - 1);
                let mut near = rows.flat_map(|y| columns.clone().map(move |x| y * width + x));
                near.find_map(|at| member(labels[at]))
            };
            let part = if labels[at] == 0 { beside() } else { member(labels[at]) };
            values.push(part.map_or(0.0, |part| (found.ink[at] / found.levels[part]).min(1.0)));
        }
    }
    Coverage { width: right - left, height: bottom - top, values }
}

/// The part of a picture of `size` that a part of the paper was made of.
fn rect(part: Part, scale: f32, (width, height): (usize, usize)) -> Rect {
    let scaled = |at: usize, most: usize| ((at as f32 / scale) as usize).min(most);
    let (x, y) = (scaled(part.left, width - 1), scaled(part.top, height - 1));
    let (right, bottom) = (scaled(part.right, width).max(x + 1), scaled(part.bottom, height).max(y + 1));
    Rect { x, y, width: right - x, height: bottom - y }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::{Options, prepare};
    use crate::picture::Picture;

    /// A stroke from one point to another.
    fn stroke(x: f32, y: f32, (ax, ay): (f32, f32), (bx, by): (f32, f32), wide: f32) -> bool {
        let along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax).powi(2) + (by - ay).powi(2));
        let t = along.clamp(0.0, 1.0);
        (x - ax - t * (bx - ax)).hypot(y - ay - t * (by - ay)) <= wide / 2.0
    }

    /// A seven of 60 x 80 pixels.
    fn seven(x: f32, y: f32, left: f32, top: f32) -> bool {
        let corner = (left + 60.0, top);
        stroke(x, y, (left, top), corner, 5.0) || stroke(x, y, corner, (left + 20.0, top + 80.0), 5.0)
    }

    fn drawn(side: usize, colour: impl Fn(f32, f32) -> [f32; 3]) -> Picture {
        // Noise that repeats, of up to three levels.
        let noise = |i: usize| (i.wrapping_mul(2_654_435_761) >> 7) as f32 % 7.0 - 3.0;
        let pixel = |i: usize| {
            let colour = colour((i % side) as f32, (i / side) as f32).map(|value| (value + noise(i)).clamp(0.0, 255.0) as u8);
            [colour[0], colour[1], colour[2], 255]
        };
        Picture::new(side, side, (0..side * side).flat_map(pixel).collect()).unwrap()
    }

    fn mnist(picture: &Picture) -> Prepared {
        prepare(picture, &Options { size: 28, fit: Fit::Mnist, ink: Ink::Auto }).unwrap()
    }

    /// How alike two pictures are: the cosine of their angle.
    fn alike(a: &[u8], b: &[u8]) -> f32 {
        let dot = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(&a, &b)| f32::from(a) * f32::from(b)).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn the_same_stroke_is_the_same_picture_on_any_paper() {
        let clean = mnist(&drawn(300, |x, y| if seven(x, y, 100.0, 120.0) { [0.0; 3] } else { [255.0; 3] }));
        assert_eq!((clean.characters.len(), clean.ink), (1, Ink::Dark));
        let expected = &clean.characters[0].pixels;
        let shadow = |x: f32, y: f32| if x + 0.3 * y > 190.0 { 0.55 } else { 1.0 };
        let light = |x: f32, y: f32| (0.6 + x / 750.0) * shadow(x, y);
        let blue = drawn(300, |x, y| {
            let paper = if seven(x, y, 100.0, 120.0) { [50.0, 60.0, 150.0] } else { [235.0, 225.0, 200.0] };
            paper.map(|value| value * light(x, y))
        });
        let squared = drawn(300, |x, y| match (seven(x, y, 100.0, 120.0), x as usize % 40 == 3 || y as usize % 40 == 9) {
            (true, _) => [40.0; 3],
            (_, true) => [150.0, 180.0, 235.0],
            _ => [240.0; 3],
        });
        let chalk = drawn(300, |x, y| if seven(x, y, 100.0, 120.0) { [210.0; 3] } else { [40.0, 70.0, 55.0] });
        for (picture, ink) in [(blue, Ink::Dark), (squared, Ink::Dark), (chalk, Ink::Light)] {
            let found = mnist(&picture);
            assert_eq!((found.characters.len(), found.ink), (1, ink));
            let alike = alike(&found.characters[0].pixels, expected);
            assert!(alike > 0.93, "{ink:?} {alike}");
        }
    }

    #[test]
    fn several_on_a_sheet_are_several_and_say_where_they_were() {
        let at = [(40.0, 30.0), (180.0, 40.0), (60.0, 180.0)];
        let sheet = drawn(300, |x, y| if at.iter().any(|&(l, t)| seven(x, y, l, t)) { [70.0; 3] } else { [220.0; 3] });
        let found = mnist(&sheet);
        let corners: Vec<_> = found.characters.iter().map(|character| (character.from.x, character.from.y)).collect();
        assert_eq!(corners.len(), 3);
        for ((x, y), (left, top)) in corners.into_iter().zip(at) {
            assert!((x as f32 - left).abs() < 6.0 && (y as f32 - top).abs() < 6.0, "{x} {y}");
        }
    }

    #[test]
    fn hostile_sizes_and_empty_pictures_are_no_harm() {
        for (width, height) in [(1, 1), (1, 10_000), (10_000, 1), (2, 2), (3, 500), (28, 28)] {
            for value in [0, 128, 255] {
                let picture = Picture::new(width, height, vec![value; 4 * width * height]).unwrap();
                for fit in [Fit::Auto, Fit::Mnist, Fit::Pad, Fit::Crop, Fit::Stretch] {
                    let result = prepare(&picture, &Options { size: 28, fit, ink: Ink::Auto });
                    assert!(result.is_ok() || fit == Fit::Mnist && result == Err(Error::NoInk), "{width} {height} {fit:?}");
                }
            }
        }
        let noisy = Picture::new(1, 10_000, (0..40_000).map(|i| (i * 37 % 251) as u8).collect()).unwrap();
        let _ = prepare(&noisy, &Options { size: 1, fit: Fit::Mnist, ink: Ink::Light });
        assert!(matches!(prepare(&noisy, &Options { size: 0, fit: Fit::Pad, ink: Ink::Auto }), Err(Error::Size { .. })));
    }
}
