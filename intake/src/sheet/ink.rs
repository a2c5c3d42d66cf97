//! The ink on a sheet at one scale. Tests: below.

use super::around::Around;
use super::ground::{closing, largest, transposed};
use super::lines::Lines;
use super::parts::{Part, parts};

/// Less of the light than this is no ink.
const LEAST: f32 = 0.05;
/// How far above the paper's own texture ink is, in deviations.
const DEVIATIONS: f32 = 5.0;
/// A pixel is ink with this share of the strongest nearby.
const SHARE: f32 = 0.42;
/// Half of the neighbourhood that ink is averaged over, in widths of a stroke: pencils and chalk leave grains of the paper blank.
const GRAIN: f32 = 0.16;
/// What is connected to ink needs less: of what is above the texture, and of the strongest nearby.
const WEAK: f32 = 0.6;
const WEAK_SHARE: f32 = 0.35;
/// How wide "nearby" is, in radii of the window.
const NEARBY: usize = 4;
/// Where the edge of a part rises by less of its strength from pixel to pixel, it is a shadow.
const SHARP: f32 = 0.16;
/// Paper is alike on all sides of a stroke. Where the darkest beside a part is less than this share of the lightest, the part is
/// the edge of something wider.
const EVEN: f32 = 0.6;
/// A part that fills this share of a square is no stroke: the inside of a 0, paper between lines.
const FILLED: f32 = 0.65;
/// What touches the edge is seldom writing: the table, a finger, a character that is cut off.
const AT_EDGE: f32 = 0.1;
/// What lies along the edge with this share of its longer side hardly ever is: a stroke that runs out of the picture touches the edge
/// with its width.
const ALONG_EDGE: f32 = 0.5;
const ALONG: f32 = 0.01;

/// Ink and its parts.
pub(crate) struct Found {
    /// The share of the paper's light that is missing.
    pub ink: Vec<f32>,
    pub parts: Vec<Part>,
    pub labels: Vec<u32>,
    /// How strong the ink of each part is: three quarters of its pixels are fainter.
    pub levels: Vec<f32>,
    /// How much of each part lies along the picture's edge, in its longer side.
    along_edge: Vec<f32>,
    /// How sharp the edge of each part is: its rise from pixel to pixel, in levels.
    pub sharpness: Vec<f32>,
    /// How much darker each part is than the sheet around it, in levels.
    pub contrast: Vec<f32>,
    /// How even the paper beside each part is: the darkest of it to the lightest.
    pub even: Vec<f32>,
}

impl Found {
    /// Marks narrower than `2 * radius + 1` pixels, of strokes that are at least about `stroke` wide.
    pub fn at(light: &[f32], width: usize, radius: usize, stroke: f32, lines: &Lines) -> Self {
        let paper = closing(light, width, radius);
        let mut ink: Vec<f32> =
            light.iter().zip(&paper).map(|(light, paper)| (1.0 - light / paper.max(0.02)).max(0.0)).collect();
        lines.remove(&mut ink, width);
        let half = (stroke * GRAIN).round() as usize;
        let raw = ink.clone();
        blur(&mut ink, width, half);
        let mut found = Self::of(ink, &raw, width, radius, half);
        found.contrast = contrast(light, &found, width, radius);
        found.even = even(paper, &found, width, radius);
        found
    }

    /// The parts of ink.
    fn of(mut ink: Vec<f32>, raw: &[f32], width: usize, radius: usize, half: usize) -> Self {
        let texture = Around::of(&ink, width, 2 * radius).cautious();
        let mut least = Vec::with_capacity(ink.len());
        for (at, ink) in ink.iter_mut().enumerate() {
            let (middle, deviation) = texture.at(at % width, at / width);
            *ink = (*ink - middle).max(0.0);
            least.push((DEVIATIONS * deviation).max(LEAST));
        }
        let mut strongest = ink.clone();
        largest(&mut strongest, width, NEARBY * radius);
        let above = |noise: f32, share: f32| {
            let limits =
                least.iter().zip(&strongest).map(move |(least, strongest)| (noise * least).max(share * strongest));
            ink.iter().zip(limits).map(|(&ink, limit)| ink >= limit).collect::<Vec<bool>>()
        };
        let (parts, labels) = seeded(&above(WEAK, WEAK_SHARE), &above(1.0, SHARE), width);
        let levels = levels(&ink, &labels, parts.len());
        let sharpness = sharpness(raw, &labels, &levels, width, half);
        let along_edge = along_edge(&labels, &parts, width);
        Self { ink, parts, labels, levels, along_edge, sharpness, contrast: Vec::new(), even: Vec::new() }
    }

