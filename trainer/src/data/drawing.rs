//! One picture of a user's own that is a square of the right size already, as a grey picture: of any colour type and depth,
//! light ink on black. Tests: here and in `folder/tests.rs`.

use image::{DynamicImage, ImageFormat, LumaA, RgbaImage};

use super::dataset::SIZE_MULTIPLE;
use super::levels;

const PNG: &[u8] = b"\x89PNG";
/// Where the first chunk of a PNG file, IHDR, has width and height.
const PNG_SIDES: std::ops::Range<usize> = 16..24;

/// Pictures on a transparent ground with no pixel lighter than this are taken for dark ink.
const DARK: u8 = 64;

/// A picture of which it is only known with all others what its full ink is.
#[derive(Debug)]
pub struct Drawing {
    /// Pixels of a side.
    pub size: usize,
    /// 16 bits a value, or 8.
    pub deep: bool,
    /// Whether it has colours.
    pub coloured: bool,
    /// Grey and opacity, of a picture in a small part of its range; [`DynamicImage`] gives those of others.
    values: Values,
}

#[derive(Debug)]
enum Values {
    Whole(Vec<LumaA<u8>>),
    Small(Vec<LumaA<u16>>, u16),
}

impl Drawing {
    /// Reads the bytes of a file; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let picture = if bytes.starts_with(PNG) {
            image::load_from_memory_with_format(bytes, ImageFormat::Png)
                .map_err(|error| format!("not a readable PNG: {error}"))?
        } else {
            let picture = intake::decode(bytes).map_err(|error| error.to_string())?.picture;
            let (width, height) = (picture.width() as u32, picture.height() as u32);
            let pixels = RgbaImage::from_raw(width, height, picture.rgba().to_vec());
            pixels.ok_or("its pixels do not make a picture")?.into()
        };
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        if width != height {
            return Err(format!("it is {width}x{height}, not square; --fit brings it to a square"));
        }
        if !width.is_multiple_of(SIZE_MULTIPLE) {
            return Err(format!("its side {width} is not a multiple of {SIZE_MULTIPLE}; --fit brings it to one"));
        }
        Ok(Self::new(width, picture))
    }

    fn new(size: usize, picture: DynamicImage) -> Self {
        let deep = picture.color().bytes_per_pixel() > picture.color().channel_count();
        let coloured = picture.color().has_color() && has_colours(&picture);
        let values = if deep { Self::of_16(picture) } else { Self::of_8(picture) };
        Self { size, deep, coloured, values }
    }

    fn of_8(picture: DynamicImage) -> Values {
        // What is drawn on a transparent ground may well be black.
        let opaque = !picture.color().has_alpha();
        let pixels: Vec<LumaA<u8>> = picture.into_luma_alpha8().pixels().copied().collect();
        let lightest = pixels.iter().map(|pixel| pixel.0[0]).max().unwrap_or(0);
        if !opaque || lightest > 1 {
            return Values::Whole(pixels);
        }
        Values::Small(pixels.iter().map(|pixel| LumaA(pixel.0.map(u16::from))).collect(), lightest.into())
    }

    fn of_16(picture: DynamicImage) -> Values {
        let values = picture.to_luma_alpha16();
        let most = |of: usize| values.pixels().map(|pixel| pixel.0[of]).max().unwrap_or(0);
        let (lightest, opaque) = (most(0), !picture.color().has_alpha());
        // An opacity that ends at 255, too, was written with 8 bits.
        if lightest <= levels::DARK_16 && opaque || lightest.max(most(1)) <= 255 {
            return Values::Small(values.pixels().copied().collect(), lightest);
        }
        Values::Whole(picture.into_luma_alpha8().pixels().copied().collect())
    }

    /// The largest grey value of a picture that uses a small part of its range; `None` of others.
    pub fn small_range(&self) -> Option<u16> {
        match self.values {
            Values::Small(_, lightest) => Some(lightest),
            Values::Whole(_) => None,
        }
    }

    /// Grey pixels, light ink on black like MNIST's. Transparent pixels are ground. `unit` is the value of white in pictures
    /// of a small range, where it is not the largest of their bits.
    pub fn grey(&self, unit: Option<u16>, dark_ink: bool) -> Result<Vec<u8>, String> {
        match &self.values {
            Values::Whole(pixels) => over_black(pixels, dark_ink),
            Values::Small(pixels, _) => {
                let white = if self.deep { u16::MAX } else { 255 };
                let to_8 = |value: u16, white: u16| {
                    let (value, white) = (u32::from(value.min(white)), u32::from(white));
                    ((value * 255 + white / 2) / white) as u8
                };
                let clear = if pixels.iter().all(|pixel| pixel.0[1] <= 255) { 255 } else { white };
                let pixel = |&LumaA([grey, alpha])| LumaA([to_8(grey, unit.unwrap_or(white)), to_8(alpha, clear)]);
                over_black(&pixels.iter().map(pixel).collect::<Vec<_>>(), dark_ink)
            }
        }
    }
}

