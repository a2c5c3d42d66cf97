//! From a picture of any size to what the network sees.

use crate::error::{Error, Result};
use crate::picture::{Picture, Rect};

/// How a picture is fitted into the network's square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fit {
    /// Whichever fits: [`Prepared::fit`] says which it was.
    #[default]
    Auto,
    /// Not at all: another size is refused.
    None,
    /// Scaled to fit whole, the rest is ground.
    Pad,
    /// Scaled to fill the square, what stands out is cut off.
    Crop,
    /// Scaled in width and height apart.
    Stretch,
    /// The ink is found on uneven paper, cut out, and placed as MNIST's digits are: scaled into a box of 20 of 28 pixels, its
    /// centre of mass in the middle (<http://yann.lecun.com/exdb/mnist/>). Several characters on a sheet are several pictures.
    Mnist,
}

/// Whether ink is lighter or darker than its ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ink {
    /// Found out from the picture.
    #[default]
    Auto,
    /// Dark on light or transparent: inverted.
    Dark,
    /// Light on dark: left.
    Light,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Side of the network's pictures, in pixels.
    pub size: usize,
    /// How they are fitted.
    pub fit: Fit,
    /// What is ink.
    pub ink: Ink,
}

/// What was made of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// In reading order; one, but for [`Fit::Mnist`].
    pub characters: Vec<Character>,
    /// How it was fitted: never [`Fit::Auto`].
    pub fit: Fit,
    /// What was ink: never [`Ink::Auto`].
    pub ink: Ink,
    /// Whether there were colours, which are lost.
    pub coloured: bool,
}

/// One picture for the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Character {
    /// `size * size` grey values, light ink on black.
    pub pixels: Vec<u8>,
    /// The part of the picture that it was made of.
    pub from: Rect,
}

/// Fits a picture.
///
/// # Errors
/// No ink; with [`Fit::None`], another size.
pub fn prepare(picture: &Picture, options: &Options) -> Result<Prepared> {
    let &Options { size, .. } = options;
    Err(Error::WrongSize { width: picture.width(), height: picture.height(), size })
}
