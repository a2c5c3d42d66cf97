//! Reads IDX files, the format of MNIST: two zero bytes, the type of the elements, the number of dimensions, each dimension as
//! a big-endian u32, then the elements, big-endian. Tests: here.

use std::collections::BTreeSet;
use std::path::Path;

use super::raw::Raw;
use super::unpack::unpacked;
use super::zip::Role;
use crate::error::{Error, Result};
use crate::files;

/// QMNIST's labels: the class, then seven numbers about who wrote the digit.
const QMNIST_COLUMNS: usize = 8;

/// Types of elements: code, bytes, name.
const TYPES: [(u8, usize, &str); 6] = [
    (0x08, 1, "unsigned bytes"),
    (0x09, 1, "signed bytes"),
    (0x0b, 2, "16-bit integers"),
    (0x0c, 4, "32-bit integers"),
    (0x0d, 4, "32-bit floats"),
    (0x0e, 8, "64-bit floats"),
];

/// Dimensions and elements of an IDX file.
#[derive(Debug, PartialEq, Eq)]
pub struct Idx {
    /// Code of the elements' type.
    element: u8,
    dims: Vec<usize>,
    bytes: Vec<u8>,
}

/// Labels as numbers.
#[derive(Debug)]
pub struct Labels {
    pub numbers: Vec<i32>,
    /// How they were read, where that is not plain.
    pub note: Option<String>,
}

impl Idx {
    /// Reads the bytes of an IDX file; the error is what is wrong with it.
    pub fn parse(bytes: Vec<u8>) -> std::result::Result<Self, String> {
        let &[zero_1, zero_2, element, rank, ..] = &bytes[..] else {
            return Err(format!("it has only {} bytes", bytes.len()));
        };
        if (zero_1, zero_2) != (0, 0) {
            return Err("it does not start with two zero bytes".into());
        }
        let Some((_, size, name)) = TYPES.iter().find(|(code, ..)| *code == element) else {
            return Err(format!("its elements have type {element:#04x}, which is none of IDX's"));
        };
        let header = 4 + 4 * usize::from(rank);
        let Some(dims) = bytes.get(4..header) else {
            return Err(format!("it ends within its {rank} dimensions"));
        };
        let dims: Vec<usize> = dims.as_chunks::<4>().0.iter().map(|dim| u32::from_be_bytes(*dim) as usize).collect();
        let expected = dims.iter().try_fold(*size, |product, &dim| product.checked_mul(dim));
        let found = bytes.len() - header;
        if expected != Some(found) {
            let shape = dims.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
            return Err(format!("its header promises {shape} {name}, but {found} bytes follow"));
        }
        let mut elements = bytes;
        elements.drain(..header);
        Ok(Self { element, dims, bytes: elements })
    }

    /// Pixels of pictures, one after the other, and width and height of a picture.
    fn pictures(self) -> std::result::Result<(Vec<u8>, usize, usize), String> {
        let (height, width) = match self.dims[..] {
            [_, height, width] | [_, 1, height, width] | [_, height, width, 1] => (height, width),
            ref dims => return Err(format!("pictures need 3 dimensions, it has {}; is it the labels?", dims.len())),
        };
        if self.element != TYPES[0].0 {
            return Err(format!(
                "its elements are {} (type {:#04x}), pictures are unsigned bytes (0x08): write them as 0 to 255",
                self.name(),
                self.element
            ));
        }
        Ok((self.bytes, width, height))
    }

