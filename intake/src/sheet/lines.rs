//! The printed lines of ruled and squared paper: thin, straight, and far longer than strokes. Found on a small copy of a sheet,
//! taken out of the ink at any size. Tests: below.

use super::ground::{Lines as Running, largest, transposed};
use super::parts::{Part, parts};

/// Half of the width, in pixels of the small copy, up to which something is thin.
const THIN: usize = 3;
/// Less of the light is missing where no line is.
const LEAST: f32 = 0.035;
/// Slopes that are tried: up to one in five, both ways.
const SLOPES: std::ops::RangeInclusive<i32> = -12..=12;
const SLOPE: f32 = 1.0 / 60.0;
/// Share of the picture's side that a line is seen along, and how much of that is dark.
const LENGTH: f32 = 0.4;
const DARK: f32 = 0.8;
/// A line alone is longer than any stroke; those with a parallel one need not be.
const ALONE: f32 = 0.93;
const TOGETHER: f32 = 0.45;
/// What is darker than a line by this factor is ink upon it.
const INK: f32 = 1.7;
/// Share of a part's pixels beside a line from which it is left of the line.
const REMAINS: f32 = 0.8;

/// Where lines are.
pub(crate) struct Lines {
    width: usize,
    height: usize,
    /// Lines from left to right, and from top to bottom.
    across: Vec<bool>,
    down: Vec<bool>,
    /// Whether there are any.
    pub any: bool,
}

impl Lines {
    pub fn of(light: &[f32], width: usize) -> Self {
        let height = light.len() / width;
        let across = lines(light, width);
        let down = transposed_mask(&lines(&transposed(light, width), height), height);
        let any = across.iter().chain(&down).any(|&line| line);
        Self { width, height, across, down, any }
    }

    /// Which of the parts of a sheet of any size are what is left of a line.
    pub fn remains(&self, labels: &[u32], parts: &[Part], width: usize) -> Vec<bool> {
        if !self.any {
            return vec![false; parts.len()];
        }
        let height = labels.len() / width;
        let near = |mask: &[bool]| {
            let mut near: Vec<f32> = mask.iter().map(|&line| f32::from(u8::from(line))).collect();
            largest(&mut near, self.width, THIN);
            near
        };
        let (across, down) = (near(&self.across), near(&self.down));
        let mut on_line = vec![[0.0f32; 2]; parts.len()];
        for (at, &label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
            let (x, y) = (at % width * self.width / width, at / width * self.height / height);
            let at = y.min(self.height - 1) * self.width + x.min(self.width - 1);
            let [sum_across, sum_down] = &mut on_line[label as usize - 1];
            *sum_across += across[at];
            *sum_down += down[at];
        }
        let flat =
            |on_line: f32, area: usize, along: usize, wide: usize| on_line > REMAINS * area as f32 && along > 3 * wide;
        let is_left = |(part, [across, down]): (&Part, [f32; 2])| {
            flat(across, part.area, part.width(), part.height()) || flat(down, part.area, part.height(), part.width())
        };
        parts.iter().zip(on_line).map(is_left).collect()
    }

    /// Takes the lines out of `ink`, the same sheet at any size.
    pub fn remove(&self, ink: &mut Vec<f32>, width: usize) {
        if !self.any {
            return;
        }
        let height = ink.len() / width;
        let scaled = |mask: &[bool]| -> Vec<bool> {
            let x = |x: usize| (x * self.width / width).min(self.width - 1);
            let y = |y: usize| (y * self.height / height).min(self.height - 1);
            (0..ink.len()).map(|at| mask[y(at / width) * self.width + x(at % width)]).collect()
        };
        let (across, down) = (scaled(&self.across), scaled(&self.down));
        let mut columns = transposed(ink, width);
        bridge(&mut columns, &transposed_mask(&across, width), &transposed_mask(&down, width), height);
        *ink = transposed(&columns, height);
        bridge(ink, &down, &across, width);
    }
}

/// What stands on lines becomes what stands on both sides of them. Lines cross `values`' rows; those `along` them are no
/// witness, where they are not inked.
fn bridge(values: &mut [f32], lines: &[bool], along: &[bool], width: usize) {
    let mut on_line: Vec<f32> =
        values.iter().zip(lines).filter(|(_, line)| **line).map(|(value, _)| *value).step_by(3).collect();
    // A mark is wider than a line in sharp focus: what is blank in it is no line.
    if on_line.iter().filter(|value| **value <= LEAST).count() > on_line.len() / 2 {
        on_line.retain(|value| *value > LEAST);
    }
    if on_line.is_empty() {
        return;
    }
    let most = (on_line.len() * 2 / 3).min(on_line.len() - 1);
    let ink = INK * *on_line.select_nth_unstable_by(most, f32::total_cmp).1;
    let original = values.to_vec();
    for (y, (row, lines)) in values.chunks_exact_mut(width).zip(lines.chunks_exact(width)).enumerate() {
        let mut x = 0;
        while x < width {
            let end = x + lines[x..].iter().take_while(|&&line| line).count();
            if end == x {
                x += 1;
                continue;
            }
            // A slanted stroke leaves a line elsewhere than it enters it.
            let slant = (end - x) / 2;
            let strongest = |x: Option<usize>| {
                let x = x.filter(|&x| x < width)?;
                let rows = y.saturating_sub(slant)..=y + slant;
                let seen = rows.map(|y| y * width + x).filter(|&at| at < original.len());
                Some(
                    seen.map(|at| if along[at] && original[at] < ink { 0.0 } else { original[at] }).fold(0.0, f32::max),
                )
            };
            let (before, after) = (strongest(x.checked_sub(1)), strongest(Some(end)));
            let beside = before.unwrap_or(0.0).min(after.unwrap_or(0.0));
            row[x..end].iter_mut().filter(|value| **value < ink).for_each(|value| *value = value.min(beside));
            x = end;
        }
    }
}

