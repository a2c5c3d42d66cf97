//! Reads pictures with their labels out of NumPy's archives (.npz), such as Keras' mnist.npz or those of MedMNIST: 8-bit arrays
//! `[n, height, width]`, or in colour `[n, height, width, 3]`, and whole numbers `[n]`. The format is
//! numpy.lib.format's, versions 1 to 3. Tests: here, and in `trainer/tests/runs/data.rs`.

use std::collections::BTreeMap;
use std::io::Cursor;

use zip::ZipArchive;

use super::raw::Raw;
use super::zip::{MOST_UNPACKED, read_entry};

/// What pictures and their labels are called, the usual first. Those for testing are left alone.
const PAIRS: [(&str, &str); 6] = [
    ("x_train", "y_train"),
    ("train_images", "train_labels"),
    ("images", "labels"),
    ("x", "y"),
    ("data", "labels"),
    ("arr_0", "arr_1"),
];
const ENDING: &str = ".npy";
const MAGIC: &[u8] = b"\x93NUMPY";

/// An array: how its values are written, how many there are in each direction, its bytes.
struct Array {
    kind: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// The names of the arrays, where the bytes are such an archive.
pub fn arrays(bytes: &[u8]) -> Option<Vec<String>> {
    let archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let names: Option<Vec<String>> =
        archive.file_names().map(|name| Some(name.ok()?.strip_suffix(ENDING)?.to_owned())).collect();
    names.filter(|names| !names.is_empty())
}

/// Reads pictures and labels; the error is what is wrong, with the array.
pub fn read(bytes: &[u8], names: &[String]) -> Result<Raw, String> {
    let find = |wanted: &str| names.iter().find(|name| name.eq_ignore_ascii_case(wanted));
    let Some((pictures, labels)) = PAIRS.iter().find_map(|(x, y)| Some((find(x)?, find(y)?))) else {
        return Err(format!(
            "its arrays are {}; expected are pictures and their labels, called x_train and y_train",
            names.join(", ")
        ));
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut array = |name: &str| {
        let entry = read_entry(archive.by_name(&format!("{name}{ENDING}")), MOST_UNPACKED);
        entry.and_then(|bytes| Array::read(&bytes)).map_err(|reason| format!("its array {name}: {reason}"))
    };
    let Array { kind, shape, bytes: pixels } = array(pictures)?;
    let (count, height, width, channels) = match shape[..] {
        [count, height, width] => (count, height, width, 1),
        [count, height, width, channels @ (1 | 3)] => (count, height, width, channels),
        _ => {
            return Err(format!(
                "its array {pictures} is {shape:?}; pictures are [n, height, width], or in colour [n, height, width, 3]"
            ));
        }
    };
    if !matches!(kind.as_str(), "|u1" | "<u1" | "u1" | "|b1") {
        return Err(format!("its array {pictures} has values of type {kind}; pictures have 8 bits, uint8 (|u1)"));
    }
    let labels_name = labels;
    let labels = array(labels)?.numbers().map_err(|reason| format!("its array {labels_name}: {reason}"))?;
    if labels.len() != count {
        return Err(format!("its array {labels_name} has {} labels for {count} pictures", labels.len()));
    }
    let mut classes: BTreeMap<i64, u16> = labels.iter().map(|&label| (label, 0)).collect();
    if classes.len() > usize::from(u16::MAX) {
        return Err(format!("it has {} different labels, at most {} are read", classes.len(), u16::MAX));
    }
    (0..).zip(classes.values_mut()).for_each(|(index, class)| *class = index);
    let class_names = classes.keys().map(i64::to_string).collect();
    let labels = labels.iter().map(|label| classes[label]).collect();
    Ok(Raw { pixels, width, height, channels, labels, class_names })
}

impl Array {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let damaged = || "it is no whole array of NumPy".to_owned();
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
        // Version 1 counts the header in two bytes, later ones in four.
        let (length, at) = match rest {
            [1, _, a, b, ..] => (u32::from(u16::from_le_bytes([*a, *b])), 4),
            [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]), 6),
            _ => return Err(damaged()),
        };
        let header = rest.get(at..).and_then(|rest| rest.split_at_checked(length as usize));
        let (header, values) = header.ok_or_else(damaged)?;
        let header = std::str::from_utf8(header).map_err(|_| damaged())?;
        let after = |key: &str| header.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start());
        let kind = after("descr").and_then(|rest| rest.strip_prefix('\'')?.split('\'').next()).ok_or_else(damaged)?;
        let shape = after("shape").and_then(|rest| rest.strip_prefix('(')?.split(')').next()).ok_or_else(damaged)?;
        let sides = shape.split(',').map(str::trim).filter(|side| !side.is_empty());
        let shape: Vec<usize> = sides.map(|side| side.parse().map_err(|_| damaged())).collect::<Result<_, _>>()?;
        if after("fortran_order").is_some_and(|rest| rest.starts_with("True")) && shape.len() > 1 {
            return Err("it lies column by column (Fortran's order); save numpy.ascontiguousarray of it".into());
        }
        let size: usize =
            kind.trim_start_matches(['|', '<', '>', '=']).get(1..).and_then(|size| size.parse().ok()).unwrap_or(1);
        let expected = shape.iter().try_fold(size, |all, &side| all.checked_mul(side)).ok_or_else(damaged)?;
        if values.len() != expected {
            return Err(format!("it has {} bytes, its shape {shape:?} of {kind} needs {expected}", values.len()));
        }
        Ok(Self { kind: kind.to_owned(), shape, bytes: values.to_vec() })
    }

    /// Whole numbers, of any size, one after the other.
    fn numbers(&self) -> Result<Vec<i64>, String> {
        let flat = matches!(self.shape[..], [_] | [_, 1]);
        let (order, kind) = self.kind.split_at(self.kind.len().saturating_sub(2));
        let (big, size) = (order == ">", kind.get(1..).and_then(|size| size.parse::<usize>().ok()).unwrap_or(0));
        if !flat || !matches!(kind, "u1" | "u2" | "u4" | "u8" | "i1" | "i2" | "i4" | "i8") {
            return Err(format!(
                "it is {:?} of type {}; labels are whole numbers, one for each picture",
                self.shape, self.kind
            ));
        }
        let number = |bytes: &[u8]| {
            let mut eight = [0; 8];
            eight[..size].copy_from_slice(bytes);
            if big {
                eight[..size].reverse();
            }
            // The sign's bit moves to the end and back, where there is one.
            let shift = 64 - 8 * size as u32;
            let moved = i64::from_le_bytes(eight) << shift;
            if kind.starts_with('i') { moved >> shift } else { (moved as u64 >> shift) as i64 }
        };
        Ok(self.bytes.chunks_exact(size).map(number).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// As `numpy.save` writes it.
    fn npy(kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}\n");
        [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes(), values].concat()
    }

    fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in arrays {
            archive.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn open(arrays_of: &[(&str, Vec<u8>)]) -> Result<Raw, String> {
        let bytes = npz(arrays_of);
        read(&bytes, &arrays(&bytes).unwrap())
    }

    #[test]
    fn pictures_and_labels_are_read_whatever_their_numbers_are() {
        let pixels = || npy("|u1", "2, 4, 4", &(0..32).collect::<Vec<_>>());
        let kinds: [(&str, Vec<u8>); 4] = [
            ("|u1", vec![7, 3]),
            ("<i8", [7i64, 3].iter().flat_map(|label| label.to_le_bytes()).collect()),
            (">i2", vec![0, 7, 0, 3]),
            ("<i4", [7i32, -3].iter().flat_map(|label| label.to_le_bytes()).collect()),
        ];
        for (kind, values) in kinds {
            let raw =
                open(&[("y_train", npy(kind, "2,", &values)), ("x_train", pixels()), ("x_test", vec![])]).unwrap();
            assert_eq!((raw.width, raw.height, raw.channels, raw.pixels[16]), (4, 4, 1, 16), "{kind}");
            let names = if kind == "<i4" { ["-3", "7"] } else { ["3", "7"] };
            assert_eq!((raw.class_names, raw.labels), (names.map(str::to_owned).to_vec(), vec![1, 0]), "{kind}");
        }
        let raw =
            open(&[("train_images", npy("|u1", "1, 2, 2, 3", &[9; 12])), ("train_labels", npy("|u1", "1, 1", &[0]))]);
        assert_eq!(raw.unwrap().channels, 3);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_array() {
        let labels = || ("y_train", npy("|u1", "2,", &[0, 1]));
        let refused = |pictures: Vec<u8>| open(&[("x_train", pictures), labels()]).unwrap_err();
        assert!(
            refused(npy("<f4", "2, 1, 1", &[0; 8])).contains("x_train has values of type <f4; pictures have 8 bits")
        );
        assert!(refused(npy("|u1", "2, 4", &[0; 8])).contains("x_train is [2, 4]"));
        assert!(
            refused(npy("|u1", "2, 4, 4", &[0; 8])).contains("it has 8 bytes, its shape [2, 4, 4] of |u1 needs 32")
        );
        assert!(refused(b"\x93NUMPY".to_vec()).contains("x_train: it is no whole array"));
        assert!(refused(npy("|u1", "3, 1, 1", &[0; 3])).contains("y_train has 2 labels for 3 pictures"));
        let fortran = npy("|u1", "2, 4, 4", &[0; 32]);
        let at = fortran.windows(5).position(|bytes| bytes == b"False").unwrap();
        let mut fortran = fortran;
        fortran[at..at + 5].copy_from_slice(b"True ");
        assert!(refused(fortran).contains("ascontiguousarray"));
        let message = open(&[("a", npy("|u1", "1,", &[0]))]).unwrap_err();
        assert!(message.contains("its arrays are a; expected are pictures"), "{message}");
        assert!(arrays(&npz(&[])).is_none() && arrays(b"PK").is_none());
    }
}