    /// Labels of any type of integers: a list, or QMNIST's table, whose first column they are.
    fn labels(self, count: usize) -> std::result::Result<Labels, String> {
        let (columns, note) = match self.dims[..] {
            [found] | [found, 1] if found == count => (1, None),
            [found, QMNIST_COLUMNS] if found == count => {
                (QMNIST_COLUMNS, Some(format!("the labels are column 0 of {QMNIST_COLUMNS}, as in QMNIST")))
            }
            [found, columns] if found == count => {
                return Err(format!("it has {columns} columns; labels are one, or the first of QMNIST's eight"));
            }
            ref dims => return Err(format!("it should hold {count} labels, its dimensions are {dims:?}")),
        };
        let numbers: Vec<i32> = match self.element {
            0x08 => self.bytes.iter().map(|&byte| i32::from(byte)).collect(),
            0x09 => self.bytes.iter().map(|&byte| i32::from(byte as i8)).collect(),
            0x0b => self.bytes.as_chunks().0.iter().map(|&bytes| i32::from(i16::from_be_bytes(bytes))).collect(),
            0x0c => self.bytes.as_chunks().0.iter().map(|&bytes| i32::from_be_bytes(bytes)).collect(),
            _ => {
                return Err(format!(
                    "its elements are {} (type {:#04x}), labels are integers",
                    self.name(),
                    self.element
                ));
            }
        };
        Ok(Labels { numbers: numbers.into_iter().step_by(columns).collect(), note })
    }

    /// Its dimensions and the type of its elements, in words.
    pub fn described(&self) -> String {
        let shape: Vec<String> = self.dims.iter().map(usize::to_string).collect();
        format!("{} {}", shape.join(" x "), self.name())
    }

    fn name(&self) -> &'static str {
        TYPES.iter().find(|(code, ..)| *code == self.element).map_or("", |(_, _, name)| name)
    }
}

