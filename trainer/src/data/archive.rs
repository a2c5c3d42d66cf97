//! Files of pictures within one file, read by several threads: a zip archive, or rows that are in memory. Tests: `listing/tests.rs`, `zip.rs`.

use std::io::Cursor;
use std::sync::Arc;

use zip::ZipArchive;

use super::zip::read_entry;

/// Most bytes of one picture.
const MOST_OF_A_PICTURE: u64 = 1 << 28;

/// An archive in memory.
#[derive(Debug)]
pub struct Archive {
    names: Vec<String>,
    archive: ZipArchive<Cursor<Arc<[u8]>>>,
}

impl Archive {
    /// Reads the directory at the end; the error is what is wrong with it.
    pub fn new(bytes: Vec<u8>) -> Result<Self, String> {
        let archive = ZipArchive::new(Cursor::new(Arc::from(bytes)))
            .map_err(|_| "it is a zip archive without a directory at its end: damaged, or not whole")?;
        let names: Result<Vec<String>, _> = archive.file_names().map(|name| name.map(Into::into)).collect();
        let names = names.map_err(|error| format!("it is a zip archive with a name that cannot be read: {error}"))?;
        Ok(Self { names, archive })
    }

    /// Numbers and names of the files in it.
    pub fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        self.names.iter().enumerate().map(|(entry, name)| (entry, name.as_str()))
    }

    /// The archive itself.
    pub fn into_bytes(self) -> Vec<u8> {
        self.archive.into_inner().into_inner().to_vec()
    }

    /// The bytes of a file; the error is why not. The directory and the archive's bytes are shared.
    pub fn bytes(&self, entry: usize) -> Result<Vec<u8>, String> {
        let mut archive = self.archive.clone();
        let file = archive.by_index(entry);
        read_entry(file, MOST_OF_A_PICTURE)
    }
}

/// What holds the files of pictures.
#[derive(Debug)]
pub enum Packed {
    /// A zip archive.
    Zip(Archive),
    /// Rows of a table, each a picture's file.
    Rows(Vec<Vec<u8>>),
}

impl Packed {
    /// The bytes of a file; the error is why not.
    pub fn bytes(&self, entry: usize) -> Result<Vec<u8>, String> {
        match self {
            Self::Zip(archive) => archive.bytes(entry),
            Self::Rows(rows) => rows.get(entry).cloned().ok_or_else(|| "there is no such row".into()),
        }
    }
}
