//! Labelled square pictures, grey or in colour: MNIST, and what people bring. `open.rs` reads all kinds: folders and archives of pictures
//! (`listing.rs`, `folder.rs`; `drawing.rs` takes squares of the right size as they are, `fitting.rs` fits others), Parquet files of
//! them (`shards.rs`, `parquet/`), IDX files
//! (`idx.rs`, with `beside.rs` for the labels), tables (`csv.rs`) and arrays (`npz.rs`), taken out of gzip and zip by
//! `unpack.rs`. `mnist.rs` adds `mnist_train` and `mnist_test` to [`Dataset`].

mod archive;
mod beside;
pub mod check;
pub(crate) mod csv;
mod dataset;
mod drawing;
mod fetch;
mod fitting;
mod folder;
pub(crate) mod idx;
pub(crate) mod kinds;
mod levels;
mod listing;
mod mnist;
pub mod names;
mod npz;
mod open;
mod options;
mod parquet;
mod raw;
mod shards;
mod unpack;
mod zip;

pub use dataset::{Dataset, SIZE_MULTIPLE};
pub use fetch::{Source, default_sources, fetch_mnist};
pub use fitting::Change;
pub use mnist::{DEFAULT_DIR, LICENCE_NOTE};
pub use open::Opened;
pub use options::{BadPictures, ReadOptions, Transpose};
