//! Finds the labels beside a file of pictures, by the names that the tools give them. Tests: here.

use std::path::{Path, PathBuf};

/// Endings of packed files. A name without is among them: one may be unpacked, the other not.
const PACKED: [&str; 6] = ["", ".gz", ".zip", ".bz2", ".xz", ".zst"];

/// What may stand in a name for pictures and then for their labels: MNIST, EMNIST, Kaggle's copies, QMNIST.
const PAIRS: [(&str, &str); 5] = [
    ("idx3-ubyte", "idx1-ubyte"),
    ("idx3-ubyte", "idx2-int"),
    ("idx3-ubyte", "idx1-int"),
    ("idx3", "idx1"),
    ("idx3", "idx2"),
];

/// The name without the ending of a packed file, and that ending.
pub fn stem(name: &str) -> (&str, &str) {
    let lower = name.to_lowercase();
    let ending = PACKED.iter().skip(1).find(|ending| lower.ends_with(*ending)).map_or(0, |ending| ending.len());
    name.split_at(name.len() - ending)
}

/// Names that the labels may have, the likeliest first.
fn names(images: &str) -> Vec<String> {
    let (stem, ending) = stem(images);
    let labelled = stem.replace("images", "labels").replace("Images", "Labels").replace("IMAGES", "LABELS");
    let pairs = PAIRS.iter().filter(|(pictures, _)| labelled.contains(pictures));
    let mut stems: Vec<String> = pairs.map(|(pictures, labels)| labelled.replace(pictures, labels)).collect();
    if labelled != stem {
        stems.push(labelled);
    }
    let endings = || std::iter::once(ending).chain(PACKED.into_iter().filter(|other| *other != ending));
    stems.iter().flat_map(|stem| endings().map(move |ending| format!("{stem}{ending}"))).collect()
}

/// The labels' file, if it is there.
///
/// # Errors
/// The likeliest names, where none of them is there.
pub fn labels(images: &Path) -> Result<PathBuf, Vec<String>> {
    let names = names(images.file_name().and_then(|name| name.to_str()).unwrap_or_default());
    let there = names.iter().map(|name| images.with_file_name(name)).find(|path| path.is_file());
    there.ok_or(names)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn labels_are_found_by_the_names_of_every_tool() {
        for (images, expected) in [
            ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
            ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
            ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
            ("emnist-letters-test-images-idx3-ubyte.gz", "emnist-letters-test-labels-idx1-ubyte"),
            ("qmnist-train-images-idx3-ubyte.gz", "qmnist-train-labels-idx2-int.gz"),
            ("qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int"),
            ("train-images-idx3-ubyte.zip", "train-labels-idx1-ubyte.gz"),
            ("mnist-64.idx3", "mnist-64.idx1"),
            ("my-images.idx", "my-labels.idx"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(expected), "").unwrap();
            fs::write(dir.path().join(images), "").unwrap();
            assert_eq!(labels(&dir.path().join(images)).unwrap(), dir.path().join(expected));
            fs::remove_file(dir.path().join(expected)).unwrap();
            let looked_for = labels(&dir.path().join(images)).unwrap_err();
            assert!(looked_for.iter().any(|name| name == expected) && looked_for.iter().all(|name| name != images));
        }
        assert_eq!(stem("a-images.GZ"), ("a-images", ".GZ"));
        assert!(names("digits.bin").is_empty());
    }
}
