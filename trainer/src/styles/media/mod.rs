//! Media: a digit drawn larger and in colour, as ink on paper, chalk on slate and so on. Unlike a style, which changes a picture that
//! the network sees, a medium makes one of another size of it: what an autoencoder learns, and a base and adapters behind it.
//! Strokes are smooth, for they are drawn from the distance to their edge; ground, pigment, width and grain are each picture's own.
//!
//! A new medium is one function in a file of its name, and one row in [`MEDIA`]. Tests: here for all of them.

mod blueprint;
mod chalk;
mod ink;
mod neon;
mod sheet;
mod watercolour;

use crate::error::{Error, Result};
use sheet::Sheet;

/// A way to draw a digit, with its names.
#[derive(Debug)]
pub struct Medium {
    /// Short name, as on the command line and in folder names.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// One line for people.
    pub description: &'static str,
    draw: fn(Sheet) -> Vec<u8>,
}

/// All media; the first is that of a base.
pub static MEDIA: &[Medium] = &[
    Medium { name: "ink", title: "Ink", description: "Coloured ink on paper", draw: ink::draw },
    Medium { name: "chalk", title: "Chalk", description: "Chalk on slate", draw: chalk::draw },
    Medium { name: "neon", title: "Neon", description: "A bent tube that glows in the dark", draw: neon::draw },
    Medium {
        name: "blueprint",
        title: "Blueprint",
        description: "White contours on a blue grid",
        draw: blueprint::draw,
    },
    Medium {
        name: "watercolour",
        title: "Watercolour",
        description: "Thin paint that runs, darkest where it dries last",
        draw: watercolour::draw,
    },
];

impl Medium {
    /// The medium of that name.
    ///
    /// # Errors
    /// A name that no medium has.
    pub fn named(name: &str) -> Result<&'static Self> {
        MEDIA.iter().find(|medium| medium.name == name).ok_or_else(|| Error::UnknownMedium {
            name: name.to_owned(),
            known: MEDIA.iter().map(|medium| medium.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// The digit in this medium, `side` pixels a side. Depends on nothing but the arguments: `index`, the picture's index in its
    /// data set, is the seed.
    ///
    /// # Shapes
    /// `image`: `size * size` grey bytes, light strokes on black. The result: `3 * side * side` bytes, all of red, row by row,
    /// then green, then blue.
    pub fn apply(&self, image: &[u8], size: usize, side: usize, index: u64) -> Vec<u8> {
        (self.draw)(Sheet::new(image, size, side, index))
    }
}

#[cfg(test)]
mod tests;
