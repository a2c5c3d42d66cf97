//! Reads pictures of whatever kind people bring: a folder, a pair of IDX files, a table. Tests: here; of each kind, in its file.

use std::path::Path;

use intake::Fit;

use super::dataset::Dataset;
use super::fitting::Change;
use super::folder::{self, Folder};
use super::listing::Listing;
use super::options::{BadPictures, ReadOptions, Transpose};
use super::raw::Raw;
use super::unpack::unpacked;
use super::zip::{Role, is_zip};
use super::{beside, csv, idx, kinds, levels, npz, parquet, shards};
use crate::error::{BadPicture, Error, Result};
use crate::files;

const TAKEN: &str = "--data takes a folder or zip archive <class name>/*.png (or .jpg, .webp …), an IDX, an NPZ, a Parquet or a CSV file";

/// Pictures that were read.
#[derive(Debug)]
pub struct Opened {
    /// The pictures.
    pub data: Dataset,
    /// Pictures of a folder that were left out: none with [`BadPictures::Refuse`].
    pub skipped: Vec<BadPicture>,
    /// Sentences about how they were read that people should see.
    pub notes: Vec<String>,
    /// What was done to the pictures, a sentence for each kind.
    pub changes: Vec<Change>,
}

impl Dataset {
    /// Reads a folder `<class name>/*` of pictures or a zip archive of one, an IDX file with its labels, or a CSV file with a
    /// label in every row; files also packed as gzip or zip.
    ///
    /// # Errors
    /// What is not there, cannot be read, is of another kind or damaged; pictures without any ink.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Opened> {
        if path.is_dir() {
            return listed(path, of_folder(path)?, options);
        }
        if !path.exists() {
            return Err(Error::Setting { reason: format!("there is no {}: {TAKEN}", path.display()) });
        }
        let mut bytes = files::read(path)?;
        if parquet::is_parquet(&bytes) {
            return listed(path, shards::of_bytes(path, &bytes)?, options);
        }
        if is_zip(&bytes) {
            match Listing::of_archive(path, bytes)? {
                Ok(listing) => return listed(path, listing, options),
                Err(other) => bytes = other,
            }
        }
        let (mut raw, note) = raw(path, bytes, options)?;
        let mut notes: Vec<String> = note.into_iter().collect();
        if raw.stretch_masks() {
            notes.push(levels::masks(raw.labels.len()));
        }
        let turned = options.transpose == Transpose::Yes || options.transpose == Transpose::Auto && is_emnist(path);
        if options.transpose == Transpose::Auto && turned {
            notes.push(format!(
                "{} is EMNIST's by its name, whose pictures are transposed: they are turned (--transpose no leaves them)",
                path.display()
            ));
        }
        raw = if turned { raw.transposed() } else { raw };
        let (data, changes) = raw.into_dataset(&path.display().to_string(), options)?;
        // What lies in such files is grey; a base of colours takes it as grey in all of them.
        let data = data.in_channels(if options.colour { 3 } else { 1 });
        let name = |index: usize| format!("picture {index}");
        let data = without_blank(data, options.bad, name, " (the first is picture 0)", &mut notes)?;
        Ok(Opened { data, skipped: Vec::new(), notes, changes })
    }

    /// Names of the classes of what [`open`](Self::open) reads: of a folder without reading its pictures.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub fn classes_at(path: &Path, options: &ReadOptions) -> Result<Vec<String>> {
        if path.is_dir() {
            return Ok(of_folder(path)?.classes);
        }
        if !path.exists() {
            return Err(Error::Setting { reason: format!("there is no {}: {TAKEN}", path.display()) });
        }
        let mut bytes = files::read(path)?;
        if parquet::is_parquet(&bytes) {
            return Ok(shards::of_bytes(path, &bytes)?.classes);
        }
        if is_zip(&bytes) {
            match Listing::of_archive(path, bytes)? {
                Ok(listing) => return Ok(listing.classes),
                Err(other) => bytes = other,
            }
        }
        Ok(raw(path, bytes, options)?.0.class_names)
    }

    /// A pair of IDX files: pictures and their labels. The pictures stay as they are in the file.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_idx(images: &Path, labels: &Path) -> Result<Self> {
        let options = ReadOptions {
            labels: Some(labels.to_owned()),
            transpose: Transpose::No,
            fit: Fit::None,
            ..ReadOptions::default()
        };
        Self::open(images, &options).map(|opened| opened.data)
    }
}

/// The pictures of a folder: of class folders, or of the Parquet files that lie in it.
fn of_folder(dir: &Path) -> Result<Listing> {
    match shards::of_folder(dir) {
        (shards, others) if !shards.is_empty() => shards::listing(&shards, others),
        _ => Listing::of_folder(dir),
    }
}

