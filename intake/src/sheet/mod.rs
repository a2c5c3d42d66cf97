//! Ink on paper: found, cut out, and placed as MNIST's digits are. Tests: below and in each file.

mod around;
mod coverage;
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
use crate::flat::Flat;
use crate::options::{Character, Fit, Ink, Notes, Prepared};
use crate::picture::Rect;

use coverage::Coverage;
use ink::Found;
use lines::Lines;
use paper::Paper;
use parts::Part;
use place::place;
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
const WRITING: f32 = 0.15;
/// Parts fainter than this share of the strongest writing are none.
const FAINT: f32 = 0.45;

/// Fits what was written on a picture; all of it together where it is `one` character.
pub(crate) fn fit(flat: &Flat<'_>, size: usize, ink: Ink, one: bool) -> Result<Prepared> {
    let asked = if ink == Ink::Auto { flat.ink.unwrap_or(Ink::Auto) } else { ink };
    let small = Paper::of(flat, SMALL);
    let scale = scale(&small, asked).ok_or(Error::NoInk)?;
    let paper = Paper::of(flat, WORKED_ON);
    let larger = paper.scale / small.scale;
    let radius = (scale.radius * larger).round().max(1.0) as usize;
    let found = Found::at(&paper.light(scale.ink), paper.width, radius, scale.stroke * larger, &scale.lines);
    let mut notes = Notes { ruled: scale.lines.any, ..Notes::default() };
    // Of a drawing without a ground, what touches the edge is ink as well: there is no table around it.
    let to_the_edge = one && flat.ink.is_some();
    let kept = kept(&found, &scale.lines, paper.width, to_the_edge, &mut notes);
    let parts: Vec<Part> = kept.iter().map(|&i| found.parts[i]).collect();
    let groups = if one {
        Vec::from_iter((!parts.is_empty()).then(|| (0..parts.len()).collect()))
    } else {
        group::characters(&parts)
    };
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
fn kept(found: &Found, lines: &Lines, width: usize, to_the_edge: bool, notes: &mut Notes) -> Vec<usize> {
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
        let is_small = (part.extent() as f32) < speck * unit || found.levels[i] < strong || found.is_edge(i);
        if part.at_edge && !found.parts[best].at_edge && !to_the_edge {
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
    use crate::picture::Picture;

    /// Strokes on nothing: rectangles of left, top, width and height.
    fn drawing(strokes: &[[usize; 4]]) -> Picture {
        let inside = |at: usize, from: usize, length: usize| (from..from + length).contains(&at);
        let ink = |x, y| strokes.iter().any(|&[left, top, w, h]| inside(x, left, w) && inside(y, top, h));
        let pixel = |at: usize| if ink(at % 280, at / 280) { [255; 4] } else { [0; 4] };
        Picture::new(280, 280, (0..280 * 280).flat_map(pixel).collect()).unwrap()
    }

    fn fitted(picture: &Picture, one: bool) -> Vec<Character> {
        fit(&Flat::new(picture, Ink::Auto), 28, Ink::Auto, one).unwrap().characters
    }

    #[test]
    fn strokes_far_apart_are_one_character_where_there_is_one() {
        // A 4 whose strokes do not meet.
        let four = drawing(&[[40, 60, 18, 90], [40, 140, 60, 18], [200, 60, 18, 170]]);
        assert_eq!(fitted(&four, false).len(), 2);
        let [one] = &fitted(&four, true)[..] else { panic!("several") };
        let (left, right) = (one.from.x, one.from.x + one.from.width);
        assert!(left.abs_diff(40) <= 2 && right.abs_diff(218) <= 2, "{:?}", one.from);
    }

    #[test]
    fn a_stroke_over_the_edge_is_of_the_drawing() {
        let seven = drawing(&[[60, 0, 160, 18], [150, 40, 18, 200]]);
        let [one] = &fitted(&seven, true)[..] else { panic!("several") };
        assert!(one.from.y <= 2 && one.from.width >= 150, "{:?}", one.from);
    }
}
