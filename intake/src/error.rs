//! What can go wrong with a picture.

#[cfg(feature = "decode")]
use crate::kinds::Format;

/// Why a picture cannot be used; the sentence says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Pixels that do not make a picture of this width and height.
    #[error("{pixels} bytes of pixels do not make {width} x {height} with four bytes each")]
    Shape {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Bytes given.
        pixels: usize,
    },
    /// More pixels than are taken.
    #[error("it has {width}x{height} pixels, more than {most} million; make it smaller first")]
    TooLarge {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Millions of pixels that are taken.
        most: usize,
    },
    /// A network without pixels, or of too many.
    #[error("a network of {size}x{size} pixels is none that pictures are made for")]
    Size {
        /// Side asked for.
        size: usize,
    },
    /// Nothing was drawn.
    #[error("there is no ink in it that can be told from the ground")]
    NoInk,
    /// A shape that this fit does not take.
    #[error("it is {width}x{height}, the network takes {size}x{size}; choose --fit pad, crop, stretch or mnist")]
    WrongSize {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Side that is needed.
        size: usize,
    },
    /// Bytes that are no picture.
    #[cfg(feature = "decode")]
    #[error("by its bytes it is no picture of a format that is known; save it as PNG or JPEG")]
    Unknown,
    /// A known format that is not read.
    #[cfg(feature = "decode")]
    #[error("it is {}, which is not read; {}", format.name(), format.advice().unwrap_or("save it as PNG or JPEG"))]
    NotRead {
        /// What it is.
        format: Format,
    },
    /// A file that ends too early.
    #[cfg(feature = "decode")]
    #[error("the {} is broken off: its end is missing; copy or save it again", format.name())]
    BrokenOff {
        /// What it is.
        format: Format,
    },
    /// A damaged file, or a variant of the format that is not read.
    #[cfg(feature = "decode")]
    #[error("it is no readable {}: {why}; save it again", format.name())]
    Unreadable {
        /// What it is.
        format: Format,
        /// The decoder's words.
        why: String,
    },
}

impl Error {
    /// The cause for programs: which sentence is to be said, in whatever language.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Shape { .. } => "picture-shape",
            Self::TooLarge { .. } => "picture-too-large",
            Self::Size { .. } => "network-size",
            Self::NoInk => "no-ink",
            Self::WrongSize { .. } => "picture-size",
            #[cfg(feature = "decode")]
            Self::Unknown | Self::NotRead { .. } | Self::BrokenOff { .. } | Self::Unreadable { .. } => "picture-file",
        }
    }

    /// The numbers that the sentence needs, by name.
    pub fn numbers(&self) -> Vec<(&'static str, usize)> {
        match *self {
            Self::Shape { width, height, pixels } => vec![("width", width), ("height", height), ("pixels", pixels)],
            Self::TooLarge { width, height, most } => vec![("width", width), ("height", height), ("most", most)],
            Self::Size { size } => vec![("size", size)],
            Self::WrongSize { width, height, size } => vec![("width", width), ("height", height), ("size", size)],
            _ => Vec::new(),
        }
    }
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
