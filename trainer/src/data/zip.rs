//! Chooses one file out of a zip archive, as Kaggle, Windows and Python make them. Tests: here.

use std::io::{Cursor, Read};

use zip::read::ZipFile;
use zip::result::{ZipError, ZipResult};
use zip::{CompressionMethod, ZipArchive};

/// Most bytes that are unpacked. EMNIST's largest file has 0.55 GB.
pub const MOST_UNPACKED: u64 = 1 << 32;
/// Names that are told in a message.
const SHOWN: usize = 4;

/// What is looked for in an archive of several files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Images,
    Labels,
}

/// Whether the bytes begin as a zip archive does, with files or without any.
pub fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// The one file of an archive. Of several, the one whose name says that it holds pictures, or labels.
///
/// # Errors
/// An archive that is damaged, encrypted or packed in a way that is not read; several files that could be meant.
pub fn single(bytes: &[u8], role: Role) -> Result<Vec<u8>, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|_| "it is a zip archive without a directory at its end: damaged, or not whole")?;
    let names: Result<Vec<String>, _> = archive.file_names().map(|name| name.map(Into::into)).collect();
    let mut names = names.map_err(|error| format!("it is a zip archive with a name that cannot be read: {error}"))?;
    names.retain(|name| counts(name));
    let word = match role {
        Role::Images => "images",
        Role::Labels => "labels",
    };
    let chosen: Vec<&String> = match &names[..] {
        [only] => vec![only],
        several => several.iter().filter(|name| name.to_lowercase().contains(word)).collect(),
    };
    match chosen[..] {
        [name] => read(&mut archive, name).map_err(|reason| format!("{name} in the zip archive: {reason}")),
        _ if names.is_empty() => Err("it is an empty zip archive".into()),
        _ => {
            let mut shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
            if names.len() > SHOWN {
                shown.push("…");
            }
            Err(format!(
                "it is a zip archive of {} files ({}); unpack it, and give the file or folder that is meant",
                names.len(),
                shown.join(", ")
            ))
        }
    }
}

/// Not a folder, nor what macOS adds.
fn counts(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    !file.is_empty() && !file.starts_with('.') && !name.starts_with("__MACOSX/")
}

fn read(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>, String> {
    read_entry(archive.by_name(name), MOST_UNPACKED)
}

/// The bytes of a file that was found in an archive, at most `most`.
pub fn read_entry<R: Read>(found: ZipResult<ZipFile<'_, R>>, most: u64) -> Result<Vec<u8>, String> {
    let mut file = found.map_err(|error| match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => "it is encrypted; unpack it first".to_owned(),
        ZipError::UnsupportedArchive(reason) => format!("{reason}; unpack it first"),
        error => error.to_string(),
    })?;
    let method = file.compression();
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(format!("it is packed by {method}, only deflate is read; unpack it first"));
    }
    if file.size() > most {
        return Err("it is too large; unpack it first".into());
    }
    let mut plain = Vec::new();
    // Its checksum is compared at the end.
    let damaged = |error: std::io::Error| format!("it is damaged: {error}");
    (&mut file).take(most + 1).read_to_end(&mut plain).map_err(damaged)?;
    if plain.len() as u64 != file.size() {
        return Err("it is damaged: it has not as many bytes as the directory says".into());
    }
    Ok(plain)
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
        let directory = locked.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
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
