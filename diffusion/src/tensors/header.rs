//! The header of a safetensors file, as JSON values. What is refused, and how it is called, is the library's; its own
//! reading and writing by types brings maps, sorts and numbers as text with it that nothing else in a browser's module needs:
//! some 10 KB of brotli.
//!
//! Tests: below, `tests/it/hostile.rs`.

use std::collections::BTreeMap;
use std::ops::Range;

use safetensors::{Dtype, SafeTensorError};
use serde::de::Error as _;
use serde_json::{Map, Value};

use crate::order::in_order;

/// Bytes of the header's length.
const LENGTH: usize = size_of::<u64>();
/// Most bytes of a header.
const MOST: usize = 100_000_000;
/// The key of the free text.
const METADATA: &str = "__metadata__";

const TYPES: [Dtype; 22] = [
    Dtype::BOOL,
    Dtype::F4,
    Dtype::F6_E2M3,
    Dtype::F6_E3M2,
    Dtype::U8,
    Dtype::I8,
    Dtype::F8_E5M2,
    Dtype::F8_E4M3,
    Dtype::F8_E8M0,
    Dtype::F8_E4M3FNUZ,
    Dtype::F8_E5M2FNUZ,
    Dtype::I16,
    Dtype::U16,
    Dtype::F16,
    Dtype::BF16,
    Dtype::I32,
    Dtype::U32,
    Dtype::F32,
    Dtype::C64,
    Dtype::F64,
    Dtype::I64,
    Dtype::U64,
];

/// The free-text part of a safetensors header.
pub type Metadata = BTreeMap<String, String>;

type Result<T> = std::result::Result<T, SafeTensorError>;

/// A tensor as it stands in a file.
#[derive(Debug, PartialEq)]
pub(super) struct Stored<'a> {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub data: &'a [u8],
}

/// What the header says of a tensor.
struct Entry {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Range<usize>,
}

/// The tensors of a file, in alphabetical order, and its metadata.
pub(super) fn read(file: &[u8]) -> Result<(Vec<Stored<'_>>, Metadata)> {
    let length = file.first_chunk::<LENGTH>().ok_or(SafeTensorError::HeaderTooSmall)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|length| *length <= MOST);
    let length = length.ok_or(SafeTensorError::HeaderTooLarge)?;
    let (header, data) = file[LENGTH..].split_at_checked(length).ok_or(SafeTensorError::InvalidHeaderLength)?;
    let header = std::str::from_utf8(header).map_err(SafeTensorError::InvalidHeader)?;
    let parsed = serde_json::from_str(header).and_then(|json: Value| entries(&json));
    let (entries, metadata) = parsed.map_err(SafeTensorError::InvalidHeaderDeserialization)?;
    if covered(&entries)? != data.len() {
        return Err(SafeTensorError::MetadataIncompleteBuffer);
    }
    let stored = |Entry { name, dtype, shape, bytes }| Stored { name, dtype, shape, data: &data[bytes] };
    Ok((entries.into_iter().map(stored).collect(), metadata))
}

fn entries(header: &Value) -> std::result::Result<(Vec<Entry>, Metadata), serde_json::Error> {
    let wrong = |what: String| serde_json::Error::custom(what);
    let (mut entries, mut metadata) = (Vec::new(), Metadata::new());
    for (name, value) in header.as_object().ok_or_else(|| wrong("it is no object".to_owned()))? {
        if name == METADATA {
            if !value.is_null() {
                let texts = value.as_object().ok_or_else(|| wrong(format!("{METADATA} is no object")))?;
                for (key, text) in texts {
                    let text = text.as_str().ok_or_else(|| wrong(format!("{key} of {METADATA} is no text")))?;
                    metadata.insert(key.clone(), text.to_owned());
                }
            }
            continue;
        }
        let numbers = |key: &str| -> Option<Vec<usize>> {
            let mut numbers = Vec::new();
            for number in value.get(key)?.as_array()? {
                numbers.push(usize::try_from(number.as_u64()?).ok()?);
            }
            Some(numbers)
        };
        let word = value.get("dtype").and_then(Value::as_str);
        let dtype = TYPES.into_iter().find(|dtype| Some(dtype.to_string().as_str()) == word);
        let missing = |key: &str| wrong(format!("the {key} of tensor {name} is missing, or none"));
        let dtype = dtype.ok_or_else(|| missing("dtype"))?;
        let shape = numbers("shape").ok_or_else(|| missing("shape"))?;
        let offsets: Option<[usize; 2]> = numbers("data_offsets").and_then(|offsets| offsets.try_into().ok());
        let [start, end] = offsets.ok_or_else(|| missing("data_offsets"))?;
        entries.push(Entry { name: name.clone(), dtype, shape, bytes: start..end });
    }
    Ok((entries, metadata))
}

