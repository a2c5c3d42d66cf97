//! Ink on paper: found, cut out, and placed as MNIST's digits are. Tests: below and in each file.

mod distance;
mod ground;
mod group;
mod paper;
mod parts;
mod place;

use crate::error::{Error, Result};
use crate::fit::{Character, Fit, Ink, Notes, Prepared};
use crate::flat::Flat;
use crate::picture::Rect;

use paper::Paper;
use parts::Part;
use place::{Coverage, place};

/// Characters that are taken of one sheet.
const MOST: usize = 4096;
/// Parts whose longer side is less than this share of a character are specks.
const SPECK: f32 = 0.08;

/// Fits what was written on a picture.
pub(crate) fn fit(flat: &Flat<'_>, size: usize, ink: Ink) -> Result<Prepared> {
    let asked = if ink == Ink::Auto { flat.ink.unwrap_or(Ink::Auto) } else { ink };
    let paper = Paper::of(flat, asked);
    let (found, labels) = parts::parts(&paper.mask(), paper.width);
    let mut notes = Notes::default();
    let kept = kept(&found, &mut notes);
    let parts: Vec<Part> = kept.iter().map(|&i| found[i]).collect();
    let groups = group::characters(&parts);
    if groups.is_empty() {
        return Err(Error::NoInk);
    }
    let levels = levels(&paper.ink, &labels, found.len());
    let characters = groups
        .iter()
        .take(MOST)
        .map(|group| {
            let members: Vec<usize> = group.iter().map(|&member| kept[member]).collect();
            let whole = members.iter().map(|&i| found[i]).reduce(Part::with);
            let whole = whole.unwrap_or(parts[0]);
            let ink = cut_out(&paper, &labels, &levels, &members, whole);
            Character { pixels: place(&ink, size), from: paper.rect(whole) }
        })
        .collect();
    Ok(Prepared { characters, fit: Fit::Mnist, ink: paper.kind, coloured: false, notes })
}

/// Indices of the parts that are ink.
fn kept(found: &[Part], notes: &mut Notes) -> Vec<usize> {
    let inner: Vec<Part> = found.iter().copied().filter(|part| !part.at_edge).collect();
    let all = if inner.is_empty() { found } else { &inner[..] };
    let unit = group::height(all);
    let mut kept = Vec::new();
    for (i, part) in found.iter().enumerate() {
        if part.at_edge && !inner.is_empty() {
            notes.at_edge += 1;
        } else if (part.extent() as f32) < SPECK * unit {
            notes.specks += 1;
        } else {
            kept.push(i);
        }
    }
    kept
}

/// How strong the ink of each part is: three quarters of its pixels are fainter.
fn levels(ink: &[f32], labels: &[u32], parts: usize) -> Vec<f32> {
    let mut values: Vec<Vec<f32>> = vec![Vec::new(); parts];
    for (&value, &label) in ink.iter().zip(labels).filter(|(_, label)| **label != 0) {
        values[label as usize - 1].push(value);
    }
    let level = |mut values: Vec<f32>| {
        let at = values.len() * 3 / 4;
        if at < values.len() { *values.select_nth_unstable_by(at, f32::total_cmp).1 } else { 1.0 }
    };
    values.into_iter().map(level).collect()
}

fn cut_out(paper: &Paper, labels: &[u32], levels: &[f32], members: &[usize], whole: Part) -> Coverage {
    let (left, top) = (whole.left.saturating_sub(1), whole.top.saturating_sub(1));
    let (right, bottom) = ((whole.right + 1).min(paper.width), (whole.bottom + 1).min(paper.height));
    let mut values = Vec::with_capacity((right - left) * (bottom - top));
    let member = |label: u32| (label != 0).then(|| label as usize - 1).filter(|part| members.contains(part));
    for y in top..bottom {
        for x in left..right {
            let at = y * paper.width + x;
            let own = member(labels[at]);
            // The soft edge of a stroke lies outside its part.
            let beside = || {
                let rows = y.saturating_sub(1)..=(y + 1).min(paper.height - 1);
                let columns = x.saturating_sub(1)..=(x + 1).min(paper.width - 1);
                let mut near = rows.flat_map(|y| columns.clone().map(move |x| y * paper.width + x));
                near.find_map(|at| member(labels[at]))
            };
            let part = own.or_else(|| if labels[at] == 0 { beside() } else { None });
            values.push(part.map_or(0.0, |part| (paper.ink[at] / levels[part]).min(1.0)));
        }
    }
    Coverage { width: right - left, height: bottom - top, values }
}

impl Paper {
    /// A part of the picture that a part of the paper was made of.
    fn rect(&self, part: Part) -> Rect {
        let scaled = |at: usize, most: usize| ((at as f32 / self.scale) as usize).min(most);
        let (width, height) = self.picture;
        let (x, y) = (scaled(part.left, width - 1), scaled(part.top, height - 1));
        let (right, bottom) = (scaled(part.right, width).max(x + 1), scaled(part.bottom, height).max(y + 1));
        Rect { x, y, width: right - x, height: bottom - y }
    }
}
