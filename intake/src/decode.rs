//! Image files: what the browser does by itself. Tests: below.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use crate::error::{Error, Result};
use crate::frames;
use crate::kinds::Format;
use crate::picture::{MOST_PIXELS, Picture};

/// Bytes that a decoder may ask for: 16 bits a value of the largest picture, and room to work in.
const MOST_BYTES: u64 = 10 * MOST_PIXELS as u64;

/// What was in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Its pixels, turned as its metadata (EXIF) says.
    pub picture: Picture,
    /// What the file is.
    pub format: Format,
    /// Whether it holds more pictures (an animation, pages), of which this is the first.
    pub several: bool,
    /// Whether its metadata said to turn or mirror it.
    pub turned: bool,
    /// Whether its values had more than 8 bits, which were reduced to 8.
    pub deep: bool,
}

/// Reads a file's bytes as PNG, JPEG, WebP, GIF, BMP or TIFF. The first picture of several is taken.
///
/// # Errors
/// Bytes of no such format, broken ones, and more than [`MOST_PIXELS`] pixels.
pub fn decode(bytes: &[u8]) -> Result<Decoded> {
    let format = Format::of(bytes).ok_or(Error::Unknown)?;
    let image_format = image_format(format).ok_or(Error::NotRead { format })?;
    // The decoder fills what is missing with grey, and says nothing.
    if format == Format::Jpeg && !frames::jpeg_is_whole(bytes) {
        return Err(Error::BrokenOff { format });
    }
    let failed = |error: ImageError| failed(format, &error);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    if width.saturating_mul(height) > MOST_PIXELS {
        return Err(Error::TooLarge { width, height, most: MOST_PIXELS / 1_000_000 });
    }
    let orientation = orientation(&mut decoder, format, bytes);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    let deep = picture.color().bytes_per_pixel() > picture.color().channel_count();
    picture = DynamicImage::ImageRgba8(picture.into_rgba8());
    picture.apply_orientation(orientation);
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let picture = Picture::new(width, height, picture.into_rgba8().into_raw())?;
    let turned = orientation != Orientation::NoTransforms;
    Ok(Decoded { picture, format, several: several(format, bytes), turned, deep })
}

fn image_format(format: Format) -> Option<ImageFormat> {
    Some(match format {
        Format::Png => ImageFormat::Png,
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Gif => ImageFormat::Gif,
        Format::Bmp => ImageFormat::Bmp,
        Format::WebP => ImageFormat::WebP,
        Format::Tiff => ImageFormat::Tiff,
        _ => return None,
    })
}

/// Which way is up. Metadata that cannot be read turns nothing: browsers do not, either.
fn orientation(decoder: &mut impl ImageDecoder, format: Format, bytes: &[u8]) -> Orientation {
    let exif = match format {
        // The decoder sees only what stands before the pixels.
        Format::Png => frames::png_exif(bytes).map(<[u8]>::to_vec),
        _ => decoder.exif_metadata().ok().flatten(),
    };
    let in_exif = |exif: Vec<u8>| {
        // Some writers keep JPEG's name of the chunk before it.
        let chunk = exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif);
        Orientation::from_exif_chunk(chunk)
    };
    exif.and_then(in_exif).or_else(|| decoder.orientation().ok()).unwrap_or(Orientation::NoTransforms)
}

/// Whether there are more pictures in a file that was read.
fn several(format: Format, bytes: &[u8]) -> bool {
    match format {
        Format::Gif => frames::gif_has_several(bytes),
        Format::Png => PngDecoder::new(Cursor::new(bytes)).and_then(|decoder| decoder.is_apng()).unwrap_or(false),
        Format::WebP => WebPDecoder::new(Cursor::new(bytes)).is_ok_and(|decoder| decoder.has_animation()),
        Format::Tiff => frames::tiff_has_several(bytes),
        _ => false,
    }
}

fn failed(format: Format, error: &ImageError) -> Error {
    let why = error.to_string();
    let ended = matches!(error, ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof);
    // Decoders wrap the reader's error in words of their own.
    let told = ["unexpected end", "unexpected eof", "failed to fill whole buffer", "no more data", "end of file"];
    if ended || told.iter().any(|words| why.to_lowercase().contains(words)) {
        return Error::BrokenOff { format };
    }
    Error::Unreadable { format, why }
}