/// Lines from left to right, a little wider than they are.
fn lines(light: &[f32], width: usize) -> Vec<bool> {
    let height = light.len() / width;
    let mut columns = transposed(light, width);
    let mut running = Running::default();
    for column in columns.chunks_exact_mut(height) {
        running.largest(column, THIN);
        running.smallest(column, THIN);
    }
    let paper = transposed(&columns, height);
    let thin: Vec<bool> =
        light.iter().zip(&paper).map(|(light, paper)| 1.0 - light / paper.max(0.02) > LEAST).collect();
    let thick = grown(&thin, width);
    let length = ((width as f32 * LENGTH) as usize).max(24);
    let mut found = vec![false; light.len()];
    if length < width {
        SLOPES.for_each(|slope| along(&thick, width, slope as f32 * SLOPE, length, &mut found));
    }
    grown(&long_ones(grown(&found, width), width), width)
}

/// A pixel more above and below.
fn grown(mask: &[bool], width: usize) -> Vec<bool> {
    let near = |at: usize| {
        let above = at >= width && mask[at - width];
        mask[at] || above || mask.get(at + width).is_some_and(|&below| below)
    };
    (0..mask.len()).map(near).collect()
}

/// Marks each stretch of `length` pixels of a slope that is dark almost everywhere.
fn along(mask: &[bool], width: usize, slope: f32, length: usize, found: &mut [bool]) {
    let height = (mask.len() / width) as i32;
    let rise = (slope * width as f32) as i32;
    let needed = (DARK * length as f32) as usize;
    let steps: Vec<i32> = (0..width).map(|x| (slope * x as f32).round() as i32).collect();
    for start in (-rise).min(0)..height + (-rise).max(0) {
        let at = |x: usize| {
            let y = start + steps[x];
            (0..height).contains(&y).then(|| y as usize * width + x)
        };
        let dark = |x: usize| usize::from(at(x).is_some_and(|at| mask[at]));
        let (mut count, mut marked) = (0, 0);
        for x in 0..width {
            count += dark(x);
            count -= if x >= length { dark(x - length) } else { 0 };
            if count >= needed && x + 1 >= length {
                for at in (marked.max(x + 1 - length)..=x).filter_map(at) {
                    found[at] = true;
                }
                marked = x + 1;
            }
        }
    }
}

/// Leaves out what may be a stroke.
fn long_ones(mut found: Vec<bool>, width: usize) -> Vec<bool> {
    let (parts, labels) = parts(&found, width);
    let side = |i: usize| parts[i].width() as f32 / width as f32;
    let together = (0..parts.len()).filter(|&i| side(i) >= TOGETHER).count() > 2;
    let least = if together { TOGETHER } else { ALONE };
    for (line, label) in found.iter_mut().zip(labels).filter(|(_, label)| *label != 0) {
        *line = side(label as usize - 1) >= least;
    }
    found
}

fn transposed_mask(mask: &[bool], width: usize) -> Vec<bool> {
    let height = mask.len() / width;
    (0..mask.len()).map(|at| mask[at % height * width + at / height]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 200;

    fn drawn(dark: impl Fn(usize, usize) -> bool) -> Vec<f32> {
        (0..SIDE * SIDE).map(|at| if dark(at % SIDE, at / SIDE) { 0.7 } else { 1.0 }).collect()
    }

    #[test]
    fn squared_paper_goes_and_strokes_stay() {
        // Lines that rise by one in twenty, both ways, and a 1 of the same ink across them.
        let stroke = |x: usize, y: usize| x.abs_diff(120) < 3 && (60..120).contains(&y);
        let line = |x: usize, y: usize| (y + x / 20).is_multiple_of(30) || (x + SIDE - y / 20).is_multiple_of(30);
        let light = drawn(|x, y| stroke(x, y) || line(x, y));
        let lines = Lines::of(&light, SIDE);
        assert!(lines.any);
        let mut ink: Vec<f32> = light.iter().map(|light| 1.0 - light).collect();
        lines.remove(&mut ink, SIDE);
        let left = |of: bool| {
            let all = || (0..ink.len()).filter(|at| stroke(at % SIDE, at / SIDE) == of);
            all().filter(|&at| ink[at] > 0.1).count() as f32 / all().count() as f32
        };
        assert!(left(false) < 0.01 && left(true) > 0.9, "{} {}", left(false), left(true));
    }

    #[test]
    fn strokes_alone_are_no_lines() {
        let seven =
            drawn(|x, y| (50..150).contains(&x) && y.abs_diff(40) < 2 || (x + y / 2).abs_diff(170) < 2 && y > 40);
        assert!(!Lines::of(&seven, SIDE).any);
        assert!(!Lines::of(&[1.0; 9], 3).any);
    }
}