/// Width and height of a PNG file, by its first bytes.
pub fn png_sides(bytes: &[u8]) -> Option<(usize, usize)> {
    let sides = bytes.get(PNG_SIDES).filter(|_| bytes.starts_with(PNG))?;
    let (width, height) = sides.split_at_checked(4)?;
    let side = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.try_into().ok()?) as usize);
    Some((side(width)?, side(height)?))
}

/// Whether any pixel is more than a little coloured: JPEG's rounding makes grey ones so.
fn has_colours(picture: &DynamicImage) -> bool {
    const LITTLE: u8 = 24;
    picture.to_rgba8().pixels().any(|pixel| {
        let [red, green, blue, alpha] = pixel.0;
        alpha > 0 && red.max(green).max(blue) - red.min(green).min(blue) > LITTLE
    })
}

fn over_black(picture: &[LumaA<u8>], dark_ink: bool) -> Result<Vec<u8>, String> {
    let over_black = |&LumaA([grey, alpha]): &LumaA<u8>| {
        let light = if dark_ink { 255 - grey } else { grey };
        ((u16::from(light) * u16::from(alpha) + 127) / 255) as u8
    };
    let pixels: Vec<u8> = picture.iter().map(over_black).collect();
    let any = |of: fn(u8) -> bool| picture.iter().any(|pixel| of(pixel.0[1]));
    let (clear, drawn) = (|alpha: u8| alpha < 255, |alpha: u8| alpha > 0);
    if any(clear) && pixels.iter().all(|&pixel| pixel < DARK) {
        return Err(match (any(drawn), dark_ink) {
            (false, _) => "it is transparent everywhere",
            (true, false) => "its ink is about as dark as the ground, black; --invert takes dark ink for light",
            (true, true) => "its ink is light already; leave out --invert",
        }
        .into());
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Luma, Rgb, Rgba};

    use super::*;

    fn drawing(picture: impl Into<DynamicImage>) -> Drawing {
        Drawing::new(4, picture.into())
    }

    /// A picture whose last pixel is ink.
    fn grey16(ground: u16, ink: u16) -> DynamicImage {
        ImageBuffer::from_fn(4, 4, |x, y| Luma([if x + y == 6 { ink } else { ground }])).into()
    }

    #[test]
    fn sixteen_bits_that_are_used_are_read_as_ever() {
        let full = drawing(grey16(0x0100, 0xff00));
        assert!(full.deep && full.small_range().is_none());
        let pixels = full.grey(None, false).unwrap();
        assert_eq!((pixels[0], pixels[15]), (1, 254));
        // Coloured, and with an opacity of 16 bits.
        let half = ImageBuffer::from_pixel(4, 4, Rgba([0xffffu16, 0xffff, 0xffff, 0x8000]));
        assert_eq!(drawing(half).grey(None, false).unwrap()[0], 128);
        let red = ImageBuffer::from_pixel(4, 4, Rgb([0xffffu16, 0, 0]));
        assert!((50..80).contains(&drawing(red).grey(None, false).unwrap()[0]));
    }

    #[test]
    fn a_small_range_is_scaled_by_the_unit_of_all() {
        let eight = || drawing(grey16(0, 200));
        assert_eq!(eight().small_range(), Some(200));
        assert_eq!(eight().grey(Some(255), false).unwrap()[15], 200);
        assert_eq!(eight().grey(None, false).unwrap()[15], 1, "among others that use the range it is black");
        assert_eq!(
            drawing(grey16(255, 0)).grey(Some(255), true).unwrap()[15],
            255,
            "and ink on paper is inverted after"
        );
        // An opacity within the same range goes along.
        let drawn = ImageBuffer::from_fn(4, 4, |x, _| Rgba(if x == 1 { [200u16, 200, 200, 255] } else { [0; 4] }));
        assert_eq!(drawing(drawn).grey(Some(255), false).unwrap()[..2], [0, 200]);
        // Black ink on a transparent ground is no small range.
        let ink = ImageBuffer::from_fn(4, 4, |x, _| LumaA(if x == 1 { [0u8, 255] } else { [0, 0] }));
        assert_eq!(drawing(ink.clone()).small_range(), None);
        assert_eq!(drawing(ink.clone()).grey(None, true).unwrap()[..2], [0, 255]);
        assert!(drawing(ink).grey(None, false).unwrap_err().contains("--invert"));
        let mask = ImageBuffer::from_fn(4, 4, |x, _| Luma([u8::from(x == 2)]));
        assert_eq!(drawing(mask).grey(Some(1), false).unwrap()[..4], [0, 0, 255, 0]);
    }
}
