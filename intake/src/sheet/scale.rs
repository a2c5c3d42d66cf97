//! Whether ink is dark or light, and how wide its strokes may be: by trying. A window narrower than the strokes finds nothing, as
//! the ground of a stroke is then the stroke; a window far wider takes shadows for ink. Tests: in `mod.rs`.

use super::ink::Found;
use super::lines::Lines;
use super::paper::Paper;
use crate::options::Ink;

/// Half of the first window, in pixels; each is twice as wide as the one before.
const FIRST: usize = 2;
/// Windows up to this share of the shorter side.
const LAST: f32 = 0.35;
/// The first window with this share of the most is taken.
const ENOUGH: f32 = 0.85;
/// Ink is found by this many windows one after the other, a shadow by few; windows that are left out at the end count by half.
const STEADY: usize = 3;
const LEFT_OUT: f32 = 0.5;
/// Chalk is rarer than pens.
const LIGHT: f32 = 0.8;
/// Strokes are wider where they meet.
const ROOM: f32 = 2.5;

/// What was found out on a small copy of a sheet.
pub(crate) struct Scale {
    pub ink: Ink,
    /// Half of the window, in pixels of the small copy.
    pub radius: f32,
    /// The narrowest that strokes are, in pixels of the small copy.
    pub stroke: f32,
    pub weight: f32,
    /// The paper's lines.
    pub lines: Lines,
}

/// The scale of ink, where there is any.
pub(crate) fn scale(paper: &Paper, asked: Ink) -> Option<Scale> {
    let best = |ink: Ink| {
        let light = paper.light(ink);
        let lines = Lines::of(&light, paper.width);
        let last = ((paper.width.min(paper.height) as f32 * LAST) as usize).max(FIRST);
        let radii = std::iter::successors(Some(FIRST), |radius| Some(radius * 2)).take_while(|&radius| radius <= last);
        let found: Vec<(usize, f32)> = radii
            .map(|radius| (radius, Found::at(&light, paper.width, radius, radius as f32, &lines).weight_of_all()))
            .collect();
        let steady = |i: usize| {
            let after = |step: usize| found.get(i + step).map(|(_, weight)| *weight);
            let last = found.last().map_or(0.0, |(_, weight)| LEFT_OUT * weight);
            (0..STEADY).map(|step| after(step).unwrap_or(last)).fold(f32::MAX, f32::min)
        };
        let most = (0..found.len()).map(steady).fold(0.0, f32::max);
        let enough = (0..found.len()).find(|&i| steady(i) > 0.0 && steady(i) >= ENOUGH * most)?;
        let stroke = found[enough].0 as f32;
        Some(Scale { ink, radius: stroke * ROOM, stroke, weight: most, lines })
    };
    match asked {
        Ink::Auto => {
            let (dark, light) = (best(Ink::Dark), best(Ink::Light));
            [dark, light]
                .into_iter()
                .flatten()
                .reduce(|dark, light| if LIGHT * light.weight > dark.weight { light } else { dark })
        }
        asked => best(asked),
    }
}
