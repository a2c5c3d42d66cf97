//! A picture without transparency, as its pixels are asked for: the ground shows through. Tests: below.

use crate::options::Ink;
use crate::picture::Picture;

/// Opacity from which a pixel is drawn.
const DRAWN: u8 = 128;
/// Share of drawn pixels up to which they are ink themselves; above, a picture has its ground drawn, and transparent corners.
const MOST_INK: f32 = 0.6;
/// Pixels that are looked at for a first impression.
const LOOKED_AT: usize = 1 << 18;
/// Differences between red, green and blue that are a colour, not a tint of the light.
const COLOUR: u8 = 48;
/// Share of coloured pixels from which a picture has colours.
const COLOURED: f32 = 0.002;

/// How transparent pixels look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flat<'a> {
    picture: &'a Picture,
    /// What shows through.
    pub ground: [u8; 3],
    /// Whether there are transparent pixels.
    pub transparent: bool,
    /// What the drawn pixels are by their ground, where that is transparent.
    pub ink: Option<Ink>,
    /// Whether there are colours.
    pub coloured: bool,
}

impl<'a> Flat<'a> {
    /// Looks through a picture, with `ink` as it is asked for.
    pub fn new(picture: &'a Picture, ink: Ink) -> Self {
        let pixels = picture.rgba().len() / 4;
        // A step without a common factor with usual widths.
        let step = (pixels / LOOKED_AT).max(1) | 1;
        let looked = || picture.rgba().chunks_exact(4).step_by(step);
        let total = looked().count().max(1) as f32;
        let transparent = looked().any(|pixel| pixel[3] < DRAWN);
        let drawn: Vec<&[u8]> = looked().filter(|pixel| pixel[3] >= DRAWN).collect();
        let colours = drawn.iter().filter(|pixel| chroma(pixel) >= COLOUR).count();
        let coloured = colours as f32 > COLOURED * total;
        let mut flat = Self { picture, ground: [255; 3], transparent, ink: None, coloured };
        if !transparent {
            return flat;
        }
        if drawn.len() as f32 > MOST_INK * total {
            flat.ground = [0, 1, 2].map(|of| median(drawn.iter().map(|pixel| pixel[of])));
            return flat;
        }
        let ink = match ink {
            Ink::Auto if drawn.is_empty() || median(drawn.iter().map(|pixel| luma(pixel))) >= 128 => Ink::Light,
            Ink::Auto => Ink::Dark,
            asked => asked,
        };
        flat.ground = if ink == Ink::Light { [0; 3] } else { [255; 3] };
        flat.ink = Some(ink);
        flat
    }

    /// The same on a ground that is known.
    pub fn on(picture: &'a Picture, ground: [u8; 3]) -> Self {
        let transparent = picture.rgba().iter().skip(3).step_by(4).any(|&alpha| alpha < DRAWN);
        Self { picture, ground, transparent, ink: None, coloured: true }
    }

    /// Width and height.
    pub fn size(&self) -> (usize, usize) {
        (self.picture.width(), self.picture.height())
    }

    /// A row of one colour (0 red, 1 green, 2 blue).
    pub fn channel(&self, of: usize, y: usize, row: &mut [f32]) {
        for (value, pixel) in row.iter_mut().zip(self.row(y)) {
            *value = over(pixel[of], self.ground[of], pixel[3]);
        }
    }

    /// A row as grey.
    pub fn grey(&self, y: usize, row: &mut [f32]) {
        let ground = f32::from(luma(&self.ground));
        for (value, pixel) in row.iter_mut().zip(self.row(y)) {
            let alpha = f32::from(pixel[3]) / 255.0;
            *value = f32::from(luma(pixel)) * alpha + ground * (1.0 - alpha);
        }
    }

    fn row(&self, y: usize) -> impl Iterator<Item = &'a [u8]> {
        let stride = 4 * self.picture.width();
        self.picture.rgba()[y * stride..(y + 1) * stride].chunks_exact(4)
    }
}

fn over(value: u8, ground: u8, alpha: u8) -> f32 {
    if alpha == 255 {
        return f32::from(value);
    }
    let alpha = f32::from(alpha) / 255.0;
    f32::from(value) * alpha + f32::from(ground) * (1.0 - alpha)
}

/// Grey as the trainer's decoder computes it (ITU-R BT.709's weights on stored values), so that both read a file alike.
pub(crate) fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [0, 1, 2].map(|of| u32::from(pixel[of]));
    ((2126 * red + 7152 * green + 722 * blue) / 10_000) as u8
}

fn chroma(pixel: &[u8]) -> u8 {
    let colours = &pixel[..3];
    let most = colours.iter().max().copied().unwrap_or(0);
    most - colours.iter().min().copied().unwrap_or(0)
}

/// The middle of bytes; 0 of none.
pub(crate) fn median(values: impl Iterator<Item = u8>) -> u8 {
    let mut counts = [0usize; 256];
    values.for_each(|value| counts[usize::from(value)] += 1);
    let half = counts.iter().sum::<usize>().div_ceil(2);
    let mut sum = 0;
    let reached = counts.iter().position(|count| {
        sum += count;
        sum >= half
    });
    reached.unwrap_or(0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(pixel: impl Fn(usize) -> [u8; 4]) -> Picture {
        Picture::new(10, 10, (0..100).flat_map(pixel).collect()).unwrap()
    }

    #[test]
    fn the_ground_of_drawings_is_what_their_ink_is_not() {
        let dark = picture(|i| if i < 20 { [10, 20, 30, 255] } else { [0; 4] });
        let flat = Flat::new(&dark, Ink::Auto);
        assert_eq!((flat.ground, flat.ink, flat.transparent), ([255; 3], Some(Ink::Dark), true));
        let light = picture(|i| if i < 20 { [250, 250, 250, 255] } else { [0; 4] });
        assert_eq!(Flat::new(&light, Ink::Auto).ground, [0; 3]);
        assert_eq!(Flat::new(&light, Ink::Dark).ground, [255; 3], "what is asked for is right");
        // A photograph with rounded corners.
        let paper = picture(|i| if i < 4 { [0; 4] } else { [200, 210, 220, 255] });
        let flat = Flat::new(&paper, Ink::Auto);
        assert_eq!((flat.ground, flat.ink), ([200, 210, 220], None));
        let mut row = [0.0; 10];
        flat.channel(2, 0, &mut row);
        assert_eq!(row, [220.0; 10]);
        assert_eq!(Flat::new(&picture(|_| [9, 9, 9, 0]), Ink::Auto).ground, [0; 3]);
    }

    #[test]
    fn colours_are_told_from_tints() {
        assert!(!Flat::new(&picture(|_| [250, 240, 210, 255]), Ink::Auto).coloured);
        assert!(Flat::new(&picture(|i| if i < 3 { [30, 40, 200, 255] } else { [255; 4] }), Ink::Auto).coloured);
    }
}
