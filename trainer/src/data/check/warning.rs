//! What is said of pictures, and what they are for. Tests: `check/tests.rs`.

use diffusion::config::ModelInfo;

use crate::data::dataset::Dataset;
use crate::data::levels;

/// What the pictures are for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// A base of their own: size and classes are theirs.
    Base,
    /// A base that exists: its size and classes.
    Known(&'a ModelInfo),
}

impl Purpose<'_> {
    /// The side of the base's pictures, where there is a base.
    pub fn size(&self) -> Option<usize> {
        match self {
            Self::Base => None,
            Self::Known(info) => Some(info.image_size),
        }
    }

    /// The channels of the base's pictures, where there is a base.
    pub fn channels(&self) -> Option<usize> {
        match self {
            Self::Base => None,
            Self::Known(info) => Some(info.channels),
        }
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// A word for programs.
    pub kind: &'static str,
    /// Pictures that it concerns.
    pub pictures: usize,
    /// Whether the model would learn something wrong.
    pub stops: bool,
    /// A sentence for people: what, and what to do.
    pub text: String,
}

/// What is decided and so not asked again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decided {
    /// How the pictures stand (`--transpose yes` or `no`).
    pub turned: bool,
}

/// The files of some pictures.
pub fn named(data: &Dataset, pictures: &[usize]) -> String {
    let name = |&index: &usize| data.name(index).map_or_else(|| format!("picture {index}"), str::to_owned);
    levels::told(&pictures.iter().map(name).collect::<Vec<_>>())
}

/// "3 of 40 pictures".
pub fn of_all(count: usize, all: usize) -> String {
    match count == all {
        true => format!("all {all} pictures"),
        false => format!("{count} of {all} pictures"),
    }
}
