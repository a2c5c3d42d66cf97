//! Whether ink is dark or light, and how wide its strokes may be: by trying. A window narrower than the strokes finds nothing, as
//! the ground of a stroke is then the stroke; a window far wider takes shadows for ink. Tests: in `mod.rs`.

use super::ink::Found;
use super::lines::Lines;
use super::paper::Paper;
use crate::fit::Ink;

/// Half of the first window, in pixels; each is twice as wide as the one before.
const FIRST: usize = 2;
/// Windows up to this share of the shorter side.
const LAST: f32 = 0.35;
/// The first window with this share of the most is taken.
const ENOUGH: f32 = 0.85;
/// Chalk is rarer than pens.
const LIGHT: f32 = 0.8;
/// Strokes are wider where they meet.
const ROOM: f32 = 1.5;

/// What was found out on a small copy of a sheet.
pub(crate) struct Scale {
    pub ink: Ink,
    /// Half of the window, in pixels of the small copy.
    pub radius: f32,
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
        let tried: Vec<(usize, f32)> =
            radii.map(|radius| (radius, Found::at(&light, paper.width, radius, &lines).weight_of_all())).collect();
        let most = tried.iter().map(|(_, weight)| *weight).fold(0.0, f32::max);
        if std::env::var("DBG").is_ok() { eprintln!("{ink:?} {tried:?} {}", lines.any); }
        let enough = tried.into_iter().find(|&(_, weight)| weight > 0.0 && weight >= ENOUGH * most)?;
        Some(Scale { ink, radius: enough.0 as f32 * ROOM, weight: enough.1, lines })
    };
    match asked {
        Ink::Auto => {
            let (dark, light) = (best(Ink::Dark), best(Ink::Light));
            [dark, light].into_iter().flatten().reduce(|dark, light| if LIGHT * light.weight > dark.weight { light } else { dark })
        }
        asked => best(asked),
    }
}
