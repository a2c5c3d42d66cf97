//! A picture in colour, scaled to a square. Nothing is looked for in it: colours are what they are. Tests: below.

use crate::error::{Error, Result};
use crate::flat::{Flat, median};
use crate::options::{Fit, MOST_SIZE};
use crate::picture::Picture;
use crate::plain::placed;
use crate::resample::resample;

/// What shows through transparent pixels where nothing else is asked for.
const WHITE: [u8; 3] = [255; 3];

/// A picture in colour for the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coloured {
    /// `3 * size * size` values: all of red, row by row, then green, then blue.
    pub pixels: Vec<u8>,
    /// How it was fitted: as asked for; for [`Fit::Auto`], [`Fit::None`] where it had the size, else [`Fit::Pad`].
    pub fit: Fit,
}

/// Scales a picture to a square of `size` pixels and keeps its colours. `ground` is what shows through transparent pixels, and what
/// is around a padded picture; without it, white and the middle colour of the picture's edge. [`Fit::Mnist`], which finds ink, pads.
///
/// # Errors
/// With [`Fit::None`], another size; a size of nothing or of more than [`MOST_SIZE`].
pub fn prepare_colour(picture: &Picture, size: usize, fit: Fit, ground: Option<[u8; 3]>) -> Result<Coloured> {
    if size == 0 || size > MOST_SIZE {
        return Err(Error::Size { size });
    }
    let flat = Flat::on(picture, ground.unwrap_or(WHITE));
    let (width, height) = flat.size();
    let fit = match fit {
        Fit::None if (width, height) != (size, size) => return Err(Error::WrongSize { width, height, size }),
        Fit::Auto if (width, height) == (size, size) => Fit::None,
        Fit::Auto | Fit::Mnist => Fit::Pad,
        asked => asked,
    };
    let around = match ground {
        None if flat.transparent => WHITE,
        None => edge(&flat),
        Some(ground) => ground,
    };
    let (part, out) = placed(width, height, size, fit);
    let (left, top) = ((size - out.0) / 2, (size - out.1) / 2);
    let mut pixels = Vec::with_capacity(3 * size * size);
    for (channel, level) in around.into_iter().enumerate() {
        let scaled = resample((width, height), part, out, |y, row| flat.channel(channel, y, row));
        let mut plane = vec![level; size * size];
        for (line, row) in plane.chunks_exact_mut(size).skip(top).zip(scaled.chunks_exact(out.0)) {
            line[left..].iter_mut().zip(row).for_each(|(level, value)| *level = (value + 0.5) as u8);
        }
        pixels.extend(plane);
    }
    Ok(Coloured { pixels, fit })
}

/// The middle level of each colour along the edge.
fn edge(flat: &Flat<'_>) -> [u8; 3] {
    let (width, height) = flat.size();
    let mut row = vec![0.0; width];
    [0, 1, 2].map(|channel| {
        let mut levels = Vec::new();
        for y in 0..height {
            flat.channel(channel, y, &mut row);
            let inside = y > 0 && y + 1 < height;
            let step = if inside { (width - 1).max(1) } else { 1 };
            levels.extend(row.iter().step_by(step).map(|&level| level as u8));
        }
        median(levels.into_iter())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 4] = [200, 10, 20, 255];

    fn picture(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 4]) -> Picture {
        Picture::new(width, height, (0..width * height).flat_map(|i| pixel(i % width, i / width)).collect()).unwrap()
    }

    #[test]
    fn colours_stay_what_they_are_plane_by_plane() {
        let corner = picture(4, 4, |x, y| if (x, y) == (0, 0) { RED } else { [1, 2, 3, 255] });
        let Coloured { pixels, fit } = prepare_colour(&corner, 4, Fit::Auto, None).unwrap();
        assert_eq!((fit, pixels.len()), (Fit::None, 48));
        assert_eq!([pixels[0], pixels[1], pixels[16], pixels[17], pixels[32], pixels[47]], [200, 1, 10, 2, 20, 3]);
        assert!(prepare_colour(&corner, 8, Fit::None, None).unwrap_err().to_string().contains("it is 4x4"));
    }

    #[test]
    fn transparent_pixels_show_the_ground() {
        let drawn = picture(4, 4, |x, _| if x < 2 { RED } else { [9, 9, 9, 0] });
        let at = |ground| prepare_colour(&drawn, 4, Fit::Auto, ground).unwrap().pixels;
        assert_eq!([at(None)[0], at(None)[3], at(None)[16 + 3]], [200, 255, 255]);
        let slate = at(Some([30, 40, 50]));
        assert_eq!([slate[3], slate[16 + 3], slate[32 + 3], slate[0]], [30, 40, 50, 200]);
    }

    #[test]
    fn other_shapes_are_padded_with_their_edge_cropped_or_stretched() {
        let wide = picture(8, 4, |x, y| if y == 1 && x == 3 { [0, 0, 0, 255] } else { RED });
        let planes = |fit| prepare_colour(&wide, 4, fit, None).unwrap().pixels;
        assert_eq!(planes(Fit::Auto), planes(Fit::Pad));
        assert_eq!([0, 16, 32].map(|at| planes(Fit::Pad)[at]), [200, 10, 20], "the edge's colour is around it");
        assert_eq!(prepare_colour(&wide, 4, Fit::Pad, Some([7; 3])).unwrap().pixels[0], 7);
        // The black pixel is the second of the cropped square's second row, and half of one where it is stretched.
        assert_eq!([planes(Fit::Crop)[5], planes(Fit::Stretch)[5]], [0, 100]);
    }
}
