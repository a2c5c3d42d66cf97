//! How pictures are read. Tests: in `open.rs` and `folder/tests.rs`.

use std::path::PathBuf;

use intake::{Fit, Ink};

/// What to do with pictures that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPictures {
    /// Stop and name them.
    Refuse,
    /// Leave them out and report them.
    Skip,
}

/// Whether pictures lie in their file with rows and columns exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transpose {
    /// Where the file's name says that it is EMNIST's: its pictures do (arXiv 1702.05373, and the files themselves).
    #[default]
    Auto,
    /// Yes: they are turned.
    Yes,
    /// No: they stay as they are.
    No,
}

/// How pictures are read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// What is done about pictures that cannot be used. Those without ink are left out with [`BadPictures::Skip`].
    pub bad: BadPictures,
    /// How they are brought to the network's size.
    pub fit: Fit,
    /// Whether they are dark on a light or transparent ground, and to be inverted. [`Ink::Auto`] inverts what is fitted where
    /// it looks so; squares of the right size stay as they are.
    pub ink: Ink,
    /// Whether their colours are kept.
    pub colour: bool,
    /// With colours: what shows through transparent pixels, and what is around a padded picture, as red, green and blue. None: white,
    /// and the colour of the picture's edge.
    pub ground: Option<[u8; 3]>,
    /// Side of the pictures, where it is settled.
    pub size: Option<usize>,
    /// Whether they are turned.
    pub transpose: Transpose,
    /// The file of the labels, where it is not beside an IDX file under its usual name.
    pub labels: Option<PathBuf>,
    /// Is told how many files were read, and of how many.
    pub progress: fn(usize, usize),
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            bad: BadPictures::Refuse,
            fit: Fit::Auto,
            ink: Ink::Auto,
            colour: false,
            ground: None,
            size: None,
            transpose: Transpose::Auto,
            labels: None,
            progress: |_, _| (),
        }
    }
}
