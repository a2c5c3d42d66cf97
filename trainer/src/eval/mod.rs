//! Evaluation measures: how good generated pictures are.
//!
//! | measure | meaning | file | source |
//! |---|---|---|---|
//! | accuracy | share of the pictures that a classifier of real ones reads as asked | `accuracy` | |
//! | Fréchet distance | distance of means and covariances of features from real ones | `frechet` | arXiv 1706.08500 |
//! | precision, recall | share of generated pictures among real ones, and the reverse | `manifold` | arXiv 1904.06991 |
//! | density, coverage | the same, robust against outliers | `manifold` | arXiv 2002.09797 |
//! | copies | share of generated pictures that are training pictures again | `neighbours` | arXiv 2102.08921, 2310.02664 |
//! | transfer | accuracy on real pictures of a classifier trained on generated ones | `cli/eval/bench` | arXiv 1905.10887 |
//!
//! `judge` has the classifiers of digits, styles and media, `reduced` what they see of larger pictures, `panel` what several of them say of the same pictures, `report` the tables
//! and plots. Features are the last hidden layer of the classifier, so distances compare only among runs with the same one.
//! Tests: in each file.

mod accuracy;
mod frechet;
mod judge;
mod manifold;
mod markdown;
mod neighbours;
mod panel;
mod plots;
mod reduced;
mod report;

pub use accuracy::{Accuracy, ClassScore};
pub use frechet::{Gaussian, frechet_distance};
pub use judge::{Judge, Reading, train_on_media, train_on_styles};
pub use manifold::{Manifold, NEIGHBOURS, manifold};
pub use neighbours::{Copies, Neighbour, Originals, SHOWN, Surroundings, factor};
pub use panel::{OfReal, Scores, Worst};
pub use reduced::{small, strokes};
pub use report::{Data, Drawn, Floor, Near, Report, Row};