/// How many bytes the tensors are, which must lie one after the other in any order.
fn covered(entries: &[Entry]) -> Result<usize> {
    let ends = |i: usize| (entries[i].bytes.start, entries[i].bytes.end);
    let mut covered = 0;
    for i in in_order(entries.len(), &|a, b| ends(a) < ends(b)) {
        let Entry { name, dtype, shape, bytes } = &entries[i];
        if bytes.start != covered || bytes.end < bytes.start {
            return Err(SafeTensorError::InvalidOffset(name.clone()));
        }
        covered = bytes.end;
        let count = shape.iter().try_fold(1usize, |count, side| count.checked_mul(*side));
        let bits = count.and_then(|count| count.checked_mul(dtype.bitsize()));
        let bits = bits.ok_or(SafeTensorError::ValidationOverflow)?;
        if bits % 8 != 0 {
            return Err(SafeTensorError::MisalignedSlice);
        }
        if bytes.len() != bits / 8 {
            return Err(SafeTensorError::TensorInvalidInfo);
        }
    }
    Ok(covered)
}

/// A file of tensors, their bytes in this order. The header's keys are in alphabetical order: equal contents make equal files.
pub(super) fn write(tensors: &[(&str, Dtype, &[usize], Vec<u8>)], metadata: Metadata) -> Result<Vec<u8>> {
    let mut texts = Map::new();
    for (key, text) in metadata {
        texts.insert(key, text.into());
    }
    let mut header = Map::new();
    header.insert(METADATA.to_owned(), texts.into());
    let mut end = 0;
    for (name, dtype, shape, bytes) in tensors {
        if shape.iter().product::<usize>() * dtype.bitsize() != 8 * bytes.len() {
            return Err(SafeTensorError::InvalidTensorView(*dtype, shape.to_vec(), bytes.len()));
        }
        let start = end;
        end += bytes.len();
        let mut entry = Map::new();
        entry.insert("data_offsets".to_owned(), vec![start, end].into());
        entry.insert("dtype".to_owned(), dtype.to_string().into());
        entry.insert("shape".to_owned(), shape.to_vec().into());
        header.insert((*name).to_owned(), entry.into());
    }
    let mut header = serde_json::to_string(&Value::Object(header))?.into_bytes();
    header.resize(header.len().next_multiple_of(LENGTH), b' ');
    if header.len() > MOST {
        return Err(SafeTensorError::HeaderTooLarge);
    }
    let mut file = Vec::with_capacity(LENGTH + header.len() + end);
    file.extend_from_slice(&(header.len() as u64).to_le_bytes());
    file.extend_from_slice(&header);
    tensors.iter().for_each(|(.., bytes)| file.extend_from_slice(bytes));
    Ok(file)
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;

    /// A file with this header, and so many bytes behind it.
    fn file(header: &str, bytes: usize) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![7; bytes]].concat()
    }

    #[test]
    fn what_the_library_reads_is_read_and_what_it_refuses_is_refused() {
        let a = r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
        let mut files: Vec<Vec<u8>> = vec![vec![], vec![1; 7], vec![255; 20], file("\u{7f}", 0)];
        for (header, bytes) in [
            (format!("{{{a}}}"), 8),
            (format!("{{{a}}}"), 9),
            (format!(r#"{{"__metadata__":{{"format":"pt"}},{a},"x":1}}"#), 8),
            (format!(r#"{{"__metadata__":{{"format":"pt","b":"\u00e9"}},{a}}}   "#), 8),
            (format!(r#"{{"__metadata__":null,{a}}}"#), 8),
            (format!(r#"{{"__metadata__":{{"format":1}},{a}}}"#), 8),
            (format!(r#"{{"__metadata__":[],{a}}}"#), 8),
            (format!(r#"{{{a},"b":{{"dtype":"U8","shape":[],"data_offsets":[8,9],"more":1}}}}"#), 9),
            (format!(r#"{{{a},"b":{{"dtype":"U8","shape":[],"data_offsets":[9,10]}}}}"#), 10),
            (format!(r#"{{{a},"b":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}}}"#), 8),
            (format!(r#"{{{a},"b":{{"dtype":"F4","shape":[2],"data_offsets":[8,9]}}}}"#), 9),
            (format!(r#"{{{a},"b":{{"dtype":"F4","shape":[3],"data_offsets":[8,9]}}}}"#), 9),
            (r#"{"b":{"dtype":"F64","shape":[1],"data_offsets":[8,16]},"#.to_owned() + a + "}", 16),
            (r#"{"b":{"dtype":"F64","shape":[2],"data_offsets":[8,16]},"#.to_owned() + a + "}", 16),
            (r#"{"b":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#.to_owned(), 8),
            (r#"{"b":{"dtype":"F64","shape":[-1],"data_offsets":[0,8]}}"#.to_owned(), 8),
            (r#"{"b":{"dtype":"F64","shape":[1.0],"data_offsets":[0,8]}}"#.to_owned(), 8),
            (r#"{"b":{"dtype":"F64","shape":[1],"data_offsets":[8,0]}}"#.to_owned(), 8),
            (r#"{"b":{"dtype":"F64","shape":[1],"data_offsets":[0,8,8]}}"#.to_owned(), 8),
            (r#"{"b":{"dtype":"float","shape":[1],"data_offsets":[0,8]}}"#.to_owned(), 8),
            (r#"{"b":{"shape":[1],"data_offsets":[0,8]}}"#.to_owned(), 8),
            (r#"{"b":{"dtype":"F64","shape":[1]}}"#.to_owned(), 8),
            ("{}".to_owned(), 0),
            ("[]".to_owned(), 0),
            ("{".to_owned(), 0),
            (String::new(), 0),
        ] {
            files.push(file(&header, bytes));
        }
        let mut refused = 0;
        for file in files {
            let told = String::from_utf8_lossy(&file);
            match (read(&file), SafeTensors::deserialize(&file)) {
                (Ok((tensors, metadata)), Ok(library)) => {
                    assert_eq!(tensors.len(), library.len(), "{told}");
                    for Stored { name, dtype, shape, data } in tensors {
                        let view = library.tensor(&name).unwrap();
                        assert_eq!((dtype, &shape[..], data), (view.dtype(), view.shape(), view.data()), "{told}");
                    }
                    let (_, header) = SafeTensors::read_metadata(&file).unwrap();
                    let theirs: Metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
                    assert_eq!(metadata, theirs, "{told}");
                }
                (Err(ours), Err(theirs)) => {
                    refused += 1;
                    // Where the JSON is of something else, the library finds that in words of its own.
                    let kind = std::mem::discriminant(&theirs);
                    assert_eq!(std::mem::discriminant(&ours), kind, "{told}: {ours} against {theirs}");
                }
                (ours, theirs) => panic!("{told}: {ours:?} against {theirs:?}"),
            }
        }
        assert_eq!(refused, 22);
    }

    #[test]
    fn the_library_reads_what_is_written() {
        let tensors = [
            ("b", Dtype::F32, &[2usize][..], vec![1; 8]),
            ("a", Dtype::F16, &[1, 3], vec![2; 6]),
            ("c", Dtype::U8, &[0], vec![]),
        ];
        let metadata = Metadata::from([("format".to_owned(), "\"pt\"".to_owned())]);
        let file = write(&tensors, metadata.clone()).unwrap();
        assert_eq!(file[..8], 200u64.to_le_bytes());
        let library = SafeTensors::deserialize(&file).unwrap();
        for (name, dtype, shape, bytes) in &tensors {
            let view = library.tensor(name).unwrap();
            assert_eq!((view.dtype(), view.shape(), view.data()), (*dtype, *shape, &bytes[..]));
        }
        assert_eq!(read(&file).unwrap().1, metadata);
        let wrong = write(&[("b", Dtype::F32, &[3], vec![1; 8])], metadata).unwrap_err().to_string();
        assert_eq!(wrong, "tensor of type F32 and shape (3) can't be created from 8 bytes");
    }
}
