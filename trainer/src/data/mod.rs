//! Labelled square grey pictures: MNIST, any pair of IDX files, or a folder of PNGs per class. The readers add their
//! constructors to [`Dataset`]: `from_idx` in `idx.rs`, `from_folder` in `folder.rs`, `mnist_train` and `mnist_test` in
//! `mnist.rs`.

mod dataset;
mod fetch;
mod folder;
mod idx;
mod mnist;
pub mod names;

pub use dataset::{Dataset, SIZE_MULTIPLE};
pub use fetch::{Source, default_sources, fetch_mnist};
pub use folder::BadPictures;
pub use mnist::{DEFAULT_DIR, LICENCE_NOTE};
