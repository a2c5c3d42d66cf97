//! Reads pairs of IDX files, the format of MNIST: two zero bytes, the element type, the number of dimensions, each dimension
//! as a big-endian u32, then the elements. Tests: here.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use super::dataset::Dataset;
use crate::error::{Error, Result};
use crate::files;

const UNSIGNED_BYTE: u8 = 0x08;
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Most bytes that are unpacked. EMNIST's largest file has 0.55 GB.
const MOST_UNPACKED: u64 = 1 << 32;

/// Dimensions and elements of an IDX file of unsigned bytes.
#[derive(Debug, PartialEq, Eq)]
struct Idx {
    dims: Vec<usize>,
    elements: Vec<u8>,
}

/// Reads the bytes of an IDX file; the error is what is wrong with it.
fn parse(bytes: Vec<u8>) -> std::result::Result<Idx, String> {
    let &[zero_1, zero_2, element, rank, ..] = &bytes[..] else {
        return Err(format!("it has only {} bytes", bytes.len()));
    };
    if (zero_1, zero_2) != (0, 0) {
        return Err("it does not start with two zero bytes".into());
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

/// The content of a `.gz`, as such files are published; other bytes as they are.
fn unpacked(bytes: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    match GzDecoder::new(&bytes[..]).take(MOST_UNPACKED + 1).read_to_end(&mut plain) {
        Ok(_) if plain.len() as u64 > MOST_UNPACKED => Err(format!("it unpacks to more than {MOST_UNPACKED} bytes")),
        Ok(_) => Ok(plain),
        Err(error) => Err(format!("it is compressed and cannot be unpacked: {error}")),
    }
}

impl Dataset {
    /// Whether a file is an IDX file, plain or as `.gz`, by its first bytes.
    ///
    /// # Errors
    /// That it cannot be read.
    pub fn is_idx(path: &Path) -> Result<bool> {
        let mut start = Vec::new();
        let file = File::open(path).map_err(Error::io("open", path))?;
        file.take(3).read_to_end(&mut start).map_err(Error::io("read", path))?;
        Ok(start.starts_with(&GZIP) || start.starts_with(&[0, 0]))
    }

    /// A pair of IDX files, plain or as `.gz`: pictures and their labels. Classes are named by their number; numbers without
    /// a picture are no classes.
    ///
    /// # Errors
    /// Files that cannot be read, are damaged, or do not belong together; pictures that are not square.
    pub fn from_idx(images_path: &Path, labels_path: &Path) -> Result<Self> {
        let refuse = |path: &Path, reason: String| Error::Idx { path: path.to_owned(), reason };
        let open = |path: &Path| -> Result<Idx> {
            let bytes = files::read(path)?;
            unpacked(bytes).and_then(parse).map_err(|reason| refuse(path, reason))
        };
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
        // EMNIST's letters count from 1: there is no class 0.
        let classes: BTreeSet<u8> = labels.elements.iter().copied().collect();
        let index_of: Vec<u16> = (0..=u8::MAX).map(|label| classes.range(..label).count() as u16).collect();
        Self::new(
            &images_path.display().to_string(),
            images.elements,
            labels.elements.into_iter().map(|label| index_of[usize::from(label)]).collect(),
            height,
            classes.iter().map(u8::to_string).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

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
        assert!(unpacked(vec![0x1f, 0x8b, 8, 0, 0]).unwrap_err().contains("cannot be unpacked"));
        assert!(reason(b"PNG and so on").contains("two zero bytes"));
        assert!(reason(&[0, 0, 0x0d, 1, 0, 0, 0, 0]).contains("0x0d"));
        assert!(reason(&idx(&[u32::MAX, u32::MAX, u32::MAX], &[])).contains("but 0 follow"));
    }

    #[test]
    fn pairs_must_agree_and_the_bad_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: Vec<u8>| {
            let path = dir.path().join(name);
            files::write_atomic(&path, &bytes).unwrap();
            path
        };
        let images = write("images", idx(&[2, 4, 4], &[9; 32]));
        let labels = write("labels", idx(&[2], &[0, 4]));
        let data = Dataset::from_idx(&images, &labels).unwrap();
        assert_eq!((data.len(), data.size(), data.labels()), (2, 4, &[0u16, 1][..]));
        assert_eq!(data.class_names(), ["0", "4"], "no class is without pictures");
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&idx(&[2, 4, 4], &[9; 32])).unwrap();
        let packed = write("images.gz", packed.finish().unwrap());
        assert_eq!(
            Dataset::from_idx(&packed, &labels).unwrap().images().collect::<Vec<_>>(),
            data.images().collect::<Vec<_>>()
        );

        let message = |images: &Path, labels: &Path| Dataset::from_idx(images, labels).unwrap_err().to_string();
        let three = write("three-labels", idx(&[3], &[0, 4, 1]));
        let oblong = write("oblong", idx(&[2, 4, 8], &[9; 64]));
        assert!(message(&images, &three).contains("three-labels"));
        assert!(message(&oblong, &labels).contains("8x4, not square"));
        assert!(message(&labels, &labels).contains("need 3 dimensions"));
        assert!(message(&dir.path().join("absent"), &labels).contains("absent"));
    }
}