/// Pictures and labels of a pair of IDX files. `images` are the unpacked bytes of the file at `images_path`. Classes are named
/// by their number; numbers without a picture are no classes.
///
/// # Errors
/// Files that cannot be read, are damaged, or do not belong together.
pub fn read(images: Vec<u8>, images_path: &Path, labels_path: &Path) -> Result<(Raw, Option<String>)> {
    let refuse = |path: &Path| {
        let path = path.to_owned();
        move |reason: String| Error::Idx { path, reason }
    };
    let images = Idx::parse(images).map_err(refuse(images_path))?;
    let count = images.dims.first().copied().unwrap_or(0);
    let (pixels, width, height) = images.pictures().map_err(refuse(images_path))?;
    let labels = unpacked(files::read(labels_path)?, Role::Labels)
        .and_then(Idx::parse)
        .and_then(|labels| labels.labels(count))
        .map_err(refuse(labels_path))?;
    // EMNIST's letters count from 1: there is no class 0.
    let classes: BTreeSet<i32> = labels.numbers.iter().copied().collect();
    if classes.len() > usize::from(u16::MAX) {
        let reason = format!("it has {} different labels, at most {} are read", classes.len(), u16::MAX);
        return Err(refuse(labels_path)(reason));
    }
    let classes: Vec<i32> = classes.into_iter().collect();
    let index = |number: i32| classes.binary_search(&number).unwrap_or_else(|at| at) as u16;
    let raw = Raw {
        pixels,
        width,
        height,
        channels: 1,
        labels: labels.numbers.iter().map(|&number| index(number)).collect(),
        class_names: classes.iter().map(i32::to_string).collect(),
    };
    Ok((raw, labels.note))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSIGNED_BYTE: u8 = 0x08;

    fn idx(element: u8, dims: &[u32], elements: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, element, dims.len() as u8];
        bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
        bytes.extend(elements);
        bytes
    }

    fn bytes(dims: &[u32], elements: &[u8]) -> Vec<u8> {
        idx(UNSIGNED_BYTE, dims, elements)
    }

    #[test]
    fn reads_dimensions_and_elements() {
        let parsed = Idx::parse(bytes(&[2, 3], &[1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!(parsed, Idx { element: 8, dims: vec![2, 3], bytes: vec![1, 2, 3, 4, 5, 6] });
    }

    #[test]
    fn every_kind_of_damage_has_its_reason() {
        let good = bytes(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        let reason = |bytes: &[u8]| Idx::parse(bytes.to_vec()).unwrap_err();
        assert!(reason(&[]).contains("only 0 bytes"));
        assert!(reason(&good[..9]).contains("ends within its 2 dimensions"));
        assert!(reason(&good[..good.len() - 1]).contains("2 x 3 unsigned bytes, but 5 bytes follow"));
        assert!(reason(&[&good[..], &[7]].concat()).contains("but 7 bytes follow"));
        assert!(reason(b"PNG and so on").contains("two zero bytes"));
        assert!(reason(&[0, 0, 0x0a, 1, 0, 0, 0, 0]).contains("0x0a"));
        assert!(reason(&bytes(&[u32::MAX, u32::MAX, u32::MAX], &[])).contains("but 0 bytes follow"));
        let floats = Idx::parse(idx(0x0d, &[1, 4, 4], &[0; 64])).unwrap();
        assert!(floats.pictures().unwrap_err().contains("32-bit floats (type 0x0d)"));
    }

    #[test]
    fn labels_may_be_integers_of_any_type_and_qmnists_table() {
        let labels = |element: u8, dims: &[u32], elements: &[u8]| {
            Idx::parse(idx(element, dims, elements)).and_then(|labels| labels.labels(2))
        };
        let numbers = |element: u8, elements: &[u8]| labels(element, &[2], elements).unwrap().numbers;
        assert_eq!(numbers(0x09, &[255, 3]), [-1, 3]);
        assert_eq!(numbers(0x0b, &[1, 2, 0, 3]), [258, 3]);
        assert_eq!(numbers(0x0c, &[0, 0, 1, 0, 0, 0, 0, 9]), [256, 9]);
        let row = |label: u8| [&[0, 0, 0, label][..], &[0, 0, 9, 9].repeat(7)].concat();
        let table = labels(0x0c, &[2, 8], &[row(7), row(4)].concat()).unwrap();
        assert_eq!(table.numbers, [7, 4]);
        assert!(table.note.unwrap().contains("column 0 of 8"));
        assert!(labels(8, &[2, 3], &[0; 6]).unwrap_err().contains("3 columns"));
        assert!(labels(0x0d, &[2], &[0; 8]).unwrap_err().contains("labels are integers"));
        assert!(labels(8, &[3], &[0; 3]).unwrap_err().contains("should hold 2 labels"));
    }

    #[test]
    fn pairs_must_agree_and_the_bad_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: Vec<u8>| {
            let path = dir.path().join(name);
            files::write_atomic(&path, &bytes).unwrap();
            path
        };
        let labels = write("labels", bytes(&[2], &[0, 4]));
        let pictures = bytes(&[2, 4, 4], &[9; 32]);
        let (raw, _) = read(pictures.clone(), Path::new("images"), &labels).unwrap();
        assert_eq!((raw.width, raw.height, &raw.labels[..]), (4, 4, &[0u16, 1][..]));
        assert_eq!(raw.class_names, ["0", "4"], "no class is without pictures");

        let message = |images: &[u8], labels: &Path| {
            read(images.to_vec(), Path::new("pictures"), labels).unwrap_err().to_string()
        };
        let three = write("three-labels", bytes(&[3], &[0, 4, 1]));
        assert!(message(&pictures, &three).contains("three-labels"));
        let (raw, _) = read(bytes(&[2, 4, 8], &[9; 64]), Path::new("pictures"), &labels).unwrap();
        let as_it_is = crate::data::ReadOptions { fit: intake::Fit::None, ..crate::data::ReadOptions::default() };
        assert!(raw.into_dataset("pictures", &as_it_is).unwrap_err().to_string().contains("8x4, not square"));
        assert!(message(&bytes(&[2], &[0, 4]), &labels).contains("need 3 dimensions"));
        assert!(message(&pictures, &dir.path().join("absent")).contains("absent"));
    }
}
