//! Which pictures there are and of which class: in a folder `<class name>/*`, or in a zip archive of one (of Parquet files says
//! `shards.rs`). Tests:
//! `listing/tests.rs`, `folder/tests.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use self::passed::PassedOver;
use super::archive::{Archive, Packed};
use super::beside;
use super::names::composed;
use crate::error::{BadPicture, Error, Result};

mod passed;

/// Endings of pictures; what they are say the bytes.
const ENDINGS: [&str; 17] = [
    "png", "jpg", "jpeg", "jfif", "jpe", "gif", "bmp", "webp", "tif", "tiff", "heic", "heif", "avif", "svg", "psd",
    "pgm", "apng",
];
/// Bytes that tell what a picture is and how large a PNG file's is.
const START: u64 = 32;
/// What systems put into folders for themselves.
const OF_SYSTEMS: [&str; 4] = ["thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"];
/// What `--data` expects.
pub const EXPECTED: &str = "expected <class name>/*.png (or .jpg, .webp, .gif, .bmp, .tiff)";

/// One picture's file.
#[derive(Debug, Clone)]
pub struct Item {
    /// Index of its class.
    pub label: u16,
    /// The file, or the archive's path and the name in it.
    pub path: PathBuf,
    /// Its number in the archive, or among the rows.
    pub entry: usize,
}

/// The pictures of a folder or an archive.
#[derive(Debug)]
pub struct Listing {
    /// Names of the classes, in their order.
    pub classes: Vec<String>,
    /// Class by class, sorted, so that the order does not depend on the file system.
    pub items: Vec<Item>,
    /// Pictures that lie where no class is.
    pub bad: Vec<BadPicture>,
    /// What people should know.
    pub notes: Vec<String>,
    /// What holds them, where that is no folder.
    pub packed: Option<Packed>,
}

/// Numbers in numeric order, then the others in alphabetical order.
pub type Order = (u64, String);

impl Listing {
    /// The pictures of a folder.
    ///
    /// # Errors
    /// A folder that cannot be read or has no class folders.
    pub fn of_folder(dir: &Path) -> Result<Self> {
        let mut passed = PassedOver::default();
        let (dir, wrapped) = unwrapped(dir)?;
        let dir = dir.as_path();
        let classes = class_folders(dir, &mut passed)?;
        let (mut items, mut bad) = (Vec::new(), Vec::new());
        for path in pictures(dir, &mut PassedOver::default())? {
            bad.push(BadPicture { path, reason: "it lies in no class folder".into() });
        }
        for (label, folder) in
            (0u16..).zip(classes.values()).flat_map(|(label, all)| all.iter().map(move |one| (label, one)))
        {
            for path in deeper_pictures(folder)? {
                bad.push(BadPicture { path, reason: "it lies in a folder within a class folder".into() });
            }
            let found = pictures(folder, &mut passed)?;
            items.extend(found.into_iter().map(|path| Item { label, path, entry: 0 }));
        }
        if items.is_empty() {
            too_high(dir, classes.values().flatten())?;
        }
        let mut notes: Vec<String> = wrapped.into_iter().collect();
        notes.extend(passed.told());
        for folders in classes.values().filter(|folders| folders.len() > 1) {
            notes.push(one_class(&folders[0].display().to_string(), folders.len()));
        }
        Ok(Self { classes: classes.into_keys().map(|(_, name)| name).collect(), items, bad, notes, packed: None })
    }

    /// The pictures of a zip archive; its bytes again, where it holds none.
    ///
    /// # Errors
    /// An archive that cannot be read, or whose pictures lie in no folders.
    pub fn of_archive(path: &Path, bytes: Vec<u8>) -> Result<std::result::Result<Self, Vec<u8>>> {
        let refuse = |reason: String| Error::Data { location: path.display().to_string(), reason };
        let archive = Archive::new(bytes).map_err(refuse)?;
        let mut passed = PassedOver::default();
        let mut found: Vec<(Vec<&str>, usize)> = Vec::new();
        for (entry, name) in archive.names() {
            let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
            let is_hidden = |part: &&str| part.starts_with('.') || *part == "__MACOSX";
            let Some(file) = parts.last().filter(|_| !name.ends_with(['/', '\\'])) else { continue };
            if parts.iter().any(is_hidden) || OF_SYSTEMS.contains(&file.to_lowercase().as_str()) {
                continue;
            }
            if has_ending(Path::new(file)) {
                found.push((parts, entry));
            } else {
                passed.add(file);
            }
        }
        if found.is_empty() {
            return Ok(Err(archive.into_bytes()));
        }
        // Archives have the folder's own name above its classes.
        while let Some(first) = found.first().and_then(|(parts, _)| parts.first().copied())
            && found.iter().all(|(parts, _)| parts.len() > 2 && parts[0] == first)
        {
            for (parts, _) in &mut found {
                parts.remove(0);
            }
        }
        let mut classes = BTreeMap::<Order, Vec<&str>>::new();
        for (parts, _) in found.iter().filter(|(parts, _)| parts.len() > 1) {
            let folders = classes.entry(order(parts[0])).or_default();
            if !folders.contains(&parts[0]) {
                folders.push(parts[0]);
            }
        }
        if classes.is_empty() || classes.len() > usize::from(u16::MAX) {
            return Err(refuse(no_classes(classes.len(), found.len())));
        }
        found.sort();
        let (mut items, mut bad) = (Vec::new(), Vec::new());
        for (label, folders) in (0u16..).zip(classes.values()) {
            for (parts, entry) in found.iter().filter(|(parts, _)| parts.len() > 1 && folders.contains(&parts[0])) {
                let path = path.join(parts.join("/"));
                match parts.len() {
                    2 => items.push(Item { label, path, entry: *entry }),
                    _ => bad.push(BadPicture { path, reason: "it lies in a folder within a class folder".into() }),
                }
            }
        }
        for (parts, _) in found.iter().filter(|(parts, _)| parts.len() == 1) {
            bad.push(BadPicture { path: path.join(parts[0]), reason: "it lies in no class folder".into() });
        }
        let mut notes: Vec<String> = passed.told().into_iter().collect();
        let several = classes.values().filter(|folders| folders.len() > 1);
        notes.extend(several.map(|folders| one_class(folders[0], folders.len())));
        let classes = classes.into_keys().map(|(_, name)| name).collect();
        Ok(Ok(Self { classes, items, bad, notes, packed: Some(Packed::Zip(archive)) }))
    }

