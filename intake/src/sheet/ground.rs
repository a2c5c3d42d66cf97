//! The paper without its ink: what is left when everything narrower than a window is filled from its surroundings. Tests: below.

/// The largest of each pixel's square neighbourhood, then the smallest of that: a morphological closing. Dark marks narrower
/// than `2 * radius + 1` vanish; edges of wider areas (a shadow, the table) stay where they are.
pub(crate) fn closing(values: &[f32], width: usize, radius: usize) -> Vec<f32> {
    let height = values.len() / width;
    let mut lines = Lines::default();
    let mut rows = values.to_vec();
    rows.chunks_exact_mut(width).for_each(|row| lines.largest(row, radius));
    let mut columns = transposed(&rows, width);
    for column in columns.chunks_exact_mut(height) {
        lines.largest(column, radius);
        lines.smallest(column, radius);
    }
    let mut rows = transposed(&columns, height);
    rows.chunks_exact_mut(width).for_each(|row| lines.smallest(row, radius));
    rows
}

/// The largest of each pixel's square neighbourhood.
pub(crate) fn largest(values: &mut Vec<f32>, width: usize, radius: usize) {
    let height = values.len() / width;
    let mut lines = Lines::default();
    values.chunks_exact_mut(width).for_each(|row| lines.largest(row, radius));
    let mut columns = transposed(values, width);
    columns.chunks_exact_mut(height).for_each(|column| lines.largest(column, radius));
    *values = transposed(&columns, height);
}

/// Rows become columns.
pub(crate) fn transposed(values: &[f32], width: usize) -> Vec<f32> {
    const TILE: usize = 32;
    let height = values.len() / width;
    let mut result = vec![0.0; values.len()];
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for y in top..height.min(top + TILE) {
                for x in left..width.min(left + TILE) {
                    result[x * height + y] = values[y * width + x];
                }
            }
        }
    }
    result
}

/// Running extremes of lines in three comparisons a pixel (M. van Herk, 1992; J. Gil and M. Werman, 1993).
#[derive(Default)]
pub(crate) struct Lines {
    before: Vec<f32>,
    after: Vec<f32>,
}

impl Lines {
    pub fn largest(&mut self, line: &mut [f32], radius: usize) {
        self.slide(line, radius, f32::NEG_INFINITY, f32::max);
    }

    pub fn smallest(&mut self, line: &mut [f32], radius: usize) {
        self.slide(line, radius, f32::INFINITY, f32::min);
    }

    fn slide(&mut self, line: &mut [f32], radius: usize, none: f32, best: fn(f32, f32) -> f32) {
        let window = 2 * radius + 1;
        let length = (line.len() + 2 * radius).next_multiple_of(window);
        self.before.clear();
        self.before.resize(length, none);
        self.before[radius..radius + line.len()].copy_from_slice(line);
        self.after.clone_from(&self.before);
        for block in self.before.chunks_exact_mut(window) {
            for i in 1..window {
                block[i] = best(block[i], block[i - 1]);
            }
        }
        for block in self.after.chunks_exact_mut(window) {
            for i in (1..window).rev() {
                block[i - 1] = best(block[i - 1], block[i]);
            }
        }
        for (i, value) in line.iter_mut().enumerate() {
            *value = best(self.after[i], self.before[i + window - 1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_are_those_of_the_window() {
        let line: Vec<f32> = (0..23).map(|i| ((i * 37) % 17) as f32).collect();
        for radius in [0, 1, 4, 30] {
            let mut found = line.clone();
            Lines::default().largest(&mut found, radius);
            let largest = |i: usize| {
                let window = &line[i.saturating_sub(radius)..line.len().min(i + radius + 1)];
                window.iter().copied().fold(f32::MIN, f32::max)
            };
            assert!((0..line.len()).all(|i| found[i] == largest(i)), "{radius}");
        }
    }

    #[test]
    fn marks_vanish_and_edges_stay() {
        let (width, height) = (40, 30);
        let paper = |x: usize| if x < 25 { 200.0 } else { 90.0 };
        let marked = |x: usize, y: usize| if x.abs_diff(12) < 3 && (5..25).contains(&y) { 20.0 } else { paper(x) };
        let values: Vec<f32> = (0..width * height).map(|i| marked(i % width, i / width)).collect();
        let ground = closing(&values, width, 4);
        assert!((0..width * height).all(|i| ground[i] == paper(i % width)));
        assert_eq!(transposed(&transposed(&values, width), height), values);
        assert_eq!(closing(&[3.0], 1, 5), [3.0]);
    }
}
