//! What can go wrong with a picture.

/// Why a picture cannot be used; the sentence says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