    /// The bytes of a picture; the error is why not.
    pub fn bytes(&self, item: &Item) -> std::result::Result<Vec<u8>, String> {
        match &self.packed {
            Some(packed) => packed.bytes(item.entry),
            None => fs::read(&item.path).map_err(|error| error.to_string()),
        }
    }

    /// At least the first bytes of a picture.
    pub fn start(&self, item: &Item) -> std::result::Result<Vec<u8>, String> {
        match &self.packed {
            Some(_) => self.bytes(item),
            None => start(&item.path).map_err(|error| error.to_string()),
        }
    }
}

/// A class's place: numbers in numeric order, then the others.
pub fn order(name: &str) -> Order {
    let name = composed(name);
    (name.parse::<u64>().unwrap_or(u64::MAX), name)
}

fn one_class(first: &str, folders: usize) -> String {
    let others = match folders {
        2 => "the other folder of that name".to_owned(),
        _ => format!("{} other folders of that name", folders - 1),
    };
    format!("{first} and {others} are one class: their names are the same letters")
}

fn no_classes(classes: usize, strays: usize) -> String {
    match (classes, strays) {
        (0, 1..) => format!(
            "its {strays} pictures lie in no class folder; put those of each class into a folder of its name, <class name>/*, or all into one folder for a base that draws one thing"
        ),
        _ => format!("{classes} class folders found; {EXPECTED}"),
    }
}

/// The folder whose folders are the classes: of one that holds nothing but one folder of folders with pictures, that.
fn unwrapped(dir: &Path) -> Result<(PathBuf, Option<String>)> {
    let mut dir = dir.to_owned();
    let mut note = None;
    loop {
        let mut none = PassedOver::default();
        let folders: Vec<PathBuf> = entries(&dir)?.into_iter().filter(|path| is_folder(path)).collect();
        let [only] = &folders[..] else { break };
        if !pictures(&dir, &mut none)?.is_empty() || !pictures(only, &mut none)?.is_empty() {
            break;
        }
        let within: Vec<PathBuf> = entries(only)?.into_iter().filter(|path| is_folder(path)).collect();
        if within.is_empty() || deeper_pictures(only)?.is_empty() {
            break;
        }
        note = Some(format!("the classes are the folders in {}", only.display()));
        dir.clone_from(only);
    }
    Ok((dir, note))
}

fn is_folder(path: &Path) -> bool {
    path.is_dir() && !path.is_symlink() && !is_hidden(path)
}

/// Says where the classes are, if they lie a folder deeper.
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

/// Classes by their place in the order, and their folders: several where names differ in their Unicode form alone.
fn class_folders(dir: &Path, passed: &mut PassedOver) -> Result<BTreeMap<Order, Vec<PathBuf>>> {
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
        if name == "__MACOSX" {
            continue;
        }
        if path.is_symlink() && goes_around(dir, path) {
            passed.loops.push(path.display().to_string());
            continue;
        }
        classes.entry(order(name)).or_default().push(path.clone());
    }
    if classes.is_empty() || classes.len() > usize::from(u16::MAX) {
        let is_file_of_pictures = |path: &&PathBuf| beside::labels(path).is_ok();
        let strays = pictures(dir, &mut PassedOver::default())?.len();
        return refuse(match entries.iter().find(is_file_of_pictures) {
            Some(file) => format!("it holds files of pictures and labels; give one of pictures, as {}", file.display()),
            None => no_classes(classes.len(), strays),
        });
    }
    Ok(classes)
}

/// Whether a link leads to the folder that it lies in, or to one around that.
fn goes_around(dir: &Path, link: &Path) -> bool {
    match (dir.canonicalize(), link.canonicalize()) {
        (Ok(dir), Ok(target)) => dir.starts_with(target),
        _ => false,
    }
}

/// Everything that is meant as a picture, also in formats that are not read: those are reported as bad.
fn pictures(dir: &Path, passed: &mut PassedOver) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in entries(dir)? {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        if is_hidden(&path) || OF_SYSTEMS.contains(&name.as_str()) {
            continue;
        }
        // As ever, a folder that is called like a picture is told as one that cannot be read.
        if has_ending(&path) || path.extension().is_none() && path.is_file() && begins_as_picture(&path) {
            found.push(path);
        } else if path.is_file() {
            passed.add(&path.display().to_string());
        }
    }
    Ok(found)
}

fn has_ending(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ENDINGS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// Whether a file without an ending is a picture.
fn begins_as_picture(path: &Path) -> bool {
    start(path).is_ok_and(|bytes| super::kinds::is_picture(&bytes))
}

fn start(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut first = Vec::new();
    fs::File::open(path)?.take(START).read_to_end(&mut first)?;
    Ok(first)
}

/// Pictures in the folders within `dir`, however deep.
fn deeper_pictures(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in entries(dir)?.into_iter().filter(|path| is_folder(path)) {
        found.extend(pictures(&folder, &mut PassedOver::default())?);
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

#[cfg(test)]
mod tests;
