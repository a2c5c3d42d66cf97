//! What a file is by its first bytes, never by its name. Tests: below.

/// Formats of pictures, as people have them: the read ones, and those that they have to convert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG in any of its wrappings.
    Jpeg,
    /// GIF.
    Gif,
    /// Windows bitmaps.
    Bmp,
    /// WebP.
    WebP,
    /// TIFF, little or big endian.
    Tiff,
    /// HEIC, as iPhones take photographs.
    Heic,
    /// HEIF of another codec.
    Heif,
    /// AVIF.
    Avif,
    /// JPEG XL.
    JpegXl,
    /// JPEG 2000.
    Jpeg2000,
    /// Scalable Vector Graphics.
    Svg,
    /// Photoshop's own.
    Photoshop,
    /// PDF.
    Pdf,
    /// PostScript.
    PostScript,
    /// Windows icons.
    Icon,
    /// GIMP's own.
    Gimp,
    /// A camera's raw picture in a wrapping of its own.
    Raw,
}

const MAGIC: [(&[u8], usize, Format); 26] = [
    (b"\x89PNG\r\n\x1a\n", 0, Format::Png),
    (b"\xff\xd8\xff", 0, Format::Jpeg),
    (b"GIF87a", 0, Format::Gif),
    (b"GIF89a", 0, Format::Gif),
    (b"WEBP", 8, Format::WebP),
    (b"IIRO", 0, Format::Raw),
    (b"IIRS", 0, Format::Raw),
    (b"IIU\0", 0, Format::Raw),
    (b"FUJIFILMCCD-RAW", 0, Format::Raw),
    (b"ftypcrx ", 4, Format::Raw),
    (b"CR\x02\0", 8, Format::Raw),
    (b"II*\0", 0, Format::Tiff),
    (b"MM\0*", 0, Format::Tiff),
    (b"ftyphei", 4, Format::Heic),
    (b"ftyphev", 4, Format::Heic),
    (b"ftypmif1", 4, Format::Heif),
    (b"ftypmsf1", 4, Format::Heif),
    (b"ftypavi", 4, Format::Avif),
    (b"\xff\x0a", 0, Format::JpegXl),
    (b"\0\0\0\x0cJXL ", 0, Format::JpegXl),
    (b"\0\0\0\x0cjP  ", 0, Format::Jpeg2000),
    (b"8BPS", 0, Format::Photoshop),
    (b"%PDF", 0, Format::Pdf),
    (b"%!PS", 0, Format::PostScript),
    (b"\0\0\x01\0", 0, Format::Icon),
    (b"gimp xcf", 0, Format::Gimp),
];

/// Bytes that are looked through for the first tag of an SVG.
const SVG_HEAD: usize = 1024;

impl Format {
    /// The format of a file, where it is known.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let has = |magic: &[u8], at: usize| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
        let known = MAGIC.iter().find(|(magic, at, _)| has(magic, *at)).map(|(.., format)| *format);
        known.or_else(|| is_bmp(bytes).then_some(Self::Bmp)).or_else(|| is_svg(bytes).then_some(Self::Svg))
    }

    /// Its name in a sentence: "it is …".
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
            Self::Heic => "HEIC, as iPhones take it",
            Self::Heif => "HEIF",
            Self::Avif => "AVIF",
            Self::JpegXl => "JPEG XL",
            Self::Jpeg2000 => "JPEG 2000",
            Self::Svg => "SVG",
            Self::Photoshop => "a Photoshop file",
            Self::Pdf => "PDF",
            Self::PostScript => "PostScript",
            Self::Icon => "a Windows icon",
            Self::Gimp => "a GIMP file",
            Self::Raw => "a camera's raw picture",
        }
    }

    /// Whether [`decode`](crate::decode) reads it.
    pub fn is_read(self) -> bool {
        self.advice().is_none()
    }

    /// What to do with a format that is not read.
    pub fn advice(self) -> Option<&'static str> {
        match self {
            Self::Png | Self::Jpeg | Self::Gif | Self::Bmp | Self::WebP | Self::Tiff => None,
            Self::Heic | Self::Heif => {
                Some("save it as JPEG (on an iPhone: Settings, Camera, Formats, Most Compatible; or `heif-convert`)")
            }
            Self::Svg | Self::Pdf | Self::PostScript => Some("save its pages as PNG pictures"),
            Self::Photoshop | Self::Gimp => Some("export it as PNG"),
            Self::Avif | Self::JpegXl | Self::Jpeg2000 | Self::Icon | Self::Raw => Some("save it as PNG or JPEG"),
        }
    }
}

/// "BM" alone begins many a text: the header's size and the planes are looked at, too.
fn is_bmp(bytes: &[u8]) -> bool {
    let size = bytes.get(14..18).and_then(|size| size.try_into().ok()).map(u32::from_le_bytes);
    bytes.starts_with(b"BM") && size.is_some_and(|size| (12..=1024).contains(&size))
}

fn is_svg(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(SVG_HEAD)];
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    text.starts_with(b"<svg") || text.starts_with(b"<?xml") && text.windows(4).any(|tag| tag == b"<svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_bytes() {
        let of = |bytes: &[u8]| Format::of(bytes).map(|format| (format.name(), format.is_read()));
        assert_eq!(of(b"\xff\xd8\xff\xe0\0\x10JFIF"), Some(("JPEG", true)));
        assert_eq!(of(b"RIFF\x10\0\0\0WEBPVP8 "), Some(("WebP", true)));
        assert_eq!(of(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some(("PNG", true)));
        assert_eq!(of(b"\0\0\0\x18ftypheic\0\0\0\0"), Some(("HEIC, as iPhones take it", false)));
        assert_eq!(of(b"\0\0\0\x18ftypavif"), Some(("AVIF", false)));
        assert_eq!(of(b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0"), Some(("BMP", true)));
        assert_eq!(of(b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn --><svg xmlns='x'/>"), Some(("SVG", false)));
        assert_eq!(of(b"<svg/>"), Some(("SVG", false)));
        assert_eq!(of(b"II*\0\x10\0\0\0CR\x02\0"), Some(("a camera's raw picture", false)));
        for none in [&b""[..], b"B", b"BM", b"BMW is a car, as everybody knows", b"7,0,0", b"<!DOCTYPE html>"] {
            assert_eq!(of(none), None);
        }
    }

    #[test]
    fn what_is_not_read_has_advice() {
        for (.., format) in MAGIC {
            assert_eq!(format.is_read(), format.advice().is_none());
        }
    }
}
