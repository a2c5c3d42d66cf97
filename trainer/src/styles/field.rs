//! Square grids of numbers, and the distance of every point of a finer grid to the ink.

/// Points per pixel and axis of the finer grid on which shapes are drawn.
pub const FINE: usize = 3;

/// The grey level from which on a pixel counts as ink.
const INK: f32 = 0.45;

/// A square grid of numbers, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub size: usize,
    pub values: Vec<f32>,
}

impl Field {
    pub fn from_grey(pixels: &[u8], size: usize) -> Self {
        Self { size, values: pixels.iter().map(|&p| f32::from(p) / 255.0).collect() }
    }

    pub fn to_grey(&self) -> Vec<u8> {
        self.values.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect()
    }

    /// The value of every point from its coordinates, which count pixels: the centre of the first
    /// is (0.5, 0.5).
    pub fn from_fn(size: usize, points_per_pixel: usize, value: impl Fn(f32, f32) -> f32) -> Self {
        let side = size * points_per_pixel;
        let at = |i: usize| (i as f32 + 0.5) / points_per_pixel as f32;
        let values = (0..side * side).map(|i| value(at(i % side), at(i / side))).collect();
        Self { size: side, values }
    }

    /// Bilinear sample at pixel coordinates; black outside.
    pub fn sample(&self, x: f32, y: f32) -> f32 {
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        let (left, top) = (left as isize, top as isize);
        let row = |y| self.at(left, y) * (1.0 - fx) + self.at(left + 1, y) * fx;
        row(top) * (1.0 - fy) + row(top + 1) * fy
    }

    /// Value at a grid point; 0 outside.
    pub fn at(&self, x: isize, y: isize) -> f32 {
        let inside = |i: isize| usize::try_from(i).ok().filter(|&i| i < self.size);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => self.values[y * self.size + x],
            _ => 0.0,
        }
    }

    /// Mean over squares of `2 * radius + 1` points, cut off at the border.
    pub fn blurred(&self, radius: usize) -> Self {
        let size = self.size;
        let pass = |values: &[f32], step: usize| -> Vec<f32> {
            let mean = |i: usize| {
                let (place, start) = (i / step % size, i - i / step % size * step);
                let (from, to) = (place.saturating_sub(radius), (place + radius).min(size - 1));
                (from..=to).map(|p| values[start + p * step]).sum::<f32>() / (to - from + 1) as f32
            };
            (0..size * size).map(mean).collect()
        };
        let rows = pass(&self.values, 1);
        Self { size, values: pass(&rows, size) }
    }

    /// Where the ink is, on the finer grid, with edges smoothed.
    pub fn ink(&self) -> Vec<bool> {
        // Blurred over a pixel, which rounds off the steps that bilinear samples leave on diagonals.
        let fine = Self::from_fn(self.size, FINE, |x, y| self.sample(x, y)).blurred(1);
        fine.values.iter().map(|&v| v > INK).collect()
    }

    /// Draws what lies where `distance` (in pixels, on the finer grid) is below zero.
    pub fn fill(size: usize, distance: impl Fn(usize) -> f32) -> Self {
        let side = size * FINE;
        let softness = FINE as f32;
        let coverage = |i: usize| (0.5 - distance(i) * softness).clamp(0.0, 1.0);
        let pixel = |i: usize| {
            let corner = (i / size) * FINE * side + (i % size) * FINE;
            let points = (0..FINE * FINE).map(|p| corner + (p / FINE) * side + p % FINE);
            points.map(coverage).sum::<f32>() / (FINE * FINE) as f32
        };
        Self { size, values: (0..size * size).map(pixel).collect() }
    }
}

/// Distance in pixels of every point of the finer grid to the edge of the ink: negative inside.
pub fn signed_distance(ink: &[bool], side: usize) -> Vec<f32> {
    let outside = distance_to(ink, side);
    let inside = distance_to(&ink.iter().map(|&ink| !ink).collect::<Vec<_>>(), side);
    outside.iter().zip(inside).map(|(outside, inside)| outside - inside).collect()
}

/// Euclidean distance in pixels of every point of the finer grid to the nearest marked one,
/// exact (Felzenszwalb and Huttenlocher 2012: lower envelope of parabolas, rows then columns).
pub fn distance_to(marked: &[bool], side: usize) -> Vec<f32> {
    let far = (2 * side * side) as f32;
    let mut squares: Vec<f32> = marked.iter().map(|&m| if m { 0.0 } else { far }).collect();
    let mut envelope = Envelope::default();
    for row in squares.chunks_exact_mut(side) {
        envelope.heights.clear();
        envelope.heights.extend_from_slice(row);
        envelope.lower(|p, square| row[p] = square);
    }
    for x in 0..side {
        envelope.heights.clear();
        envelope.heights.extend(squares.iter().skip(x).step_by(side));
        envelope.lower(|p, square| squares[p * side + x] = square);
    }
    squares.iter().map(|square| square.sqrt() / FINE as f32).collect()
}

/// The lower envelope of one parabola per point of a line, each standing on its height.
#[derive(Default)]
struct Envelope {
    heights: Vec<f32>,
    /// The points whose parabolas are lowest somewhere, and from where on each is.
    lowest: Vec<(usize, f32)>,
}

impl Envelope {
    /// Hands out `min over q of (p - q)^2 + heights[q]` for every p in order.
    fn lower(&mut self, mut put: impl FnMut(usize, f32)) {
        let heights = &self.heights;
        let lifted = |q: usize| heights[q] + (q * q) as f32;
        self.lowest.clear();
        for q in 0..heights.len() {
            let mut start = f32::NEG_INFINITY;
            while let Some(&(root, root_start)) = self.lowest.last() {
                start = (lifted(q) - lifted(root)) / (2 * (q - root)) as f32;
                if start > root_start {
                    break;
                }
                self.lowest.pop();
                start = f32::NEG_INFINITY;
            }
            self.lowest.push((q, start));
        }
        let mut k = 0;
        for p in 0..heights.len() {
            while self.lowest.get(k + 1).is_some_and(|&(_, start)| start < p as f32) {
                k += 1;
            }
            let root = self.lowest[k].0;
            put(p, (p as f32 - root as f32).powi(2) + heights[root]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_equal_those_of_a_plain_search() {
        let side = 20;
        let marked: Vec<bool> = (0..side * side).map(|i| i % 37 == 5 || i == 399).collect();
        let fast = distance_to(&marked, side);
        for (p, found) in fast.iter().enumerate() {
            let to = |q: usize| {
                let (dx, dy) = ((p % side).abs_diff(q % side), (p / side).abs_diff(q / side));
                ((dx * dx + dy * dy) as f32).sqrt()
            };
            let nearest = (0..side * side).filter(|&q| marked[q]).map(to).fold(f32::MAX, f32::min);
            assert!((found - nearest / FINE as f32).abs() < 1e-4, "{p}: {found} {nearest}");
        }
    }

    #[test]
    fn samples_are_exact_at_pixel_centres_and_black_outside() {
        let field = Field::from_grey(&[0, 51, 102, 153, 204, 255, 0, 51, 102], 3);
        assert_eq!(field.sample(2.5, 0.5), 0.4);
        assert!((field.sample(1.0, 1.0) - (0.0 + 0.2 + 0.6 + 0.8) / 4.0).abs() < 1e-6);
        assert_eq!(field.sample(-3.0, 1.0), 0.0);
    }
}
