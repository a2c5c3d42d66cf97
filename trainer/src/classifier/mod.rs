//! A small convolutional network that reads digits. It judges what the diffusion model draws, so it is trained on real
//! pictures only. Tests: in `classifier/tests.rs`.

mod augment;
mod card;
mod design;
mod model;
mod net;
#[cfg(test)]
mod tests;
mod train;
mod weights;

pub use card::Card;
pub use design::Design;
pub use model::Classifier;
pub(crate) use model::argmax;
pub use net::FEATURES;
pub use train::{ClassifierConfig, Progress, train_classifier};
