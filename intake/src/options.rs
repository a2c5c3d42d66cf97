//! What is asked for, and what comes of it. Tests: of what is done with them, in the files that do it.

use crate::picture::Rect;

/// The largest side of a network's pictures.
pub const MOST_SIZE: usize = 1024;

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
    /// Whether all ink is one character, however far apart its strokes are: for [`Fit::Mnist`].
    pub one: bool,
}

/// What was made of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// In reading order; one, but for [`Fit::Mnist`], unless one was asked for.
    pub characters: Vec<Character>,
    /// How it was fitted: never [`Fit::Auto`].
    pub fit: Fit,
    /// What was ink: never [`Ink::Auto`].
    pub ink: Ink,
    /// Whether there were colours, which are lost.
    pub coloured: bool,
    /// What else is worth telling.
    pub notes: Notes,
}

/// What was done to a picture, or seen in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes {
    /// Transparent pixels were taken for ground.
    pub transparent: bool,
    /// The lines of ruled or squared paper were removed.
    pub ruled: bool,
    /// The light on the paper was uneven, and evened out.
    pub uneven: bool,
    /// Parts that touch the picture's edge and were left out: the table, a finger, a neighbour that is cut off.
    pub at_edge: usize,
    /// Parts too small to be ink, left out.
    pub specks: usize,
    /// The ink is so faint, so little or so like its ground that a look at the result is due.
    pub unsure: bool,
}

/// One picture for the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Character {
    /// `size * size` grey values, light ink on black.
    pub pixels: Vec<u8>,
    /// The part of the picture that it was made of.
    pub from: Rect,
}
