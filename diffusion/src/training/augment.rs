//! Augmentation of small sets: every other time it is seen, a picture is a little turned, stretched, moved, and its strokes a
//! little wider or finer. Edges must stay as sharp as they were: with bilinear weights and dilated strokes an adapter learns
//! blur, and the loss on pictures that were held out rises from the first step on.
//!
//! Tests: here; that it depends on seed and step alone, in `tests/it/training.rs`.

use crate::noise::NoiseSource;
use crate::order::in_order;

/// Share of the times that a picture is left as it is.
const KEPT: f32 = 0.5;
/// At strength 1, the largest turn in radians (3°).
const TURN: f32 = 0.05;
/// At strength 1, the largest change of width and of height, as a share.
const STRETCH: f32 = 0.04;
/// At strength 1, the largest shift, as a share of the side (a pixel of 28); whole pixels.
const SHIFT: f32 = 0.04;
/// At strength 1, how much wider or finer strokes become at most (see [`stroke_width`]).
const WIDTH: f32 = 0.4;
/// Levels above the ground from which a pixel is ink that must not leave the picture.
const INK: f32 = 0.25;

/// Writes a changed copy of a picture in [-1, 1] over `image`, row by row of `size` pixels. `strength` 0 changes nothing; the
/// random numbers drawn from `noise` are always seven.
///
/// The ground is what most of the edge is; a picture with ink stays whole inside the frame, unless it fills it.
pub fn augment(image: &mut [f32], size: usize, strength: f32, noise: &mut NoiseSource) {
    let kept = noise.uniform() < KEPT;
    let mut within = |bound: f32| (2.0 * noise.uniform() - 1.0) * bound * strength;
    let turn = within(TURN);
    let stretch = [within(STRETCH), within(STRETCH)].map(|share| (1.0 + share).max(0.5));
    let shift = [within(SHIFT), within(SHIFT)].map(|share| (share * size as f32).round());
    let width = within(WIDTH);
    if kept || strength == 0.0 {
        return;
    }
    let ground = ground(image, size);
    // Heights above the ground, with ink positive: light on dark and dark on light are the same from here on.
    let sign = if ground > 0.0 { -1.0 } else { 1.0 };
    let mut heights: Vec<f32> = image.iter().map(|level| (level - ground) * sign).collect();
    let most = heights.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let centre = (size as f32 - 1.0) / 2.0;
    let (sin, cos) = (libm::sin(turn.into()) as f32, libm::cos(turn.into()) as f32);
    let Some(ink) = ink(&heights, size) else { return };
    let corners = [(ink[0], ink[1]), (ink[2], ink[1]), (ink[0], ink[3]), (ink[2], ink[3])].map(|(x, y)| {
        let (x, y) = ((x - centre) * stretch[0], (y - centre) * stretch[1]);
        (cos * x - sin * y + centre, sin * x + cos * y + centre)
    });
    let inside = |low: f32, high: f32, wanted: f32, before: [f32; 2]| {
        // A pixel that strokes may grow by, and one of ground. Ink that was nearer to an edge before may stay there.
        let (least, most) = (before[0].min(2.0), before[1].max(size as f32 - 3.0));
        let (from, to) = (least - low, most - high);
        if from <= to { wanted.max(from).min(to) } else { (from + to) / 2.0 }
    };
    let bound = |of: fn(&(f32, f32)) -> f32| {
        corners.iter().map(of).fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ((left, right), (top, bottom)) = (bound(|corner| corner.0), bound(|corner| corner.1));
    let shift = [inside(left, right, shift[0], [ink[0], ink[2]]), inside(top, bottom, shift[1], [ink[1], ink[3]])];
    let source = heights.clone();
    for (i, height) in heights.iter_mut().enumerate() {
        let (x, y) = ((i % size) as f32 - centre - shift[0], (i / size) as f32 - centre - shift[1]);
        let (x, y) = ((cos * x + sin * y) / stretch[0], (cos * y - sin * x) / stretch[1]);
        *height = cubic(&source, size, x + centre, y + centre);
    }
    stroke_width(&mut heights, most, width);
    for (level, height) in image.iter_mut().zip(heights) {
        *level = (ground + sign * height).clamp(-1.0, 1.0);
    }
}

/// Whether the edges of a picture are of one level, so that it can be moved without showing what was never seen.
pub fn has_plain_ground(image: &[u8], size: usize) -> bool {
    const SAME: u8 = 24;
    let edge: Vec<u8> = edge(size).map(|at| image[at]).collect();
    let mut sorted = edge.clone();
    sorted.sort_unstable();
    let middle = sorted[sorted.len() / 2];
    edge.iter().filter(|level| level.abs_diff(middle) <= SAME).count() * 10 >= edge.len() * 9
}

/// Indices of the pixels along the edges.
fn edge(size: usize) -> impl Iterator<Item = usize> {
    (0..size).flat_map(move |i| [i, size * (size - 1) + i, size * i, size * i + size - 1])
}

/// The middle level of the edge's.
fn ground(image: &[f32], size: usize) -> f32 {
    let levels: Vec<f32> = edge(size).map(|at| image[at]).collect();
    let order = in_order(levels.len(), &|a, b| levels[a] < levels[b]);
    levels[order[order.len() / 2]]
}

/// Left, top, right and bottom of the ink; nothing where there is none.
fn ink(heights: &[f32], size: usize) -> Option<[f32; 4]> {
    let mut bounds: Option<[usize; 4]> = None;
    for (i, _) in heights.iter().enumerate().filter(|(_, height)| **height > INK) {
        let (x, y) = (i % size, i / size);
        let [left, top, right, bottom] = bounds.unwrap_or([x, y, x, y]);
        bounds = Some([left.min(x), top.min(y), right.max(x), bottom.max(y)]);
    }
    bounds.map(|bounds| bounds.map(|bound| bound as f32))
}

/// Catmull-Rom's cubic, which keeps edges sharp, without its overshoots; the ground, which is 0, outside.
fn cubic(image: &[f32], size: usize, x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let weights = |t: f32| {
        let (t2, t3) = (t * t, t * t * t);
        [-0.5 * t3 + t2 - 0.5 * t, 1.5 * t3 - 2.5 * t2 + 1.0, -1.5 * t3 + 2.0 * t2 + 0.5 * t, 0.5 * t3 - 0.5 * t2]
    };
    let (across, down) = (weights(x - left), weights(y - top));
    let at = |x: isize, y: isize| match (usize::try_from(x), usize::try_from(y)) {
        (Ok(x), Ok(y)) if x < size && y < size => image[y * size + x],
        _ => 0.0,
    };
    let (mut sum, mut least, mut most) = (0.0, f32::INFINITY, f32::NEG_INFINITY);
    for (j, down) in (-1..).zip(down) {
        for (i, across) in (-1..).zip(across) {
            let value = at(left as isize + i, top as isize + j);
            sum += down * across * value;
            (least, most) = (least.min(value), most.max(value));
        }
    }
    // `clamp` refuses other bounds in a sentence, with numbers as text: 6 KB of a browser's module.
    sum.max(least).min(most)
}

/// Strokes wider (`width` above 0) or finer by their soft edges alone: full ink and the ground stay, and so does sharpness.
/// Levels between them, as shares of `most`, are raised to the power `2^-width`.
fn stroke_width(heights: &mut [f32], most: f32, width: f32) {
    // By libm's logarithm: the standard library's powers differ between platforms.
    let power = libm::exp(-std::f64::consts::LN_2 * f64::from(width));
    for height in heights.iter_mut().filter(|height| **height > 0.0) {
        *height = most * libm::exp(power * libm::log(f64::from(*height / most))) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 28;

    /// A 7 with thick strokes, in levels of 0 to 255.
    fn grey_digit() -> Vec<u8> {
        let segment = |x: f32, y: f32, a: [f32; 2], b: [f32; 2]| {
            let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
            let t = (((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
            (x - a[0] - t * dx).hypot(y - a[1] - t * dy)
        };
        let level = |i: usize| {
            let (x, y) = ((i % SIZE) as f32, (i / SIZE) as f32);
            let [bar, stem] =
                [([7.0, 5.0], [20.0, 5.0]), ([20.0, 5.0], [11.0, 23.0])].map(|(a, b)| segment(x, y, a, b));
            ((2.0 - bar.min(stem)).clamp(0.0, 1.0) * 255.0) as u8
        };
        (0..SIZE * SIZE).map(level).collect()
    }

    fn digit() -> Vec<f32> {
        grey_digit().into_iter().map(crate::codec::from_grey).collect()
    }

    fn mass(image: &[f32]) -> f32 {
        image.iter().map(|v| v + 1.0).sum()
    }

    #[test]
    fn pictures_change_a_little_and_dark_ink_as_light_ink_does() {
        let plain = digit();
        let (mut noise, mut again) = (NoiseSource::new(1), NoiseSource::new(1));
        let mut kept = 0;
        for _ in 0..50 {
            let mut changed = plain.clone();
            augment(&mut changed, SIZE, 1.0, &mut noise);
            kept += usize::from(changed == plain);
            assert!(changed.iter().all(|v| (-1.0..=1.0).contains(v)));
            assert!((0.6..1.6).contains(&(mass(&changed) / mass(&plain))), "{}", mass(&changed) / mass(&plain));
            let mut negative: Vec<f32> = plain.iter().map(|v| -v).collect();
            augment(&mut negative, SIZE, 1.0, &mut again);
            assert!(negative.iter().zip(&changed).all(|(a, b)| (a + b).abs() < 1e-5));
            // Edges stay sharp: no more pixels are between ink and ground than a little.
            let between = |image: &[f32]| image.iter().filter(|level| level.abs() < 0.8).count();
            assert!(between(&changed) <= 3 * between(&plain), "{} {}", between(&changed), between(&plain));
        }
        assert!((10..40).contains(&kept), "{kept} of 50 were left as they are");
    }

    #[test]
    fn no_strength_changes_nothing_and_draws_as_many_numbers() {
        let (mut strong, mut none) = (NoiseSource::new(5), NoiseSource::new(5));
        let mut image = digit();
        augment(&mut image, SIZE, 0.0, &mut none);
        assert!(image.iter().zip(digit()).all(|(a, b)| (a - b).abs() < 1e-5));
        augment(&mut image, SIZE, 1.0, &mut strong);
        assert_eq!(strong.uniform(), none.uniform());
        // A picture without ink stays as it is.
        let mut empty = vec![-1.0; SIZE * SIZE];
        augment(&mut empty, SIZE, 1.0, &mut strong);
        assert_eq!(empty, vec![-1.0; SIZE * SIZE]);
    }

    #[test]
    fn ink_near_an_edge_is_not_cut_off() {
        // A box of ink, two pixels from the left and the top.
        let plain: Vec<f32> = (0..SIZE * SIZE)
            .map(|i| if (2..12).contains(&(i % SIZE)) && (2..12).contains(&(i / SIZE)) { 1.0 } else { -1.0 })
            .collect();
        let mut noise = NoiseSource::new(3);
        for _ in 0..50 {
            let mut changed = plain.clone();
            augment(&mut changed, SIZE, 3.0, &mut noise);
            assert!(edge(SIZE).all(|at| changed[at] < 0.0), "ink came to the edge");
        }
    }

    #[test]
    fn grounds_of_one_level_are_told_from_pictures_that_fill_the_frame() {
        assert!(has_plain_ground(&grey_digit(), SIZE));
        let slope: Vec<u8> = (0..SIZE * SIZE).map(|i| (i % SIZE * 9) as u8).collect();
        assert!(!has_plain_ground(&slope, SIZE));
    }
}
