//! Scaling: the average of what a pixel covers where a picture becomes smaller, straight lines between pixels where it becomes
//! larger. Width and height are scaled apart, row by row, so that no copy of a large picture is made.
//!
//! Values are averaged as they are stored, not as light: what the network sees is how much of a pixel is ink, as in MNIST, and
//! averaging light would thin dark ink on light paper. Pillow and torchvision do the same. Tests: below.

/// A part of a picture in fractions of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

/// What one pixel of the result is made of: weights from a first pixel on, which add to one.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// Scales `window` of a picture of `size` (width, height) to `out` (width, height). `row` writes a row of the picture.
pub(crate) fn resample(
    size: (usize, usize),
    window: Window,
    out: (usize, usize),
    mut row: impl FnMut(usize, &mut [f32]),
) -> Vec<f32> {
    let across = taps(size.0, window.x, window.width, out.0);
    let down = taps(size.1, window.y, window.height, out.1);
    let mut result = vec![0.0; out.0 * out.1];
    let (mut source, mut scaled) = (vec![0.0; size.0], vec![0.0; out.0]);
    let (Some(first), Some(end)) = (down.iter().map(|tap| tap.first).min(), down.iter().map(Taps::end).max()) else {
        return result;
    };
    let mut from = 0;
    for y in first..end {
        row(y, &mut source);
        for (value, tap) in scaled.iter_mut().zip(&across) {
            let taken = source[tap.first..].iter().zip(&tap.weights);
            *value = taken.map(|(value, weight)| value * weight).sum();
        }
        while down.get(from).is_some_and(|tap| tap.end() <= y) {
            from += 1;
        }
        let reached = down[from..].iter().zip(result[from * out.0..].chunks_exact_mut(out.0));
        for (tap, line) in reached.take_while(|(tap, _)| tap.first <= y) {
            let weight = y.checked_sub(tap.first).and_then(|at| tap.weights.get(at)).copied().unwrap_or(0.0);
            for (sum, value) in line.iter_mut().zip(&scaled) {
                *sum += weight * value;
            }
        }
    }
    result
}

impl Taps {
    fn end(&self) -> usize {
        self.first + self.weights.len()
    }
}

fn taps(length: usize, from: f32, extent: f32, out: usize) -> Vec<Taps> {
    let step = extent / out as f32;
    (0..out)
        .map(|i| if step >= 1.0 { covered(length, from, step, i) } else { between(length, from, step, i) })
        .collect()
}

/// The pixels that an interval covers, each by its share.
fn covered(length: usize, from: f32, step: f32, i: usize) -> Taps {
    let last = length - 1;
    let (begin, end) = (from + i as f32 * step, from + (i + 1) as f32 * step);
    let first = (begin.max(0.0) as usize).min(last);
    let stop = (end.ceil().max(0.0) as usize).clamp(first + 1, length);
    let share = |j: usize| (end.min((j + 1) as f32) - begin.max(j as f32)).max(0.0);
    let shares: Vec<f32> = (first..stop).map(share).collect();
    let sum: f32 = shares.iter().sum();
    if sum <= f32::EPSILON {
        return Taps { first, weights: vec![1.0] };
    }
    Taps { first, weights: shares.into_iter().map(|share| share / sum).collect() }
}

/// The two pixels beside a point.
fn between(length: usize, from: f32, step: f32, i: usize) -> Taps {
    let last = length - 1;
    let at = (from + (i as f32 + 0.5) * step - 0.5).clamp(0.0, last as f32);
    let first = (at as usize).min(last);
    let right = at - first as f32;
    let weights = if first == last { vec![1.0] } else { vec![1.0 - right, right] };
    Taps { first, weights }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(values: &[f32], size: (usize, usize), window: Window, out: (usize, usize)) -> Vec<f32> {
        resample(size, window, out, |y, row| row.copy_from_slice(&values[y * size.0..(y + 1) * size.0]))
    }

    #[test]
    fn smaller_is_the_average_of_what_is_covered() {
        let values: Vec<f32> = (0..12).map(|value| value as f32).collect();
        let whole = Window { x: 0.0, y: 0.0, width: 4.0, height: 3.0 };
        assert_eq!(scaled(&values, (4, 3), whole, (4, 3)), values);
        assert_eq!(scaled(&values, (4, 3), whole, (1, 1)), [5.5]);
        // Two thirds of a row each and the middle one shared.
        let halves = scaled(&values, (4, 3), whole, (2, 2));
        let expected = [11.0 / 6.0, 23.0 / 6.0, 43.0 / 6.0, 55.0 / 6.0];
        assert!(halves.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{halves:?}");
        let part = Window { x: 1.5, y: 0.0, width: 2.0, height: 1.0 };
        assert_eq!(scaled(&values, (4, 3), part, (1, 1)), [2.0]);
    }

    #[test]
    fn larger_lies_between() {
        let whole = Window { x: 0.0, y: 0.0, width: 2.0, height: 1.0 };
        assert_eq!(scaled(&[0.0, 8.0], (2, 1), whole, (4, 2)), [0.0, 2.0, 6.0, 8.0, 0.0, 2.0, 6.0, 8.0]);
        // In one direction larger, in the other smaller; and of one pixel.
        let tall = Window { x: 0.0, y: 0.0, width: 1.0, height: 4.0 };
        assert_eq!(scaled(&[0.0, 2.0, 4.0, 6.0], (1, 4), tall, (2, 2)), [1.0, 1.0, 5.0, 5.0]);
    }
}
