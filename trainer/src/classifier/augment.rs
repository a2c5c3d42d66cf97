//! Augmentation: small random turns, stretches, leans and shifts, so that the classifier does not depend on positions. Tests:
//! here.

use diffusion::noise::NoiseSource;

/// Largest turn in radians.
const TURN: f32 = 0.2;
/// Largest change of width and of height, as a share.
const STRETCH: f32 = 0.12;
/// Largest lean, in pixels to the side per pixel of height.
const LEAN: f32 = 0.15;
/// Largest shift, in pixels of a picture of 28 x 28.
const SHIFT: f32 = 2.2;

/// Writes a distorted copy of a picture in [-1, 1] over `image`. `strength`: how much of the largest turn, stretch and lean, and
/// of the largest shift. `outside`: the ground that comes in from beyond the picture's edges.
pub fn distort(image: &mut [f32], size: usize, strength: [f32; 2], outside: f32, noise: &mut NoiseSource) {
    let mut within = |bound: f32| (2.0 * noise.uniform() - 1.0) * bound;
    let [form, place] = strength;
    let (turn, lean) = (within(form * TURN), within(form * LEAN));
    let (stretch_x, stretch_y) = (1.0 + within(form * STRETCH), 1.0 + within(form * STRETCH));
    let shift = place * SHIFT * size as f32 / 28.0;
    let (shift_x, shift_y) = (within(shift), within(shift));
    let (sin, cos) = turn.sin_cos();
    // The source position of each pixel of the result: turn, lean and stretch about the centre.
    let (xx, xy) = (cos * stretch_x, (lean * cos - sin) * stretch_y);
    let (yx, yy) = (sin * stretch_x, (lean * sin + cos) * stretch_y);
    let centre = (size as f32 - 1.0) / 2.0;
    let source = image.to_vec();
    for (i, pixel) in image.iter_mut().enumerate() {
        let (x, y) = ((i % size) as f32 - centre - shift_x, (i / size) as f32 - centre - shift_y);
        *pixel = sample(&source, size, outside, xx * x + xy * y + centre, yx * x + yy * y + centre);
    }
}

/// Bilinear.
fn sample(image: &[f32], size: usize, outside: f32, x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let (left, top) = (left as isize, top as isize);
    let at = |x: isize, y: isize| match (usize::try_from(x), usize::try_from(y)) {
        (Ok(x), Ok(y)) if x < size && y < size => image[y * size + x],
        _ => outside,
    };
    let row = |y| at(left, y) * (1.0 - fx) + at(left + 1, y) * fx;
    row(top) * (1.0 - fy) + row(top + 1) * fy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_move_a_little_and_stay_within_the_range() {
        let plain: Vec<f32> = crate::testing::drawn_digit(7).iter().map(|&p| f32::from(p) / 127.5 - 1.0).collect();
        let ink = |image: &[f32]| image.iter().map(|v| v + 1.0).sum::<f32>();
        let mut noise = NoiseSource::new(1);
        for _ in 0..50 {
            let mut moved = plain.clone();
            distort(&mut moved, 28, [1.0, 1.0], -1.0, &mut noise);
            assert_ne!(moved, plain);
            assert!(moved.iter().all(|v| (-1.0..=1.0).contains(v)));
            assert!((0.7..1.4).contains(&(ink(&moved) / ink(&plain))));
        }
    }
}