    /// How much a part looks like writing: how strong and how large it is, and how little of its square it fills; 0 for shadows,
    /// little for what touches the edge.
    pub fn weight(&self, i: usize) -> f32 {
        let part = &self.parts[i];
        if self.sharpness[i] < SHARP || part.extent() < 6 || self.is_edge(i) {
            return 0.0;
        }
        let extent = part.extent() as f32;
        let strokes = 1.0 - part.area as f32 / (FILLED * extent * extent);
        let inside = match self.along_edge[i] {
            0.0 => 1.0,
            ..ALONG_EDGE => AT_EDGE,
            _ => ALONG,
        };
        self.levels[i] * self.levels[i] * extent * strokes.max(0.0) * inside * self.contrast[i]
    }

    /// Whether a part is the edge of something wider than strokes: of the paper on a table, a hole, a finger.
    pub fn is_edge(&self, i: usize) -> bool {
        self.even[i] < EVEN
    }

    /// The same for all together. Squares: a thousand specks are not a character. What covers much of a sheet is not written.
    pub fn weight_of_all(&self) -> f32 {
        let covered = self.labels.iter().filter(|label| **label != 0).count() as f32 / self.labels.len() as f32;
        let weight = (0..self.parts.len()).map(|i| self.weight(i).powi(2)).sum::<f32>().sqrt();
        weight * (1.0 - 2.0 * covered).max(0.0)
    }
}

/// The parts of `weak` that hold something of `strong`: a threshold with hysteresis (J. Canny, 1986).
fn seeded(weak: &[bool], strong: &[bool], width: usize) -> (Vec<Part>, Vec<u32>) {
    let (found, labels) = parts(weak, width);
    let mut holds = vec![false; found.len() + 1];
    labels.iter().zip(strong).filter(|(_, strong)| **strong).for_each(|(&label, _)| holds[label as usize] = true);
    holds[0] = false;
    let kept: Vec<bool> = labels.iter().map(|&label| holds[label as usize]).collect();
    parts(&kept, width)
}

fn along_edge(labels: &[u32], parts: &[Part], width: usize) -> Vec<f32> {
    let height = labels.len() / width;
    let mut counts = vec![0usize; parts.len() + 1];
    let rows = (0..width).flat_map(|x| [x, (height - 1) * width + x]);
    let columns = (0..height).flat_map(|y| [y * width, (y + 1) * width - 1]);
    rows.chain(columns).for_each(|at| counts[labels[at] as usize] += 1);
    counts[1..].iter().zip(parts).map(|(&count, part)| count as f32 / part.extent() as f32).collect()
}

/// The mean of each pixel's square neighbourhood, twice.
fn blur(values: &mut Vec<f32>, width: usize, half: usize) {
    if half == 0 {
        return;
    }
    let height = values.len() / width;
    let mut sums = Vec::new();
    let mut twice = |line: &mut [f32]| (0..2).for_each(|_| means(line, half, &mut sums));
    values.chunks_exact_mut(width).for_each(&mut twice);
    let mut columns = transposed(values, width);
    columns.chunks_exact_mut(height).for_each(&mut twice);
    *values = transposed(&columns, height);
}

fn means(line: &mut [f32], half: usize, sums: &mut Vec<f32>) {
    sums.clear();
    sums.push(0.0);
    sums.extend(line.iter().scan(0.0, |sum, value| {
        *sum += value;
        Some(*sum)
    }));
    for (i, value) in line.iter_mut().enumerate() {
        let (from, to) = (i.saturating_sub(half), (i + half + 1).min(sums.len() - 1));
        *value = (sums[to] - sums[from]) / (to - from) as f32;
    }
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

/// The darkest of the paper within the window to the lightest, on average over each part.
fn even(paper: Vec<f32>, found: &Found, width: usize, radius: usize) -> Vec<f32> {
    let mut darkest: Vec<f32> = paper.iter().map(|paper| -paper).collect();
    let mut lightest = paper;
    largest(&mut darkest, width, radius);
    largest(&mut lightest, width, radius);
    let mut sums = vec![0.0f32; found.parts.len()];
    for (at, &label) in found.labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        sums[label as usize - 1] += -darkest[at] / lightest[at].max(0.02);
    }
    sums.into_iter().zip(&found.parts).map(|(sum, part)| sum / part.area as f32).collect()
}

