//! One column of a Parquet file, page by page: unpacked, and its values in their encodings
//! (<https://parquet.apache.org/docs/file-format/>). Tests: `parquet/tests.rs`.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::snappy;
use super::thrift::{Reader, Value};

/// Most bytes of an unpacked page.
const MOST: usize = 1 << 30;
/// Most rows of a group: pyarrow writes a million at most, and a damaged file may say anything.
const MOST_ROWS: usize = 1 << 24;
/// Most bytes that the dictionaries of a file come to when each row has its own copy: a small file may ask for any number.
pub const MOST_COPIED: u64 = 1 << 32;

/// What a row has in a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A whole number.
    Number(i64),
    /// Bytes or text.
    Bytes(Vec<u8>),
}

/// The values of a column within a group of rows; the error says why not. `deepest`: how many of the names on the way to the column
/// may have nothing in a row. `left`: how much may still be copied of dictionaries.
pub fn column(file: &[u8], chunk: &Value, deepest: u32, left: &mut u64) -> Result<Vec<Cell>, String> {
    let damaged = || "it is damaged: a column does not lie where the file says".to_owned();
    let meta = chunk.field(3).ok_or_else(damaged)?;
    let (kind, codec) = (meta.number(1).ok_or_else(damaged)?, meta.number(4).unwrap_or(0));
    let rows = meta.count(5).filter(|rows| *rows <= MOST_ROWS).ok_or_else(damaged)?;
    let counted = |count: Option<usize>| count.filter(|count| *count <= rows).ok_or_else(damaged);
    // A dictionary may be said to begin at 0, where there is none.
    let first = meta.count(9).ok_or_else(damaged)?;
    let first = meta.count(11).filter(|at| (1..first).contains(at)).unwrap_or(first);
    let mut rest = file.get(first..).ok_or_else(damaged)?;
    let (mut cells, mut dictionary) = (Vec::new(), Vec::new());
    while cells.len() < rows {
        let mut reader = Reader::new(rest);
        let header = reader.structure().ok_or_else(damaged)?;
        let (plain, packed) = (header.count(2).ok_or_else(damaged)?, header.count(3).ok_or_else(damaged)?);
        let (page, after) = reader.rest().split_at_checked(packed).ok_or_else(damaged)?;
        rest = after;
        match header.number(1) {
            Some(0) => {
                let about = header.field(5).ok_or_else(damaged)?;
                let bytes = unpacked(page, codec, plain)?;
                let count = counted(about.count(1))?;
                let (levels, values) = match deepest {
                    0 => (vec![0; count], &bytes[..]),
                    // Their length stands before them.
                    _ => {
                        let (length, rest) = bytes.split_at_checked(4).ok_or_else(damaged)?;
                        let length = u32::from_le_bytes(length.try_into().map_err(|_| damaged())?) as usize;
                        let (levels, values) = rest.split_at_checked(length).ok_or_else(damaged)?;
                        (hybrid(levels, bits(deepest), count).ok_or_else(damaged)?, values)
                    }
                };
                cells.extend(filled(&levels, deepest, values, kind, about.number(2), &dictionary, left)?);
            }
            Some(2) => {
                let about = header.field(7).ok_or_else(damaged)?;
                let bytes = unpacked(page, codec, plain)?;
                let count = counted(about.count(1))?;
                dictionary = plain_values(&bytes, kind, count)?;
            }
            Some(3) => {
                let about = header.field(8).ok_or_else(damaged)?;
                let count = counted(about.count(1))?;
                let (definition, repetition) = (about.count(5).unwrap_or(0), about.count(6).unwrap_or(0));
                let (_, page) = page.split_at_checked(repetition).ok_or_else(damaged)?;
                let (levels, page) = page.split_at_checked(definition).ok_or_else(damaged)?;
                let levels = match deepest {
                    0 => vec![0; count],
                    _ => hybrid(levels, bits(deepest), count).ok_or_else(damaged)?,
                };
                let plain = plain.checked_sub(repetition + definition).ok_or_else(damaged)?;
                let codec = if about.number(7) == Some(0) { 0 } else { codec };
                let bytes = unpacked(page, codec, plain)?;
                cells.extend(filled(&levels, deepest, &bytes, kind, about.number(4), &dictionary, left)?);
            }
            // An index.
            _ => {}
        }
    }
    Ok(cells)
}

