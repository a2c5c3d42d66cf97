//! Reads a user's own pictures: a folder `<class name>/*.png`, square, all of the same size. Tests: here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::dataset::{Dataset, SIZE_MULTIPLE};
use crate::error::{BadPicture, Error, Result};

/// What to do with pictures that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPictures {
    /// Stop and name them.
    Refuse,
    /// Leave them out and report them.
    Skip,
}

/// Endings of pictures; the first is the one that is read.
const FORMATS: [&str; 8] = ["png", "jpg", "jpeg", "gif", "bmp", "webp", "tif", "tiff"];

/// Pictures on a transparent ground with no pixel lighter than this are taken for dark ink.
const BLANK: u8 = 64;

struct Picture {
    path: PathBuf,
    label: u16,
    size: usize,
    pixels: Vec<u8>,
}

impl Dataset {
    /// A folder `<class name>/*.png`, and the pictures that were skipped: none with [`BadPictures::Refuse`]. `dark_ink` says
    /// that the drawings are dark on a light or transparent ground: they are inverted.
    ///
    /// # Errors
    /// Folders that cannot be read, classes without a picture, and, unless they are skipped, pictures that cannot be used.
    pub fn from_folder(dir: &Path, bad: BadPictures, dark_ink: bool) -> Result<(Self, Vec<BadPicture>)> {
        load(dir, bad, dark_ink)
    }
}

fn load(dir: &Path, policy: BadPictures, dark_ink: bool) -> Result<(Dataset, Vec<BadPicture>)> {
    let location = dir.display().to_string();
    let class_names = class_folders(dir)?;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for path in pictures(dir)? {
        bad.push(BadPicture { path, reason: "it lies in no class folder".into() });
    }
    for (label, class) in (0u16..).zip(&class_names) {
        let class_dir = dir.join(class);
        for path in deeper_pictures(&class_dir)? {
            bad.push(BadPicture { path, reason: "it lies in a folder within a class folder".into() });
        }
        for path in pictures(&class_dir)? {
            match read_grey(&path, dark_ink) {
                Ok((size, pixels)) => good.push(Picture { path, label, size, pixels }),
                Err(reason) => bad.push(BadPicture { path, reason }),
            }
        }
    }
    // The size that most pictures have counts, so that one odd picture is the bad one, not all the others.
    let size = most_common(good.iter().map(|picture| picture.size));
    let (good, odd): (Vec<_>, Vec<_>) = good.into_iter().partition(|picture| picture.size == size);
    bad.extend(odd.into_iter().map(|picture| BadPicture {
        reason: format!("it is {0}x{0}, most of the others are {size}x{size}", picture.size),
        path: picture.path,
    }));
    if policy == BadPictures::Refuse && !bad.is_empty() {
        let total = good.len() + bad.len();
        return Err(Error::BadPictures { dir: dir.to_owned(), total, bad });
    }
    if good.is_empty() {
        let reason = match bad.len() {
            0 => "its class folders hold no picture; expected <class name>/*.png".to_owned(),
            count => format!("{count} bad pictures and no good one, the first of them {}", bad[0]),
        };
        return Err(Error::Data { location, reason });
    }
    let is_empty = |label: u16| good.iter().all(|picture| picture.label != label);
    let empty: Vec<&str> =
        (0u16..).zip(&class_names).filter(|(label, _)| is_empty(*label)).map(|(_, name)| name.as_str()).collect();
    if !empty.is_empty() {
        let reason =
            format!("no picture is left in {}, of which nothing could be learnt; remove the folder", empty.join(", "));
        return Err(Error::Data { location, reason });
    }
    let labels = good.iter().map(|picture| picture.label).collect();
    let pixels = good.into_iter().flat_map(|picture| picture.pixels).collect();
    Ok((Dataset::new(&location, pixels, labels, size, class_names)?, bad))
}

