//! Looks at pictures before anything is learnt from them. What would be learnt wrongly stops a run: a ground that is not black,
//! black squares, mirrored digits. Everything else is a warning. Tests: `check/tests.rs`, `trainer/tests/runs/intake.rs`.

mod classes;
mod ground;
mod reference;
mod turned;
mod twins;
mod warning;

pub use classes::counts;
pub use reference::Reference;
pub use warning::{Decided, Purpose, Warning};

use super::dataset::Dataset;
use crate::error::Result;

/// Looks at pictures that have their size, their classes and light ink on black, or colours, in which neither ground nor ink is
/// looked for. With a base, its classes are theirs.
///
/// # Errors
/// That threads cannot be started.
pub fn warnings(data: &Dataset, purpose: Purpose<'_>, decided: Decided) -> Result<Vec<Warning>> {
    if data.channels() > 1 {
        let found = twins::look(data)?;
        return Ok(found.into_iter().chain(classes::look(data, purpose)).collect());
    }
    let digits = data.class_names().iter().all(|name| matches!(name.as_bytes(), [b'0'..=b'9']));
    let mnist = digits.then(Reference::mnist).transpose()?;
    // The ten digits at MNIST's size: the shipped base, or one like it.
    let like_mnist = match purpose {
        Purpose::Known(info) if info.labels.len() == 10 && info.image_size == reference::SIZE => mnist.as_ref(),
        _ => None,
    };
    let mut found = ground::look(data, like_mnist)?;
    // Who says how the pictures stand is believed.
    if let Some(mnist) = mnist.as_ref().filter(|_| !decided.turned) {
        found.extend(turned::look(data, mnist)?);
    }
    found.extend(twins::look(data)?);
    found.extend(classes::look(data, purpose));
    found.sort_by_key(|warning| !warning.stops);
    Ok(found)
}

#[cfg(test)]
mod tests;