/// Pictures in a folder or an archive.
fn listed(path: &Path, listing: Listing, options: &ReadOptions) -> Result<Opened> {
    if let Some(labels) = &options.labels {
        let reason = format!(
            "--labels {} goes with an IDX file, but {} holds pictures, whose classes are its folders",
            labels.display(),
            path.display()
        );
        return Err(Error::Setting { reason });
    }
    let Folder { mut data, skipped, mut notes, changes } = folder::read(&path.display().to_string(), listing, options)?;
    data = if options.transpose == Transpose::Yes { data.transposed() } else { data };
    let names = data.clone();
    let name = |index: usize| names.name(index).unwrap_or_default().to_owned();
    data = without_blank(data, options.bad, name, "", &mut notes)?;
    Ok(Opened { data, skipped, notes, changes })
}

/// Pictures as they are in an IDX file or a table.
fn raw(path: &Path, bytes: Vec<u8>, options: &ReadOptions) -> Result<(Raw, Option<String>)> {
    let refuse = |reason: String| Error::Data { location: path.display().to_string(), reason };
    if let Some(names) = npz::arrays(&bytes).filter(|_| is_zip(&bytes)) {
        return Ok((npz::read(&bytes, &names).map_err(refuse)?, None));
    }
    let bytes = unpacked(bytes, Role::Images).map_err(refuse)?;
    if bytes.starts_with(&[0, 0]) {
        let labels = match &options.labels {
            Some(labels) => labels.clone(),
            None => beside::labels(path).map_err(|names| refuse(no_labels(&names)))?,
        };
        idx::read(bytes, path, &labels)
    } else if csv::is_table(&bytes) {
        if let Some(labels) = &options.labels {
            return Err(refuse(format!("a table has its labels in it; leave out --labels {}", labels.display())));
        }
        Ok((csv::read(&bytes).map_err(refuse)?, None))
    } else if let Some(what) = kinds::other(&bytes) {
        Err(refuse(format!("{what}. {TAKEN}")))
    } else {
        let reason = format!("{} is neither a folder nor an IDX or CSV file: {TAKEN}", path.display());
        Err(Error::Setting { reason })
    }
}

fn no_labels(names: &[String]) -> String {
    let looked_for = match names {
        [] => String::new(),
        [first, ..] => format!(" ({first} or the like)"),
    };
    format!("its labels are not beside it{looked_for}; name their IDX file with --labels")
}

/// Whether a file is EMNIST's by its name.
fn is_emnist(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let mut parts = name.match_indices("emnist").map(|(at, _)| &name[..at]);
    parts.any(|before| !before.ends_with(char::is_alphanumeric))
}

