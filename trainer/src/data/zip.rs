//! Reads one file out of a zip archive, as Kaggle, Windows and Python make them: stored or deflated, with or without a
//! descriptor behind the data. PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16. Tests: here.

use std::io::Read;

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

/// Most bytes that are unpacked. EMNIST's largest file has 0.55 GB.
pub const MOST_UNPACKED: u64 = 1 << 32;

/// What is looked for in an archive of several files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Images,
    Labels,
}

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// Length of the record at the end without its comment, and the longest that a comment can be.
const END_LENGTH: usize = 22;
const LONGEST_COMMENT: usize = 0xffff;
/// Names that are told in a message.
const SHOWN: usize = 4;

/// A file in the archive, as the directory at its end describes it.
struct Entry {
    name: String,
    encrypted: bool,
    method: u16,
    crc: u32,
    packed: usize,
    size: usize,
    /// Of its local header.
    at: usize,
}

/// Whether the bytes begin as a zip archive does.
pub fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(LOCAL) || bytes.starts_with(END)
}

/// The one file of an archive. Of several, the one whose name says that it holds pictures, or labels.
///
/// # Errors
/// An archive that is damaged, encrypted or packed in a way that is not read; several files that could be meant.
pub fn single(bytes: &[u8], role: Role) -> Result<Vec<u8>, String> {
    let entries = entries(bytes).ok_or("it is a zip archive without a directory at its end: damaged, or not whole")?;
    let word = match role {
        Role::Images => "images",
        Role::Labels => "labels",
    };
    let chosen: Vec<&Entry> = match &entries[..] {
        [only] => vec![only],
        several => several.iter().filter(|entry| entry.name.to_lowercase().contains(word)).collect(),
    };
    match chosen[..] {
        [entry] => entry.read(bytes).map_err(|reason| format!("{} in the zip archive: {reason}", entry.name)),
        _ if entries.is_empty() => Err("it is an empty zip archive".into()),
        _ => {
            let mut names: Vec<&str> = entries.iter().take(SHOWN).map(|entry| entry.name.as_str()).collect();
            if entries.len() > SHOWN {
                names.push("…");
            }
            Err(format!(
                "it is a zip archive of {} files ({}); unpack it, and give the file or folder that is meant",
                entries.len(),
                names.join(", ")
            ))
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Files in the directory, without folders and what macOS adds.
fn entries(bytes: &[u8]) -> Option<Vec<Entry>> {
    let last = bytes.len().checked_sub(END_LENGTH)?;
    let end = (last.saturating_sub(LONGEST_COMMENT)..=last).rev().find(|&at| bytes[at..].starts_with(END))?;
    let mut at = u32_at(bytes, end + 16)? as usize;
    let mut entries = Vec::new();
    for _ in 0..u16_at(bytes, end + 10)? {
        if !bytes.get(at..)?.starts_with(CENTRAL) {
            return None;
        }
        let [name, extra, comment] = [28, 30, 32].map(|field| u16_at(bytes, at + field));
        let (name, more) = (name?, extra? + comment?);
        let entry = Entry {
            name: String::from_utf8_lossy(bytes.get(at + 46..at + 46 + name)?).into_owned(),
            encrypted: u16_at(bytes, at + 8)? & 1 == 1,
            method: u16_at(bytes, at + 10)? as u16,
            crc: u32_at(bytes, at + 16)?,
            packed: u32_at(bytes, at + 20)? as usize,
            size: u32_at(bytes, at + 24)? as usize,
            at: u32_at(bytes, at + 42)? as usize,
        };
        let file = entry.name.rsplit('/').next().unwrap_or_default();
        if !file.is_empty() && !file.starts_with('.') && !entry.name.starts_with("__MACOSX/") {
            entries.push(entry);
        }
        at += 46 + name + more;
    }
    Some(entries)
}

impl Entry {
    fn read(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        if self.encrypted {
            return Err("it is encrypted; unpack it first".into());
        }
        if [self.packed, self.size, self.at].contains(&(u32::MAX as usize)) || self.size as u64 > MOST_UNPACKED {
            return Err("it is too large (zip64); unpack it first".into());
        }
        let cut = || "it is cut off".to_owned();
        let header = bytes.get(self.at..).filter(|rest| rest.starts_with(LOCAL)).ok_or_else(cut)?;
        let start = [26, 28].iter().try_fold(30, |sum, &field| Some(sum + u16_at(header, field)?)).ok_or_else(cut)?;
        let packed = header.get(start..start + self.packed).ok_or_else(cut)?;
        let plain = match self.method {
            0 => packed.to_vec(),
            8 => {
                let mut plain = Vec::new();
                let most = self.size as u64 + 1;
                DeflateDecoder::new(packed).take(most).read_to_end(&mut plain).map_err(|error| error.to_string())?;
                plain
            }
            other => return Err(format!("it is packed by method {other}, only 0 and 8 are read; unpack it first")),
        };
        let mut crc = Crc::new();
        crc.update(&plain);
        if plain.len() != self.size || crc.sum() != self.crc {
            return Err("its checksum is wrong: it is damaged".into());
        }
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By Python's `zipfile`: `a/images.idx` (deflated) and `a/labels.idx` (stored).
    const PAIR: &[u8] = include_bytes!("../../../tests/fixtures/packed/pair.zip");
    /// One file, whose sizes stand behind its data.
    const STREAMED: &[u8] = include_bytes!("../../../tests/fixtures/packed/streamed.zip");

    #[test]
    fn the_file_that_is_meant_is_read() {
        assert_eq!(single(PAIR, Role::Images).unwrap(), b"pictures pictures pictures");
        assert_eq!(single(PAIR, Role::Labels).unwrap(), b"labels");
        assert_eq!(single(STREAMED, Role::Labels).unwrap(), b"pictures pictures pictures", "of one, whatever its name");
    }

    #[test]
    fn damage_and_what_is_not_read_have_their_reasons() {
        let mut locked = STREAMED.to_vec();
        let directory = locked.windows(4).position(|bytes| bytes == CENTRAL).unwrap();
        locked[directory + 8] |= 1;
        assert!(single(&locked, Role::Images).unwrap_err().contains("encrypted"));
        for cut in 4..PAIR.len() {
            let message = single(&PAIR[..cut], Role::Images).unwrap_err();
            assert!(message.contains("zip archive"), "{message}");
        }
        // Wherever a byte is wrong, it is told or did not matter.
        for at in 0..PAIR.len() {
            let mut flipped = PAIR.to_vec();
            flipped[at] ^= 0xff;
            if let Ok(plain) = single(&flipped, Role::Images) {
                assert_eq!(plain, b"pictures pictures pictures", "byte {at}");
            }
        }
        let mut several = PAIR.to_vec();
        while let Some(at) = several.windows(6).position(|bytes| bytes == b"images") {
            several[at..at + 6].copy_from_slice(b"part_1");
        }
        let message = single(&several, Role::Images).unwrap_err();
        assert!(message.contains("2 files (a/part_1.idx, a/labels.idx)"), "{message}");
    }
}
