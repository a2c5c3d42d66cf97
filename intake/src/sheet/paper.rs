//! How much ink is where, with the paper's own colour and light taken away. Tests: below.

use super::ground::closing;
use crate::fit::Ink;
use crate::flat::Flat;
use crate::resample::{Window, resample};

/// Pixels that are worked on; larger pictures are scaled down to about as many.
const WORKED_ON: usize = 1_500_000;
/// The side of the small picture that first questions are asked of.
const SMALL: usize = 256;
/// Ink of less than this share of the light is none.
const LEAST: f32 = 0.06;

/// A sheet, in the pixels that are worked on.
pub(crate) struct Paper {
    pub width: usize,
    pub height: usize,
    /// Pixels here to those of the picture.
    pub scale: f32,
    /// Width and height of the picture.
    pub picture: (usize, usize),
    /// The share of the paper's light that is missing, in the colour where most of it is.
    pub ink: Vec<f32>,
    /// What is ink.
    pub kind: Ink,
}

impl Paper {
    pub fn of(flat: &Flat<'_>, asked: Ink) -> Self {
        let (w, h) = flat.size();
        let whole = Window { x: 0.0, y: 0.0, width: w as f32, height: h as f32 };
        let scale = (WORKED_ON as f32 / (w as f32 * h as f32)).sqrt().min(1.0);
        let scaled = |length: usize| ((length as f32 * scale).round() as usize).clamp(1, WORKED_ON);
        let (width, height) = (scaled(w), scaled(h));
        let kind = if asked == Ink::Auto { kind(flat, whole) } else { asked };
        let radius = (width.min(height) / 8).max(4);
        let mut ink = vec![0.0f32; width * height];
        for of in 0..3 {
            let mut values = resample((w, h), whole, (width, height), |y, row| flat.channel(of, y, row));
            if kind == Ink::Light {
                values.iter_mut().for_each(|value| *value = 255.0 - *value);
            }
            let ground = closing(&values, width, radius);
            for ((ink, value), ground) in ink.iter_mut().zip(values).zip(ground) {
                *ink = ink.max(1.0 - value / ground.max(1.0));
            }
        }
        Self { width, height, scale, picture: (w, h), ink, kind }
    }

    /// Which pixels are ink.
    pub fn mask(&self) -> Vec<bool> {
        let mut sample: Vec<f32> = self.ink.iter().copied().filter(|&ink| ink > LEAST).collect();
        let at = sample.len() * 9 / 10;
        let strong = if sample.is_empty() { 1.0 } else { *sample.select_nth_unstable_by(at, f32::total_cmp).1 };
        let edge = (0.5 * strong).max(LEAST);
        self.ink.iter().map(|&ink| ink >= edge).collect()
    }
}

/// Dark or light: what most of each neighbourhood with a contrast in it is, is ground.
fn kind(flat: &Flat<'_>, whole: Window) -> Ink {
    let (w, h) = flat.size();
    let scale = (SMALL as f32 / w.max(h) as f32).min(1.0);
    let scaled = |length: usize| ((length as f32 * scale).round() as usize).max(1);
    let (width, height) = (scaled(w), scaled(h));
    let grey = resample((w, h), whole, (width, height), |y, row| flat.grey(y, row));
    let radius = (width.min(height) / 6).max(2);
    let light = closing(&grey, width, radius);
    let inverted: Vec<f32> = grey.iter().map(|value| 255.0 - value).collect();
    let dark = closing(&inverted, width, radius);
    let vote = |((value, light), dark): ((&f32, f32), f32)| (value - (255.0 - dark)) - (light - value);
    let votes: f32 = grey.iter().zip(light).zip(dark).map(vote).sum();
    if votes >= 0.0 { Ink::Dark } else { Ink::Light }
}
