//! Labelled square grey pictures: MNIST, and what people bring. `open.rs` reads all kinds: folders of PNG files (`folder.rs`,
//! `drawing.rs`), IDX files (`idx.rs`, with `beside.rs` for the labels) and tables (`csv.rs`), taken out of gzip and zip by
//! `unpack.rs`. `mnist.rs` adds `mnist_train` and `mnist_test` to [`Dataset`].

mod beside;
pub(crate) mod csv;
mod dataset;
mod drawing;
mod fetch;
mod folder;
pub(crate) mod idx;
pub(crate) mod kinds;
mod levels;
mod mnist;
pub mod names;
mod open;
mod unpack;
mod zip;

pub use dataset::{Dataset, SIZE_MULTIPLE};
pub use fetch::{Source, default_sources, fetch_mnist};
pub use folder::BadPictures;
pub use mnist::{DEFAULT_DIR, LICENCE_NOTE};
pub use open::{Opened, ReadOptions, Transpose};
