//! The ink on a sheet at one scale. Tests: below.

use super::ground::{closing, largest};
use super::lines::Lines;
use super::parts::{Part, parts};

/// Less of the light than this is no ink.
const LEAST: f32 = 0.05;
/// How far above the paper's own texture ink is, in deviations.
const DEVIATIONS: f32 = 5.0;
/// A pixel is ink with this share of the strongest nearby.
const SHARE: f32 = 0.42;
/// How wide "nearby" is, in radii of the window.
const NEARBY: usize = 4;
/// Where the edge of a part rises by less of its strength from pixel to pixel, it is a shadow.
const SHARP: f32 = 0.16;
/// A part that fills this share of a square is no stroke: the inside of a 0, paper between lines.
const FILLED: f32 = 0.65;
/// What touches the edge is seldom writing: the table, a finger, a character that is cut off.
const AT_EDGE: f32 = 0.1;

/// Ink and its parts.
pub(crate) struct Found {
    /// The share of the paper's light that is missing.
    pub ink: Vec<f32>,
    pub parts: Vec<Part>,
    pub labels: Vec<u32>,
    /// How strong the ink of each part is: three quarters of its pixels are fainter.
    pub levels: Vec<f32>,
    /// How sharp the edge of each part is: its rise from pixel to pixel, in levels.
    pub sharpness: Vec<f32>,
}

impl Found {
    /// Marks narrower than `2 * radius + 1` pixels.
    pub fn at(light: &[f32], width: usize, radius: usize, lines: &Lines) -> Self {
        let paper = closing(light, width, radius);
        let mut ink: Vec<f32> =
            light.iter().zip(paper).map(|(light, paper)| (1.0 - light / paper.max(0.02)).max(0.0)).collect();
        lines.remove(&mut ink, width);
        Self::of(ink, width, radius)
    }

    /// The parts of ink.
    pub fn of(mut ink: Vec<f32>, width: usize, radius: usize) -> Self {
        let (texture, deviation) = texture(&ink);
        ink.iter_mut().for_each(|ink| *ink = (*ink - texture).max(0.0));
        let least = (DEVIATIONS * deviation).max(LEAST);
        let mut strongest = ink.clone();
        largest(&mut strongest, width, NEARBY * radius);
        let mask: Vec<bool> =
            ink.iter().zip(strongest).map(|(&ink, strongest)| ink >= least.max(SHARE * strongest)).collect();
        let (parts, labels) = parts(&mask, width);
        let levels = levels(&ink, &labels, parts.len());
        let sharpness = sharpness(&ink, &labels, &levels, width);
        Self { ink, parts, labels, levels, sharpness }
    }

    /// How much a part looks like writing: how strong and how large it is, and how little of its square it fills; 0 for shadows,
    /// little for what touches the edge.
    pub fn weight(&self, i: usize) -> f32 {
        let part = &self.parts[i];
        if self.sharpness[i] < SHARP || part.extent() < 6 {
            return 0.0;
        }
        let extent = part.extent() as f32;
        let strokes = 1.0 - part.area as f32 / (FILLED * extent * extent);
        let inside = if part.at_edge { AT_EDGE } else { 1.0 };
        self.levels[i] * self.levels[i] * extent * strokes.max(0.0) * inside
    }

    /// The same for all together. Squares: a thousand specks are not a character. What covers much of a sheet is not written.
    pub fn weight_of_all(&self) -> f32 {
        let covered = self.labels.iter().filter(|label| **label != 0).count() as f32 / self.labels.len() as f32;
        let weight = (0..self.parts.len()).map(|i| self.weight(i).powi(2)).sum::<f32>().sqrt();
        weight * (1.0 - 2.0 * covered).max(0.0)
    }
}

/// The middle of the paper's own texture and its standard deviation, from the middle of the deviations.
fn texture(ink: &[f32]) -> (f32, f32) {
    let mut sample: Vec<f32> = ink.iter().copied().step_by(7).collect();
    let half = sample.len() / 2;
    let middle = *sample.select_nth_unstable_by(half, f32::total_cmp).1;
    sample.iter_mut().for_each(|ink| *ink = (*ink - middle).abs());
    let deviation = *sample.select_nth_unstable_by(half, f32::total_cmp).1;
    (middle, 1.4826 * deviation)
}

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

fn sharpness(ink: &[f32], labels: &[u32], levels: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![(0.0f32, 0usize); levels.len()];
    for (at, &label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        let x = at % width;
        let beside = [
            (x > 0).then(|| at - 1),
            (x + 1 < width).then(|| at + 1),
            at.checked_sub(width),
            (at + width < ink.len()).then(|| at + width),
        ];
        let outside = beside.into_iter().flatten().filter(|&beside| labels[beside] == 0);
        if let Some(rise) = outside.map(|beside| ink[at] - ink[beside]).reduce(f32::max) {
            let (sum, count) = &mut sums[label as usize - 1];
            *sum += rise;
            *count += 1;
        }
    }
    let mean = |((sum, count), level): ((f32, usize), &f32)| sum / (count.max(1) as f32 * level.max(LEAST));
    sums.into_iter().zip(levels).map(mean).collect()
}
