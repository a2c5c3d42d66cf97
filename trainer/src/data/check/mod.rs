//! Looks at pictures before anything is learnt from them. What would be learnt wrongly stops a run: a ground that is not black,
//! black squares, mirrored digits. Everything else is a warning. Tests: `check/tests.rs`, `trainer/tests/runs/intake.rs`.

mod classes;
mod ground;
mod reference;
mod turned;
mod twins;

use diffusion::config::ModelInfo;

pub use classes::counts;
pub use reference::Reference;

use super::dataset::Dataset;
use super::levels;
use crate::error::Result;

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

/// Looks at pictures that have their size, their classes and light ink on black. With a base, its classes are theirs.
///
/// # Errors
/// That threads cannot be started.
pub fn warnings(data: &Dataset, purpose: Purpose<'_>, decided: Decided) -> Result<Vec<Warning>> {
    let digits = data.class_names().iter().all(|name| matches!(name.as_bytes(), [b'0'..=b'9']));
    let mnist = digits.then(Reference::mnist).transpose()?;
    // The ten digits at MNIST's size: the shipped base, or one like it.
    let like_mnist = match purpose {
        Purpose::Known(info) if info.labels.len() == 10 && info.image_size == reference::SIZE => mnist.as_ref(),
        _ => None,
    };
    let mut found = ground::look(data, like_mnist)?;
    if let Some(mnist) = &mnist {
        found.extend(turned::look(data, mnist, decided.turned)?);
    }
    found.extend(twins::look(data)?);
    found.extend(classes::look(data, purpose));
    found.sort_by_key(|warning| !warning.stops);
    Ok(found)
}

/// The files of some pictures.
fn named(data: &Dataset, pictures: &[usize]) -> String {
    let name = |&index: &usize| data.name(index).map_or_else(|| format!("picture {index}"), str::to_owned);
    levels::told(&pictures.iter().map(name).collect::<Vec<_>>())
}

/// "3 of 40 pictures".
fn of_all(count: usize, all: usize) -> String {
    match count == all {
        true => format!("all {all} pictures"),
        false => format!("{count} of {all} pictures"),
    }
}

#[cfg(test)]
mod tests;
