//! How light a sheet is around a place, at large: what is written is darker than that, the paper within it is not. Tests: below.

use super::ground::largest;

/// Samples in each direction.
const REACH: usize = 4;

/// Medians of samples on a grid, and standard deviations from the middle of what they are away from it.
pub(crate) struct Around {
    step: usize,
    across: usize,
    medians: Vec<f32>,
    deviations: Vec<f32>,
}

impl Around {
    /// Of samples `step` pixels apart.
    pub fn of(light: &[f32], width: usize, step: usize) -> Self {
        let height = light.len() / width;
        let (across, down) = (width.div_ceil(step), height.div_ceil(step));
        let sample = |x: usize, y: usize| {
            let at = |i: usize, length: usize| (i * step + step / 2).min(length - 1);
            light[at(y, height) * width + at(x, width)]
        };
        let samples: Vec<f32> = (0..across * down).map(|i| sample(i % across, i / across)).collect();
        let mut window = Vec::new();
        let mut statistics = |i: usize| {
            let (x, y) = (i % across, i / across);
            window.clear();
            for y in y.saturating_sub(REACH)..(y + REACH + 1).min(down) {
                let row = &samples[y * across..(y + 1) * across];
                window.extend_from_slice(&row[x.saturating_sub(REACH)..(x + REACH + 1).min(across)]);
            }
            let median = middle(&mut window);
            window.iter_mut().for_each(|value| *value = (*value - median).abs());
            (median, 1.4826 * middle(&mut window))
        };
        let (medians, deviations) = (0..samples.len()).map(&mut statistics).unzip();
        Self { step, across, medians, deviations }
    }

    /// Takes for each place the largest deviation next to it.
    pub fn cautious(mut self) -> Self {
        largest(&mut self.deviations, self.across, 1);
        self
    }

    /// Median and deviation around a pixel.
    pub fn at(&self, x: usize, y: usize) -> (f32, f32) {
        let at = y / self.step * self.across + x / self.step;
        (self.medians[at], self.deviations[at])
    }
}

fn middle(values: &mut [f32]) -> f32 {
    let half = values.len() / 2;
    *values.select_nth_unstable_by(half, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_do_not_count_and_halves_of_a_sheet_do() {
        let (width, height) = (200, 90);
        let light = |x: usize, y: usize| match (x, y) {
            _ if (x + y) % 10 < 3 => 0.1,
            (0..100, _) => 1.0,
            _ => 0.5,
        };
        let values: Vec<f32> = (0..width * height).map(|at| light(at % width, at / width)).collect();
        let around = Around::of(&values, width, 7);
        assert_eq!((around.at(20, 0), around.at(199, 89)), ((1.0, 0.0), (0.5, 0.0)));
    }
}
