//! The IDX format of MNIST: two zero bytes, the element type, the number of dimensions, each
//! dimension as a big-endian u32, then the elements.

use std::path::Path;

use super::Dataset;
use crate::error::{Error, Result};
use crate::files;

const UNSIGNED_BYTE: u8 = 0x08;

/// Dimensions and elements of an IDX file of unsigned bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Idx {
    pub dims: Vec<usize>,
    pub elements: Vec<u8>,
}

/// Reads the bytes of an IDX file; the reason says what is wrong with it.
pub fn parse(bytes: Vec<u8>) -> std::result::Result<Idx, String> {
    let &[zero_1, zero_2, element, rank, ..] = &bytes[..] else {
        return Err(format!("it has only {} bytes", bytes.len()));
    };
    if (zero_1, zero_2) != (0, 0) {
        return Err(match (zero_1, zero_2) {
            (0x1f, 0x8b) => "it is still compressed; unpack it first".into(),
            _ => "it does not start with two zero bytes".into(),
        });
    }
    if element != UNSIGNED_BYTE {
        return Err(format!("its elements have type {element:#04x}; only unsigned bytes (0x08) are read"));
    }
    let header = 4 + 4 * usize::from(rank);
    let Some(dims) = bytes.get(4..header) else {
        return Err(format!("it ends within its {rank} dimensions"));
    };
    let dims: Vec<usize> = dims.as_chunks::<4>().0.iter().map(|dim| u32::from_be_bytes(*dim) as usize).collect();
    let expected = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    let found = bytes.len() - header;
    if expected != Some(found) {
        let shape = dims.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        return Err(format!("its header promises {shape} bytes, but {found} follow"));
    }
    let mut elements = bytes;
    elements.drain(..header);
    Ok(Idx { dims, elements })
}

/// A file of pictures and the file of their labels.
pub fn load_pair(images_path: &Path, labels_path: &Path) -> Result<Dataset> {
    let refuse = |path: &Path, reason: String| Error::Idx { path: path.to_owned(), reason };
    let open = |path: &Path| parse(files::read(path)?).map_err(|reason| refuse(path, reason));
    let (images, labels) = (open(images_path)?, open(labels_path)?);
    let &[count, height, width] = &images.dims[..] else {
        let reason = format!("pictures need 3 dimensions, it has {}", images.dims.len());
        return Err(refuse(images_path, reason));
    };
    if height != width {
        return Err(refuse(images_path, format!("its pictures are {width}x{height}, not square")));
    }
    if labels.dims != [count] {
        let reason = format!("it should hold {count} labels, its dimensions are {:?}", labels.dims);
        return Err(refuse(labels_path, reason));
    }
    let classes = labels.elements.iter().max().map_or(0, |&label| usize::from(label) + 1);
    Dataset::new(
        &images_path.display().to_string(),
        images.elements,
        labels.elements.into_iter().map(u16::from).collect(),
        height,
        (0..classes).map(|class| class.to_string()).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn idx(dims: &[u32], elements: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, UNSIGNED_BYTE, dims.len() as u8];
        bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
        bytes.extend(elements);
        bytes
    }

    #[test]
    fn reads_dimensions_and_elements() {
        let parsed = parse(idx(&[2, 3], &[1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!(parsed, Idx { dims: vec![2, 3], elements: vec![1, 2, 3, 4, 5, 6] });
    }

    #[test]
    fn every_kind_of_damage_has_its_reason() {
        let good = idx(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        let reason = |bytes: &[u8]| parse(bytes.to_vec()).unwrap_err();
        assert!(reason(&[]).contains("only 0 bytes"));
        assert!(reason(&good[..9]).contains("ends within its 2 dimensions"));
        assert!(reason(&good[..good.len() - 1]).contains("2 x 3 bytes, but 5 follow"));
        assert!(reason(&[&good[..], &[7]].concat()).contains("but 7 follow"));
        assert!(reason(&[0x1f, 0x8b, 8, 0, 0]).contains("compressed"));
        assert!(reason(b"PNG and so on").contains("two zero bytes"));
        assert!(reason(&[0, 0, 0x0d, 1, 0, 0, 0, 0]).contains("0x0d"));
        assert!(reason(&idx(&[u32::MAX, u32::MAX, u32::MAX], &[])).contains("but 0 follow"));
    }

    #[test]
    fn pairs_must_agree_and_the_bad_file_is_named() {
        let dir = TempDir::new("idx");
        let write = |name: &str, bytes: Vec<u8>| {
            let path = dir.path().join(name);
            files::write_atomic(&path, &bytes).unwrap();
            path
        };
        let images = write("images", idx(&[2, 4, 4], &[9; 32]));
        let labels = write("labels", idx(&[2], &[0, 4]));
        let data = load_pair(&images, &labels).unwrap();
        assert_eq!((data.len(), data.size(), data.labels()), (2, 4, &[0u16, 4][..]));
        assert_eq!(data.class_names(), ["0", "1", "2", "3", "4"]);

        let message = |images: &Path, labels: &Path| load_pair(images, labels).unwrap_err().to_string();
        let three = write("three-labels", idx(&[3], &[0, 4, 1]));
        let oblong = write("oblong", idx(&[2, 4, 8], &[9; 64]));
        assert!(message(&images, &three).contains("three-labels"));
        assert!(message(&oblong, &labels).contains("8x4, not square"));
        assert!(message(&labels, &labels).contains("need 3 dimensions"));
        assert!(message(&dir.path().join("absent"), &labels).contains("absent"));
    }
}
