//! MNIST's four files: their names, sizes and checksums, and how they become a [`Dataset`]. Tests: in `fetch.rs`.

use std::path::Path;

use super::dataset::Dataset;
use crate::error::{Error, Result};
use crate::store::sha256;

/// The default folder of MNIST.
pub const DEFAULT_DIR: &str = "data/mnist";

/// Number of training pictures.
const TRAIN_IMAGES: u64 = 60_000;

/// To be shown wherever MNIST is fetched or passed on.
pub const LICENCE_NOTE: &str =
    "MNIST by Yann LeCun and Corinna Cortes, CC BY-SA 3.0 (https://creativecommons.org/licenses/by-sa/3.0/)";

/// One of the original files, uncompressed.
#[derive(Debug)]
pub struct File {
    pub name: &'static str,
    pub bytes: usize,
    pub sha256: &'static str,
}

/// The two files of the training or the test set.
#[derive(Debug)]
struct Split {
    images: File,
    labels: File,
}

const TRAIN: Split = Split {
    images: File {
        name: "train-images-idx3-ubyte",
        bytes: 47_040_016,
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    },
    labels: File {
        name: "train-labels-idx1-ubyte",
        bytes: 60_008,
        sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    },
};

const TEST: Split = Split {
    images: File {
        name: "t10k-images-idx3-ubyte",
        bytes: 7_840_016,
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    },
    labels: File {
        name: "t10k-labels-idx1-ubyte",
        bytes: 10_008,
        sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
};

/// All four.
pub const FILES: [&File; 4] = [&TRAIN.images, &TRAIN.labels, &TEST.images, &TEST.labels];

impl File {
    /// Compares with the original; `path` is only for the message.
    pub fn check(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let found = sha256(bytes);
        if found == self.sha256 {
            return Ok(());
        }
        Err(Error::Checksum { path: path.to_owned(), found, expected: self.sha256 })
    }
}

impl Dataset {
    /// MNIST's 60,000 training digits, from a folder that [`fetch_mnist`](super::fetch_mnist) has filled.
    ///
    /// # Errors
    /// Files that are missing or damaged.
    pub fn mnist_train(dir: &Path) -> Result<Self> {
        load(dir, &TRAIN)
    }

    /// MNIST's 10,000 test digits.
    ///
    /// # Errors
    /// Files that are missing or damaged.
    pub fn mnist_test(dir: &Path) -> Result<Self> {
        Ok(load(dir, &TEST)?.counted_from(TRAIN_IMAGES))
    }
}

fn load(dir: &Path, split: &Split) -> Result<Dataset> {
    for file in [&split.images, &split.labels] {
        if !dir.join(file.name).is_file() {
            return Err(Error::MnistMissing { dir: dir.to_owned(), file: file.name });
        }
    }
    Dataset::from_idx(&dir.join(split.images.name), &dir.join(split.labels.name))
}