/// How much darker than the surroundings' middle each part is: what strokes of light ink enclose is not.
fn contrast(light: &[f32], found: &Found, width: usize, radius: usize) -> Vec<f32> {
    let around = Around::of(light, width, 2 * radius);
    let mut sums = vec![0.0f32; found.parts.len()];
    for (at, &label) in found.labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        sums[label as usize - 1] += 1.0 - light[at] / around.at(at % width, at / width).0.max(0.02);
    }
    let share = |((sum, part), level): ((f32, &Part), &f32)| (sum / (part.area as f32 * level)).clamp(0.0, 1.0);
    sums.into_iter().zip(&found.parts).zip(&found.levels).map(share).collect()
}

/// The steepest rise within `half` pixels of each part's edge, which averaging has moved, on average, in levels.
fn sharpness(ink: &[f32], labels: &[u32], levels: &[f32], width: usize, half: usize) -> Vec<f32> {
    let height = labels.len() / width;
    let mut sums = vec![(0.0f32, 0usize); levels.len()];
    for (at, &label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        let (x, y) = (at % width, at / width);
        // How many pixels there are in each direction, and the step to the next.
        let ways = [(x, -1), (width - 1 - x, 1), (y, -(width as isize)), (height - 1 - y, width as isize)];
        let steepest = |(room, step): (usize, isize)| {
            let pixel = |i: isize| at.checked_add_signed(i * step);
            (room > 0 && labels[pixel(1)?] == 0).then_some(())?;
            let inward = ways.iter().find(|way| way.1 == -step).map_or(0, |way| way.0).min(half) as isize;
            let rises = (-inward..=(room - 1).min(half) as isize).map(|i| Some(ink[pixel(i)?] - ink[pixel(i + 1)?]));
            rises.flatten().reduce(f32::max)
        };
        if let Some(rise) = ways.into_iter().filter_map(steepest).reduce(f32::max) {
            let (sum, count) = &mut sums[label as usize - 1];
            *sum += rise;
            *count += 1;
        }
    }
    let mean = |((sum, count), level): ((f32, usize), &f32)| sum / (count.max(1) as f32 * level.max(LEAST));
    sums.into_iter().zip(levels).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 200;
    const RADIUS: usize = 16;

    /// What is found of a sheet with a little of noise everywhere.
    fn found(light: impl Fn(usize, usize) -> f32) -> Found {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.02 * (state >> 8) as f32 / (1 << 24) as f32
        };
        let light: Vec<f32> = (0..SIDE * SIDE).map(|at| light(at % SIDE, at / SIDE) + noise()).collect();
        Found::at(&light, SIDE, RADIUS, RADIUS as f32 / 2.0, &Lines::of(&light, SIDE))
    }

    fn heaviest(found: &Found) -> Option<&Part> {
        let weights = (0..found.parts.len()).map(|i| (found.weight(i), i)).filter(|(weight, _)| *weight > 0.0);
        weights.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, i)| &found.parts[i])
    }

    fn stroke(x: usize, y: usize) -> bool {
        x.abs_diff(80) < 6 && (50..150).contains(&y)
    }

    #[test]
    fn a_stroke_of_grains_is_one_part() {
        // A blank row in every five, as wide as the stroke.
        let found = found(|x, y| if stroke(x, y) && !y.is_multiple_of(5) { 0.75 } else { 1.0 });
        let part = heaviest(&found).expect("a stroke");
        assert!(part.height() > 90 && part.width() < 18, "{part:?}");
    }

    #[test]
    fn the_edge_of_a_sheet_on_a_table_is_no_stroke() {
        // A camera that sharpens leaves a dark rim at the step.
        let found = found(|x, y| match x {
            148..151 if (20..180).contains(&y) => 0.1,
            148.. => 0.3,
            _ if stroke(x, y) => 0.75,
            _ => 1.0,
        });
        let written: Vec<&Part> =
            (0..found.parts.len()).filter(|&i| found.weight(i) > 0.0).map(|i| &found.parts[i]).collect();
        assert!(written.iter().all(|part| part.right < 100), "{written:?}");
        assert_eq!(written.len(), 1);
    }

    #[test]
    fn what_light_strokes_enclose_is_not_ink() {
        let ring = |x: usize, y: usize| (14..20).contains(&x.abs_diff(100).max(y.abs_diff(100)));
        let found = found(|x, y| if ring(x, y) { 1.0 } else { 0.3 });
        assert_eq!(heaviest(&found).map(Part::extent).unwrap_or(0), 0);
    }
}
