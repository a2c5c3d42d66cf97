//! Google's Snappy, in which Parquet files are packed by default
//! (<https://github.com/google/snappy/blob/main/format_description.txt>). Tests: `parquet/tests.rs`.

use super::thrift::Reader;

/// The bytes, which are `plain` many; nothing where they are not.
pub fn unpacked(packed: &[u8], plain: usize) -> Option<Vec<u8>> {
    let mut reader = Reader::new(packed);
    if usize::try_from(reader.varint()?).ok()? != plain {
        return None;
    }
    let (mut rest, mut bytes) = (reader.rest(), Vec::new());
    while let Some((&tag, after)) = rest.split_first() {
        let number = |from: &[u8]| from.iter().rev().fold(0usize, |number, &byte| number << 8 | usize::from(byte));
        let high = usize::from(tag >> 2);
        // A literal's length is in the tag, or in one to four bytes behind it; a copy's is, and how far back it lies.
        let extra = match tag & 3 {
            0 if high >= 60 => high - 59,
            kind => [0, 1, 2, 4][usize::from(kind)],
        };
        let (operand, after) = after.split_at_checked(extra)?;
        rest = after;
        let (length, back) = match tag & 3 {
            0 => {
                let length = if extra > 0 { number(operand) } else { high } + 1;
                let (literal, after) = rest.split_at_checked(length)?;
                bytes.extend_from_slice(literal);
                rest = after;
                continue;
            }
            1 => ((high & 7) + 4, (high >> 3) << 8 | number(operand)),
            _ => (high + 1, number(operand)),
        };
        let from = bytes.len().checked_sub(back).filter(|_| back > 0)?;
        if bytes.len() + length > plain {
            return None;
        }
        // What is copied may reach into the copy itself.
        (from..from + length).for_each(|at| bytes.push(bytes[at]));
    }
    (bytes.len() == plain).then_some(bytes)
}