fn unpacked(page: &[u8], codec: i64, plain: usize) -> Result<Vec<u8>, String> {
    let bytes = match codec {
        _ if plain > MOST => return Err("it has a page of more than a gigabyte".into()),
        0 => page.to_vec(),
        1 => snappy::unpacked(page, plain).ok_or("it is damaged: a page cannot be unpacked")?,
        2 => {
            let mut bytes = Vec::new();
            let read = MultiGzDecoder::new(page).take(plain as u64 + 1).read_to_end(&mut bytes);
            read.map_err(|error| format!("it is damaged: {error}"))?;
            bytes
        }
        other => {
            let name = ["", "", "", "LZO", "Brotli", "LZ4", "Zstandard", "LZ4"];
            let name = usize::try_from(other).ok().and_then(|at| name.get(at)).unwrap_or(&"a way that is not known");
            return Err(format!("its pages are packed by {name}; write it anew with compression=\"snappy\""));
        }
    };
    if bytes.len() == plain { Ok(bytes) } else { Err("it is damaged: a page has not the bytes that it should".into()) }
}

/// The cells of a page: those with all levels have a value.
fn filled(
    levels: &[u32],
    deepest: u32,
    bytes: &[u8],
    kind: i64,
    encoding: Option<i64>,
    dictionary: &[Cell],
    left: &mut u64,
) -> Result<Vec<Cell>, String> {
    let damaged = || "it is damaged: a page has other values than it should".to_owned();
    let count = levels.iter().filter(|&&level| level == deepest).count();
    let values = match encoding {
        Some(0) => plain_values(bytes, kind, count)?,
        Some(2 | 8) => {
            let (width, indices) = bytes.split_first().ok_or_else(damaged)?;
            let indices = hybrid(indices, u32::from(*width), count).ok_or_else(damaged)?;
            let cell = |index: &u32| {
                let cell = dictionary.get(*index as usize).ok_or_else(damaged)?;
                if let Cell::Bytes(bytes) = cell {
                    let rest = left.checked_sub(bytes.len() as u64);
                    *left =
                        rest.ok_or("its repeated pictures come to more than 4 gigabytes; divide it into several")?;
                }
                Ok(cell.clone())
            };
            indices.iter().map(cell).collect::<Result<_, String>>()?
        }
        _ => {
            return Err(
                "its values are written in a way that is not read; write it anew with pyarrow's defaults".into()
            );
        }
    };
    let mut values = values.into_iter();
    let cell = |level: &u32| if *level == deepest { values.next().ok_or_else(damaged) } else { Ok(Cell::Null) };
    levels.iter().map(cell).collect()
}

fn plain_values(mut bytes: &[u8], kind: i64, count: usize) -> Result<Vec<Cell>, String> {
    let damaged = || "it is damaged: a page ends too early".to_owned();
    let mut take = |length: usize| {
        let (taken, rest) = bytes.split_at_checked(length).ok_or_else(damaged)?;
        bytes = rest;
        Ok::<_, String>(taken)
    };
    let four = |bytes: &[u8]| bytes.try_into().map(i32::from_le_bytes).map_err(|_| damaged());
    let mut cell = || {
        Ok(match kind {
            1 => Cell::Number(four(take(4)?)?.into()),
            2 => Cell::Number(take(8)?.try_into().map(i64::from_le_bytes).map_err(|_| damaged())?),
            6 => {
                let length = four(take(4)?)? as u32;
                Cell::Bytes(take(length as usize)?.to_vec())
            }
            _ => {
                return Err("a column of pictures or labels has values that are neither bytes nor whole numbers".into());
            }
        })
    };
    (0..count).map(|_| cell()).collect()
}

/// Bits of numbers up to `most`.
fn bits(most: u32) -> u32 {
    u32::BITS - most.leading_zeros()
}

/// Numbers of `width` bits: runs of one, and eight at a time packed.
fn hybrid(bytes: &[u8], width: u32, count: usize) -> Option<Vec<u32>> {
    if width > 32 {
        return None;
    }
    let mut reader = Reader::new(bytes);
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let header = reader.varint()?;
        let length = usize::try_from(header >> 1).ok()?;
        let rest = reader.rest();
        let used = if header & 1 == 1 {
            let used = length.checked_mul(width as usize)?;
            let packed = rest.get(..used)?;
            let bit = |at: usize| u32::from(packed[at / 8] >> (at % 8) & 1);
            let width = width as usize;
            let number = |i: usize| (0..width).fold(0, |number, j| number | bit(i * width + j) << j);
            numbers.extend((0..(8 * length).min(count - numbers.len())).map(number));
            used
        } else {
            let used = width.div_ceil(8) as usize;
            let value = rest.get(..used)?.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte)) as u32;
            numbers.extend(std::iter::repeat_n(value, length.min(count - numbers.len())));
            used
        };
        reader = Reader::new(&rest[used..]);
    }
    Some(numbers)
}