/// Tells of pictures without ink, and leaves them out with [`BadPictures::Skip`].
fn without_blank(
    data: Dataset,
    bad: BadPictures,
    name: impl Fn(usize) -> String,
    counted: &str,
    notes: &mut Vec<String>,
) -> Result<Dataset> {
    let blank = levels::blank(&data)?;
    if blank.is_empty() {
        return Ok(data);
    }
    let names: Vec<String> = blank.iter().map(|&index| name(index)).collect();
    let (is, them) = if blank.len() == 1 { ("is", "it") } else { ("are", "them") };
    let what_they_are = match data.channels() {
        1 => format!("blank, without ink in {them}"),
        _ => "of one colour everywhere".to_owned(),
    };
    let left_out = bad == BadPictures::Skip;
    let what = if left_out { "left out" } else { "learnt as they are; --skip-bad leaves them out" };
    notes.push(format!(
        "{} of {} pictures {is} {what_they_are}{counted}: {}; {what}",
        blank.len(),
        data.len(),
        levels::told(&names)
    ));
    if !left_out {
        return Ok(data);
    }
    let kept: Vec<usize> = (0..data.len()).filter(|index| blank.binary_search(index).is_err()).collect();
    Ok(data.pick(&kept))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::PathBuf;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
    }

    fn open(path: &Path) -> Result<Opened> {
        Dataset::open(path, &ReadOptions::default())
    }

    /// An IDX file of 4x4 pictures, each of one level with another in its corner.
    fn idx(pictures: &[[u8; 2]]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, pictures.len() as u8, 0, 0, 0, 4, 0, 0, 0, 4];
        bytes.extend(pictures.iter().flat_map(|&[ground, corner]| [vec![ground; 15], vec![corner]].concat()));
        bytes
    }

    fn labels(count: u8) -> Vec<u8> {
        [vec![0, 0, 8, 1, 0, 0, 0, count], vec![5; usize::from(count)]].concat()
    }

    #[test]
    fn emnists_pictures_are_turned_and_others_are_not() {
        let real = Dataset::from_idx(&fixture("mnist-64.idx3"), &fixture("mnist-64.idx1")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let bytes = fs::read(fixture("mnist-64.idx3")).unwrap();
        let turned: Vec<u8> = real.clone().transposed().images().flatten().copied().collect();
        let path = dir.path().join("emnist-digits-train-images-idx3-ubyte.gz");
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&[&bytes[..16], &turned].concat()).unwrap();
        fs::write(&path, packed.finish().unwrap()).unwrap();
        fs::copy(fixture("mnist-64.idx1"), dir.path().join("emnist-digits-train-labels-idx1-ubyte")).unwrap();
        let opened = open(&path).unwrap();
        assert!(opened.data.images().eq(real.images()) && opened.data.labels() == real.labels());
        assert!(opened.notes[0].contains("transposed") && opened.notes[0].contains("--transpose no"));
        let forced = |transpose| Dataset::open(&path, &ReadOptions { transpose, ..ReadOptions::default() }).unwrap();
        let (left, asked) = (forced(Transpose::No), forced(Transpose::Yes));
        assert!(left.data.images().flatten().eq(turned.iter()) && left.notes.is_empty());
        assert!(asked.data.images().eq(real.images()) && asked.notes.is_empty());
        let named = |name: &str| is_emnist(Path::new(name));
        assert!(named("EMNIST_letters.csv") && named("a/my-emnist.gz"));
        assert!(!named("emnist/kmnist.gz") && !named("fashion-mnist") && !named("femnist.csv"));
    }

    #[test]
    fn pictures_without_ink_are_told_or_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let (path, beside) = (dir.path().join("a-images.idx3"), dir.path().join("a-labels.idx1"));
        fs::write(&path, idx(&[[0, 255], [0, 0], [0, 200]])).unwrap();
        fs::write(&beside, labels(3)).unwrap();
        let opened = open(&path).unwrap();
        assert_eq!((opened.data.len(), opened.data.class_names()), (3, &["5".to_owned()][..]));
        assert!(opened.notes[0].contains("1 of 3 pictures is blank") && opened.notes[0].contains("picture 1;"));
        let skip = ReadOptions { bad: BadPictures::Skip, ..ReadOptions::default() };
        assert_eq!(Dataset::open(&path, &skip).unwrap().data.len(), 2);
        fs::write(&path, idx(&[[0, 1], [0, 1], [0, 0]])).unwrap();
        let opened = open(&path).unwrap();
        assert_eq!(opened.data.image(0)[15], 255);
        assert!(opened.notes[0].contains("0 and 1 only"), "{:?}", opened.notes);
        fs::write(&path, idx(&[[0, 0]; 3])).unwrap();
        let message = open(&path).unwrap_err().to_string();
        assert!(
            message.contains("a-images.idx3") && message.contains("no ink") && message.contains("black"),
            "{message}"
        );
        fs::remove_file(beside).unwrap();
        let message = open(&path).unwrap_err().to_string();
        assert!(message.contains("a-labels.idx1 or the like") && message.contains("--labels"), "{message}");
    }

    #[test]
    fn what_is_not_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pictures.bin");
        let message = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            open(&path).unwrap_err().to_string()
        };
        for (bytes, expected) in [
            (&b"BZh91AY&SY"[..], "packed with bzip2"),
            (b"\x93NUMPY\x01", "NumPy"),
            (b"PAR1\x15", "Parquet file that is damaged"),
            (b"<!DOCTYPE html>", "web page"),
            (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
            (b"some text", "neither a folder nor an IDX or CSV file"),
            (b"", "neither a folder nor"),
        ] {
            let message = message(bytes);
            assert!(message.contains(expected) && message.contains("pictures.bin"), "{message}");
        }
        assert!(open(&dir.path().join("absent")).unwrap_err().to_string().contains("there is no"));
        // A table goes the same way as any file.
        let rows = format!("3,{}\n4,{}\n", ["0"; 16].join(","), ["250"; 16].join(","));
        assert!(message(rows.as_bytes()).contains("no ink"));
        fs::write(&path, rows.replacen(",0", ",200", 1)).unwrap();
        let opened = open(&path).unwrap();
        assert_eq!(
            (opened.data.class_names(), opened.data.labels()),
            (&["3".to_owned(), "4".to_owned()][..], &[0, 1][..])
        );
        assert!(opened.notes[0].contains("1 of 2 pictures is blank"), "{:?}", opened.notes);
    }
}
