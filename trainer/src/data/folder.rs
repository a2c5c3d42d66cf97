//! Reads a user's own pictures: a folder `<class name>/*.png`, square, all of the same size. Tests: `folder/tests.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::beside;
use super::dataset::Dataset;
use super::drawing::Drawing;
use super::levels;
use super::names::composed;
use crate::error::{BadPicture, Error, Result};

/// What to do with pictures that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPictures {
    /// Stop and name them.
    Refuse,
    /// Leave them out and report them.
    Skip,
}

/// Endings of pictures. Only PNG is read, whatever the ending: of others it is said what they are.
const FORMATS: [&str; 15] =
    ["png", "jpg", "jpeg", "jfif", "gif", "bmp", "webp", "tif", "tiff", "heic", "heif", "avif", "svg", "psd", "pgm"];

struct Picture {
    path: PathBuf,
    label: u16,
    drawing: Drawing,
}

/// What was read of a folder.
#[derive(Debug)]
pub struct Folder {
    pub data: Dataset,
    /// Where each of its pictures was.
    pub paths: Vec<PathBuf>,
    /// None with [`BadPictures::Refuse`].
    pub skipped: Vec<BadPicture>,
    /// What people should know of how it was read.
    pub notes: Vec<String>,
}

/// Reads a folder `<class name>/*.png`. `dark_ink` says that the drawings are dark on a light or transparent ground: they are
/// inverted.
///
/// # Errors
/// Folders that cannot be read, classes without a picture, and, unless they are skipped, pictures that cannot be used.
pub fn read(dir: &Path, policy: BadPictures, dark_ink: bool) -> Result<Folder> {
    let location = dir.display().to_string();
    let classes = class_folders(dir)?;
    let (mut good, mut bad, mut flat) = (Vec::new(), Vec::new(), false);
    for path in pictures(dir)? {
        bad.push(BadPicture { path, reason: "it lies in no class folder".into() });
    }
    for (label, folder) in
        (0u16..).zip(classes.values()).flat_map(|(label, all)| all.iter().map(move |one| (label, one)))
    {
        for path in deeper_pictures(folder)? {
            bad.push(BadPicture { path, reason: "it lies in a folder within a class folder".into() });
        }
        for path in pictures(folder)? {
            flat = true;
            match Drawing::read(&path) {
                Ok(drawing) => good.push(Picture { path, label, drawing }),
                Err(reason) => bad.push(BadPicture { path, reason }),
            }
        }
    }
    if !flat {
        too_high(dir, classes.values().flatten())?;
    }
    let units = Units::of(&good);
    let mut notes = units.notes.clone();
    // The size that most pictures have counts, so that one odd picture is the bad one, not all the others.
    let size = most_common(good.iter().map(|picture| picture.drawing.size));
    let (mut paths, mut labels, mut pixels) = (Vec::new(), Vec::new(), Vec::new());
    for Picture { path, label, drawing } in good {
        let grey = match drawing.size {
            odd if odd != size => Err(format!("it is {odd}x{odd}, most of the others are {size}x{size}")),
            _ => {
                let unit = units.of_picture(&drawing);
                drawing.grey(unit, dark_ink)
            }
        };
        match grey {
            Ok(grey) => {
                paths.push(path);
                labels.push(label);
                pixels.extend(grey);
            }
            Err(reason) => bad.push(BadPicture { path, reason }),
        }
    }
    if policy == BadPictures::Refuse && !bad.is_empty() {
        let total = paths.len() + bad.len();
        return Err(Error::BadPictures { dir: dir.to_owned(), total, bad });
    }
    if paths.is_empty() {
        let reason = match bad.len() {
            0 => "its class folders hold no picture; expected <class name>/*.png".to_owned(),
            count => format!("{count} bad pictures and no good one, the first of them {}", bad[0]),
        };
        return Err(Error::Data { location, reason });
    }
    let is_empty = |label: u16| !labels.contains(&label);
    let empty: Vec<&str> = (0u16..)
        .zip(classes.keys())
        .filter(|(label, _)| is_empty(*label))
        .map(|(_, (_, name))| name.as_str())
        .collect();
    if !empty.is_empty() {
        let reason =
            format!("no picture is left in {}, of which nothing could be learnt; remove the folder", empty.join(", "));
        return Err(Error::Data { location, reason });
    }
    for folders in classes.values().filter(|folders| folders.len() > 1) {
        let count = folders.len();
        notes.push(format!(
            "{} and {} are one class: their names are the same letters",
            folders[0].display(),
            match count {
                2 => "the other folder of that name".to_owned(),
                _ => format!("{} other folders of that name", count - 1),
            }
        ));
    }
    let class_names = classes.into_keys().map(|(_, name)| name).collect();
    let data = Dataset::new(&location, pixels, labels, size, class_names)?;
    Ok(Folder { data, paths, skipped: bad, notes })
}

/// What white is in pictures that use a small part of their range.
struct Units {
    of_8: Option<u16>,
    of_16: Option<u16>,
    notes: Vec<String>,
}