/// Names of the sub-folders: numbers in numeric order, then the others in alphabetical order.
fn class_folders(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for path in entries(dir)? {
        if !path.is_dir() || is_hidden(&path) {
            continue;
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            let reason = format!("the folder name {} is not valid UTF-8", path.display());
            return Err(Error::Data { location: dir.display().to_string(), reason });
        };
        names.push(name.to_owned());
    }
    if names.is_empty() || names.len() > usize::from(u16::MAX) {
        let reason = format!("{} class folders found; expected <class name>/*.png", names.len());
        return Err(Error::Data { location: dir.display().to_string(), reason });
    }
    names.sort_by_cached_key(|name| (name.parse::<u64>().unwrap_or(u64::MAX), name.clone()));
    Ok(names)
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

/// Side and grey pixels, the ink light on black like MNIST's. Transparent pixels are ground.
fn read_grey(path: &Path, dark_ink: bool) -> std::result::Result<(usize, Vec<u8>), String> {
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(FORMATS[0])) {
        return Err("only PNG files are read; convert it".into());
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let picture = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png)
        .map_err(|error| format!("not a readable PNG: {error}"))?
        .into_luma_alpha8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if width != height {
        return Err(format!("it is {width}x{height}, not square"));
    }
    if !width.is_multiple_of(SIZE_MULTIPLE) {
        return Err(format!("its side {width} is not a multiple of {SIZE_MULTIPLE}"));
    }
    let over_black = |&image::LumaA([grey, alpha]): &image::LumaA<u8>| {
        let light = if dark_ink { 255 - grey } else { grey };
        ((u16::from(light) * u16::from(alpha) + 127) / 255) as u8
    };
    let pixels: Vec<u8> = picture.pixels().map(over_black).collect();
    let (clear, drawn) = (|alpha: u8| alpha < 255, |alpha: u8| alpha > 0);
    let any = |of: fn(u8) -> bool| picture.pixels().any(|pixel| of(pixel.0[1]));
    if any(clear) && pixels.iter().all(|&pixel| pixel < BLANK) {
        return Err(match (any(drawn), dark_ink) {
            (false, _) => "it is transparent everywhere",
            (true, false) => "its ink is about as dark as the ground, black; --invert takes dark ink for light",
            (true, true) => "its ink is light already; leave out --invert",
        }
        .into());
    }
    Ok((width, pixels))
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
mod tests {
    use image::{GrayAlphaImage, GrayImage, ImageBuffer, Rgb};
    use tempfile::{TempDir, tempdir};

    use super::*;

    fn grey(dir: &TempDir, name: &str, width: u32, height: u32, level: u8) {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        GrayImage::from_pixel(width, height, image::Luma([level])).save(path).unwrap();
    }

    #[test]
    fn classes_in_order_and_colours_to_grey() {
        let dir = tempdir().unwrap();
        grey(&dir, "10/a.png", 8, 8, 10);
        grey(&dir, "9/a.PNG", 8, 8, 9);
        grey(&dir, "star/z.png", 8, 8, 99);
        fs::write(dir.path().join("star/notes.txt"), "not a picture").unwrap();
        fs::create_dir(dir.path().join(".git")).unwrap();
        let red: ImageBuffer<Rgb<u8>, _> = ImageBuffer::from_pixel(8, 8, Rgb([255u8, 0, 0]));
        red.save(dir.path().join("star/a.png")).unwrap();
        let clear = GrayAlphaImage::from_pixel(8, 8, image::LumaA([255, 80]));
        clear.save(dir.path().join("star/b.png")).unwrap();
        grey(&dir, "star/deeper/c.png", 8, 8, 7);
        grey(&dir, "star/deeper/still/d.png", 8, 8, 7);

        let (data, skipped) = load(dir.path(), BadPictures::Skip, false).unwrap();
        assert_eq!(skipped.len(), 2, "those that lie too deep");
        assert_eq!(data.class_names(), ["9", "10", "star"]);
        assert_eq!((data.size(), data.labels()), (8, &[0u16, 1, 2, 2, 2][..]));
        let first: Vec<u8> = data.images().map(|image| image[0]).collect();
        assert_eq!((first[0], first[1], first[3], first[4]), (9, 10, 80, 99));
        assert!((50..80).contains(&first[2]), "red is a dark grey, got {}", first[2]);
    }

    #[test]
    fn bad_pictures_are_named_counted_and_skipped_on_request() {
        let dir = tempdir().unwrap();
        for name in ["0/a.png", "0/b.png", "1/a.png"] {
            grey(&dir, name, 8, 8, 200);
        }
        grey(&dir, "0/oblong.png", 8, 12, 0);
        grey(&dir, "0/larger.png", 12, 12, 0);
        grey(&dir, "1/seven.png", 7, 7, 0);
        fs::write(dir.path().join("1/broken.png"), b"\x89PNG and then nothing").unwrap();

        let message = load(dir.path(), BadPictures::Refuse, false).unwrap_err().to_string();
        assert!(message.contains("4 of 7 pictures"), "{message}");
        for part in ["oblong.png", "8x12", "larger.png", "most of the others are 8x8", "broken.png", "seven.png"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        let (data, skipped) = load(dir.path(), BadPictures::Skip, false).unwrap();
        assert_eq!((data.len(), skipped.len()), (3, 4));
    }

    #[test]
    fn pictures_that_are_not_read_are_not_forgotten() {
        let dir = tempdir().unwrap();
        grey(&dir, "0/a.png", 8, 8, 200);
        fs::write(dir.path().join("0/photo.JPG"), b"a photograph").unwrap();
        fs::write(dir.path().join("stray.png"), b"anywhere").unwrap();
        let message = load(dir.path(), BadPictures::Refuse, false).unwrap_err().to_string();
        for part in ["2 of 3", "photo.JPG (only PNG files", "stray.png (it lies in no class folder)"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(load(dir.path(), BadPictures::Skip, false).unwrap().0.len(), 1);
        fs::create_dir(dir.path().join("7")).unwrap();
        let message = load(dir.path(), BadPictures::Skip, false).unwrap_err().to_string();
        assert!(message.contains("no picture is left in 7"), "{message}");
    }

    #[test]
    fn empty_and_absent_folders_are_told() {
        let dir = tempdir().unwrap();
        let message = |path: &Path| load(path, BadPictures::Skip, false).unwrap_err().to_string();
        assert!(message(dir.path()).contains("<class name>/*.png"));
        assert!(message(&dir.path().join("absent")).contains("absent"));
        fs::create_dir(dir.path().join("0")).unwrap();
        assert!(message(dir.path()).contains("hold no picture"));
        // A folder that cannot be looked into is no empty folder.
        assert!(deeper_pictures(&dir.path().join("absent")).unwrap_err().to_string().contains("absent"));
    }

    #[test]
    fn dark_ink_on_no_ground_is_not_taken_for_black_pictures() {
        let dir = tempdir().unwrap();
        fs::create_dir(dir.path().join("0")).unwrap();
        let mut drawing = GrayAlphaImage::from_pixel(8, 8, image::LumaA([0, 0]));
        drawing.put_pixel(4, 4, image::LumaA([0, 255]));
        drawing.save(dir.path().join("0/a.png")).unwrap();
        let message = load(dir.path(), BadPictures::Refuse, false).unwrap_err().to_string();
        assert!(message.contains("a.png") && message.contains("--invert"), "{message}");
        let (data, _) = load(dir.path(), BadPictures::Refuse, true).unwrap();
        assert_eq!((data.image(0)[0], data.image(0)[4 * 8 + 4]), (0, 255));
        assert!(!data.has_light_ground() && data.inverted().has_light_ground());
        drawing.put_pixel(4, 4, image::LumaA([255, 255]));
        drawing.save(dir.path().join("0/a.png")).unwrap();
        let message = load(dir.path(), BadPictures::Skip, true).unwrap_err().to_string();
        assert!(message.contains("no good one") && message.contains("leave out --invert"), "{message}");
    }
}
