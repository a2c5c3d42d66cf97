//! How good generated pictures are, by measures of the field.
//!
//! | measure | says | source |
//! |---|---|---|
//! | accuracy | share of the pictures that a classifier of real ones reads as asked | |
//! | Fréchet distance | how far means and covariances of features are from real ones | arXiv 1706.08500 |
//! | precision, recall | share of generated pictures among real ones, and the other way round | arXiv 1904.06991 |
//! | density, coverage | the same, robust against outliers | arXiv 2002.09797 |
//! | transfer | accuracy on real pictures of a classifier that was trained on generated ones | arXiv 1905.10887 |
//!
//! Features are the last hidden layer of the classifier, so distances compare only among runs with the same one.

mod accuracy;
mod frechet;
mod judge;
mod manifold;
mod report;

pub use accuracy::{Accuracy, ClassScore};
pub use frechet::{Gaussian, frechet_distance};
pub use judge::{Judge, Reading, train_on_styles};
pub use manifold::{Manifold, manifold};
pub use report::{Floor, Report, Row};

/// Neighbours that make up a picture's surroundings.
pub const NEIGHBOURS: usize = 5;