impl Units {
    /// Only where all pictures of a depth have a small range: among others, such a one is dark.
    fn of(pictures: &[Picture]) -> Self {
        let most = |deep: bool| {
            let of_depth = || pictures.iter().map(|picture| &picture.drawing).filter(move |one| one.deep == deep);
            let ranges: Option<Vec<u16>> = of_depth().map(Drawing::small_range).collect();
            let most = ranges.as_ref().and_then(|ranges| ranges.iter().max().copied()).unwrap_or(0);
            (most, of_depth().count())
        };
        let mut notes = Vec::new();
        let (masks, count) = most(false);
        let of_8 = (masks == 1).then(|| {
            notes.push(levels::masks(count));
            1
        });
        let (most_16, count) = most(true);
        let of_16 = levels::unit_of_16(most_16);
        match of_16 {
            Some(1) => notes.push(levels::masks(count)),
            Some(unit) => notes.push(format!(
                "{count} pictures are 16-bit files whose values end at {most_16}: {unit} is taken for white, or all would be black"
            )),
            None => {}
        }
        Self { of_8, of_16, notes }
    }

    fn of_picture(&self, drawing: &Drawing) -> Option<u16> {
        if drawing.deep { self.of_16 } else { self.of_8 }
    }
}

/// Says where the classes are, if they lie a folder deeper, or that files of IDX lie there instead.
fn too_high<'a>(dir: &Path, mut folders: impl Iterator<Item = &'a PathBuf>) -> Result<()> {
    let refuse = |reason: String| Err(Error::Data { location: dir.display().to_string(), reason });
    let deeper = folders.find_map(|folder| Some((folder, deeper_pictures(folder).ok()?.into_iter().next()?)));
    if let Some((folder, picture)) = deeper {
        return refuse(format!(
            "its folders are no classes, but hold folders themselves, as {}; give the folder whose folders are the classes, perhaps {}",
            picture.display(),
            folder.display()
        ));
    }
    Ok(())
}

/// Classes by their place in the order, numbers in numeric order, then the others in alphabetical order; and their folders:
/// several where names differ in their Unicode form alone.
fn class_folders(dir: &Path) -> Result<BTreeMap<(u64, String), Vec<PathBuf>>> {
    let mut classes = BTreeMap::<_, Vec<PathBuf>>::new();
    let refuse = |reason: String| Err(Error::Data { location: dir.display().to_string(), reason });
    let entries = entries(dir)?;
    for path in &entries {
        if !path.is_dir() || is_hidden(path) {
            continue;
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return refuse(format!("the folder name {} is not valid UTF-8", path.display()));
        };
        let name = composed(name);
        classes.entry((name.parse::<u64>().unwrap_or(u64::MAX), name)).or_default().push(path.clone());
    }
    if classes.is_empty() || classes.len() > usize::from(u16::MAX) {
        let is_file_of_pictures = |path: &&PathBuf| beside::labels(path).is_ok();
        let strays = pictures(dir)?.len();
        return refuse(match entries.iter().find(is_file_of_pictures) {
            Some(file) => format!("it holds files of pictures and labels; give one of pictures, as {}", file.display()),
            None if classes.is_empty() && strays > 0 => format!(
                "its {strays} pictures lie in no class folder; put those of each class into a folder of its name, <class name>/*.png"
            ),
            None => format!("{} class folders found; expected <class name>/*.png", classes.len()),
        });
    }
    Ok(classes)
}

/// Everything that is meant as a picture, also in formats that are not read: those are reported as bad.
fn pictures(dir: &Path) -> Result<Vec<PathBuf>> {
    let is_picture = |path: &PathBuf| {
        path.extension().is_some_and(|extension| FORMATS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
    };
    Ok(entries(dir)?.into_iter().filter(|path| is_picture(path) && !is_hidden(path)).collect())
}

/// Pictures in the folders within `dir`, however deep.
fn deeper_pictures(dir: &Path) -> Result<Vec<PathBuf>> {
    let is_folder = |path: &PathBuf| path.is_dir() && !path.is_symlink() && !is_hidden(path);
    let mut found = Vec::new();
    for folder in entries(dir)?.into_iter().filter(is_folder) {
        found.extend(pictures(&folder)?);
        found.extend(deeper_pictures(&folder)?);
    }
    Ok(found)
}

/// Sorted, so that the order of the pictures does not depend on the file system.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let list = || -> std::io::Result<Vec<PathBuf>> { fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect() };
    let mut paths = list().map_err(Error::io("read", dir))?;
    paths.sort();
    Ok(paths)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The larger of two equally common sizes.
fn most_common(sizes: impl Iterator<Item = usize>) -> usize {
    let mut counts = BTreeMap::new();
    for size in sizes {
        *counts.entry(size).or_insert(0usize) += 1;
    }
    counts.into_iter().max_by_key(|&(_, count)| count).map_or(0, |(size, _)| size)
}

#[cfg(test)]
mod tests;
