//! Square grids of numbers, and the distance of every point of a finer grid to the ink. Tests: here.

/// Points per pixel and axis of the finer grid on which shapes are drawn.
pub const FINE: usize = 3;

/// The grey level from which on a pixel counts as ink.
const INK: f32 = 0.45;

/// A square grid of numbers, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Points along a side.
    pub size: usize,
    /// `size * size` values.
    pub values: Vec<f32>,
}

impl Field {
    /// Grey bytes as 0 to 1.
    pub fn from_grey(pixels: &[u8], size: usize) -> Self {
        Self { size, values: pixels.iter().map(|&p| f32::from(p) / 255.0).collect() }
    }

    /// 0 to 1 as grey bytes.
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
        let (left, top) = (floor(x), floor(y));
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
        // Whole rows are added, shifted or those around, which the compiler does in SIMD vectors.
        let add = |sums: &mut [f32], values: &[f32]| sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        let window = |i: usize| i.saturating_sub(radius)..=(i + radius).min(size - 1);
        let mut along = vec![0.0; size * size];
        for (sums, row) in along.chunks_exact_mut(size).zip(self.values.chunks_exact(size)) {
            for shift in (1..=radius.min(size - 1)).rev() {
                add(&mut sums[shift..], row);
            }
            for shift in 0..=radius.min(size - 1) {
                add(sums, &row[shift..]);
            }
            sums.iter_mut().enumerate().for_each(|(x, sum)| *sum /= window(x).count() as f32);
        }
        let mut values = vec![0.0; size * size];
        for (y, sums) in values.chunks_exact_mut(size).enumerate() {
            for row in window(y) {
                add(sums, &along[row * size..(row + 1) * size]);
            }
            sums.iter_mut().for_each(|sum| *sum /= window(y).count() as f32);
        }
        Self { size, values }
    }

    /// Bilinear samples on the finer grid.
    fn enlarged(&self) -> Self {
        let (size, side) = (self.size, self.size * FINE);
        // Of every point of the finer grid: the pixel before it, and how far it is towards the next.
        let positions: Vec<(isize, f32)> = (0..side)
            .map(|i| {
                let position = (i as f32 + 0.5) / FINE as f32 - 0.5;
                (floor(position) as isize, position - floor(position))
            })
            .collect();
        // Every row stretched, and an empty one on either side.
        let mut rows = Vec::with_capacity((size + 2) * side);
        for y in -1..=size as isize {
            rows.extend(positions.iter().map(|&(x, part)| self.at(x, y) * (1.0 - part) + self.at(x + 1, y) * part));
        }
        let mut values = Vec::with_capacity(side * side);
        for &(y, part) in &positions {
            let (upper, lower) = rows[(y + 1) as usize * side..].split_at(side);
            values.extend(upper.iter().zip(lower).map(|(upper, lower)| upper * (1.0 - part) + lower * part));
        }
        Self { size: side, values }
    }

    /// Where the ink is, on the finer grid, with edges smoothed.
    pub fn ink(&self) -> Vec<bool> {
        // Blurred over a pixel, which rounds off the steps that bilinear samples leave on diagonals.
        self.enlarged().blurred(1).values.iter().map(|&v| v > INK).collect()
    }

    /// Draws the points of the finer grid whose `distance`, in pixels, is below zero, with smooth edges.
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

/// Euclidean distance in pixels of every point of the finer grid to the nearest marked one, exact: first along the rows, then
/// over all rows. For such small grids, all rows for several columns at once are cheaper than a lower envelope for each column.
pub fn distance_to(marked: &[bool], side: usize) -> Vec<f32> {
    let far = (2 * side * side) as f32;
    let mut along = vec![far; side * side];
    for (row, marks) in along.chunks_exact_mut(side).zip(marked.chunks_exact(side)) {
        let mut nearest = None;
        for x in 0..side {
            nearest = if marks[x] { Some(x) } else { nearest };
            row[x] = nearest.map_or(far, |mark| ((x - mark) * (x - mark)) as f32);
        }
        for x in (0..side).rev() {
            nearest = if marks[x] { Some(x) } else { nearest.filter(|&mark| mark > x) };
            row[x] = nearest.map_or(row[x], |mark| row[x].min(((mark - x) * (mark - x)) as f32));
        }
    }
    let rows: Vec<(usize, &[f32])> = along.chunks_exact(side).enumerate().filter(|(_, row)| row[0] < far).collect();
    let mut squares = vec![far; side * side];
    for (y, nearest) in squares.chunks_exact_mut(side).enumerate() {
        for &(other, row) in &rows {
            let across = (y.abs_diff(other) * y.abs_diff(other)) as f32;
            for (nearest, along) in nearest.iter_mut().zip(row) {
                let square = along + across;
                *nearest = if square < *nearest { square } else { *nearest };
            }
        }
    }
    squares.iter().map(|square| square.sqrt() / FINE as f32).collect()
}

/// `f32::floor` for small numbers, without the function call that it costs for the baseline of x86-64.
fn floor(x: f32) -> f32 {
    let towards_0 = x as i32 as f32;
    if towards_0 > x { towards_0 - 1.0 } else { towards_0 }
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
    fn the_finer_grid_holds_the_samples_and_blurs_to_plain_means() {
        let pixels: Vec<u8> = (0..64u32).map(|i| (i * i * 37 % 251) as u8).collect();
        let field = Field::from_grey(&pixels, 8);
        let fine = Field::from_fn(8, FINE, |x, y| field.sample(x, y));
        assert_eq!(field.enlarged(), fine);
        for radius in [0, 1, 3, 30] {
            let blurred = fine.blurred(radius);
            for (i, found) in blurred.values.iter().enumerate() {
                let near = |q: usize, p: usize| q.abs_diff(p) <= radius;
                let inside = |&q: &usize| near(q % 24, i % 24) && near(q / 24, i / 24);
                let values: Vec<f32> = (0..24 * 24).filter(inside).map(|q| fine.values[q]).collect();
                let mean = values.iter().sum::<f32>() / values.len() as f32;
                assert!((found - mean).abs() < 1e-5, "{radius} {i}: {found} {mean}");
            }
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
