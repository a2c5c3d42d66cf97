//! Parquet files as a listing of pictures, row by row: one, or the shards of a data set in a folder. Tests: here.

use std::fs;
use std::path::{Path, PathBuf};

use super::archive::Packed;
use super::listing::{Item, Listing, order};
use super::parquet::{self, Rows};
use crate::error::{Error, Result};
use crate::files;

const ENDING: &str = "parquet";
/// How the shards to learn from begin, where there are others.
const TRAIN: &str = "train";

/// The Parquet files of a folder: those to learn from, where they are called so. And how many others there are.
pub fn of_folder(dir: &Path) -> (Vec<PathBuf>, usize) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut all: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING))).collect();
    all.sort();
    let is_train =
        |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().starts_with(TRAIN));
    let train: Vec<PathBuf> = all.iter().filter(is_train).cloned().collect();
    if train.is_empty() { (all, 0) } else { (train.clone(), all.len() - train.len()) }
}

/// Reads shards, one after the other.
///
/// # Errors
/// A file that cannot be read.
pub fn listing(shards: &[PathBuf], others: usize) -> Result<Listing> {
    let mut all = Vec::with_capacity(shards.len());
    for path in shards {
        let refuse = |reason: String| Error::Data { location: path.display().to_string(), reason };
        all.push((path.as_path(), parquet::read(&files::read(path)?).map_err(refuse)?));
    }
    Ok(joined(all, others))
}

/// One file, of these bytes.
///
/// # Errors
/// As [`listing`].
pub fn of_bytes(path: &Path, bytes: &[u8]) -> Result<Listing> {
    let refuse = |reason: String| Error::Data { location: path.display().to_string(), reason };
    Ok(joined(vec![(path, parquet::read(bytes).map_err(refuse)?)], 0))
}

fn joined(shards: Vec<(&Path, Rows)>, others: usize) -> Listing {
    // A shard that does not know the classes' names may lack some.
    let mut classes: Vec<String> = shards.iter().flat_map(|(_, rows)| rows.classes.iter().cloned()).collect();
    let same = shards.windows(2).all(|pair| pair[0].1.classes == pair[1].1.classes);
    match same {
        true => classes.truncate(shards.first().map_or(0, |(_, rows)| rows.classes.len())),
        false => {
            classes.sort_by_key(|name| order(name));
            classes.dedup();
        }
    }
    let (mut items, mut pictures) = (Vec::new(), Vec::new());
    for (path, rows) in shards {
        let place = |label: u16| classes.iter().position(|class| *class == rows.classes[usize::from(label)]);
        let places: Vec<u16> = (0..rows.classes.len() as u16).map(|label| place(label).unwrap_or(0) as u16).collect();
        for (row, (picture, label)) in rows.pictures.into_iter().enumerate() {
            let path = path.join(format!("row {row}"));
            items.push(Item { label: places[usize::from(label)], path, entry: pictures.len() });
            pictures.push(picture);
        }
    }
    let note = format!("{others} other Parquet files in the folder are left alone: those called {TRAIN} are learnt");
    let notes = if others > 0 { vec![note] } else { Vec::new() };
    Listing { classes, items, bad: Vec::new(), notes, packed: Some(Packed::Rows(pictures)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_one_set_with_the_classes_of_all() {
        let rows = |names: &[&str], labels: &[u16]| Rows {
            classes: names.iter().map(|&name| name.to_owned()).collect(),
            pictures: labels.iter().map(|&label| (vec![label as u8], label)).collect(),
        };
        let listing =
            joined(vec![(Path::new("a"), rows(&["2", "10"], &[1, 0])), (Path::new("b"), rows(&["7"], &[0]))], 1);
        assert_eq!(listing.classes, ["2", "7", "10"]);
        assert_eq!(listing.items.iter().map(|item| item.label).collect::<Vec<_>>(), [2, 0, 1]);
        assert_eq!(listing.items[2].path, Path::new("b/row 0"));
        assert!(listing.notes[0].contains("1 other Parquet files"));
        // Names that all have stay in the order that the file says.
        let pets = || rows(&["cat", "ant"], &[1]);
        let listing = joined(vec![(Path::new("a"), pets()), (Path::new("b"), pets())], 0);
        assert_eq!((listing.classes, listing.items.len()), (vec!["cat".to_owned(), "ant".to_owned()], 2));
    }

    #[test]
    fn shards_to_learn_from_are_told_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let names = |(paths, others): (Vec<PathBuf>, usize)| {
            (
                paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect::<Vec<_>>(),
                others,
            )
        };
        assert_eq!(names(of_folder(dir.path())), (vec![], 0));
        fs::write(dir.path().join("test-0.parquet"), b"").unwrap();
        assert_eq!(names(of_folder(dir.path())), (vec!["test-0.parquet".to_owned()], 0));
        fs::write(dir.path().join("train-1.parquet"), b"").unwrap();
        fs::write(dir.path().join("train-0.parquet"), b"").unwrap();
        assert_eq!(names(of_folder(dir.path())), (vec!["train-0.parquet".into(), "train-1.parquet".into()], 1));
    }
}
