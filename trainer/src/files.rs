//! Atomic writes, and locks of folders. A file is either whole or not there: a crash or a full disk leaves the old one
//! untouched. Tests: here; killed and resumed runs, in `trainer/tests/runs/ends.rs`.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::messages::say;

/// Writes `bytes` to `path` by way of a temporary file in the same folder, fsync and rename.
/// Folders on the way are created.
///
/// # Errors
/// What the system refused; then the old file is still there.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// Finds out whether a file can be written, before the work whose result it is to hold; nothing is left behind.
///
/// # Errors
/// A folder in its place, a file in the place of one of its folders, a folder in which nothing can be created.
pub fn can_write(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(Error::io("write", path)(io::ErrorKind::IsADirectory.into()));
    }
    let here = Path::new(".");
    let mut folders = path.ancestors().skip(1).map(|folder| if folder.as_os_str().is_empty() { here } else { folder });
    let folder = folders.find(|folder| folder.exists()).unwrap_or(here);
    tempfile::tempfile_in(folder).map(drop).map_err(Error::io("write to", folder))
}

/// Like [`write_atomic`], for a writer that produces the bytes piece by piece.
fn write_atomic_with(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let temporary = temporary_name(folder, path);
    let written = write_synced(&temporary, write).and_then(|()| fs::rename(&temporary, path));
    if let Err(source) = written {
        // Nothing more can be done about a temporary file that cannot be removed.
        let _ = fs::remove_file(&temporary);
        return Err(Error::io("write", path)(source));
    }
    sync_folder(folder).map_err(Error::io("write", folder))
}

/// The lock of a folder. Dropped, the folder is free again, however the process ends.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "an open file keeps the lock")] Option<File>);

/// Locks a folder, without leaving a file in it. Other systems than Unix lock no folders; a file system that does not gets a
/// warning.
///
/// # Errors
/// A folder that another process holds, or that cannot be opened.
pub fn hold(folder: &Path) -> Result<Held> {
    if !cfg!(unix) {
        return Ok(Held(None));
    }
    let file = File::open(folder).map_err(Error::io("open", folder))?;
    match file.try_lock() {
        Ok(()) => Ok(Held(Some(file))),
        Err(TryLockError::WouldBlock) => Err(Error::Held { dir: folder.to_owned() }),
        Err(TryLockError::Error(error)) => {
            say!("{} cannot be locked ({error}): see that no other run writes to it meanwhile", folder.display());
            Ok(Held(None))
        }
    }
}

/// Removes the temporary files of writes that were killed. What cannot be read or removed stays: it does no harm.
pub fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        // The names of `temporary_name`, which are UTF-8 but for the file's own part.
        let parts: Vec<&str> = name.to_str().unwrap_or_default().split('.').collect();
        if let ["", .., process, "tmp"] = parts[..]
            && process.parse::<u32>().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether both paths are there and are the same file or folder.
pub fn same_path(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Reads a whole file.
///
/// # Errors
/// What the system refused.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::io("read", path))
}

fn write_synced(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    write(&mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// A rename is only on disk once its folder is: without this a power cut may undo it. Folders that are shared with a virtual
/// machine cannot be synced, and are left as they are.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}

fn temporary_name(folder: &Path, path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    folder.join(format!(".{name}.{}.tmp", std::process::id()))
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_litter() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("sub/weights.bin");
        write_atomic(&path, b"old").unwrap();
        let failed = write_atomic_with(&path, |file| {
            file.write_all(b"half of the new")?;
            Err(io::Error::other("disk full"))
        });
        let message = failed.unwrap_err().to_string();
        assert!(message.contains("weights.bin") && message.contains("disk full"), "{message}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path().join("sub")).unwrap().count(), 1);
    }

    #[test]
    fn what_was_left_half_way_is_swept_and_nothing_else() {
        let dir = tempdir().unwrap();
        let others = [".hidden", "a.17.tmp", ".a.b.tmp", "weights.bin"];
        for name in others.iter().chain(&[".weights.bin.4711.tmp"]) {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        sweep(dir.path());
        assert!(others.iter().all(|name| dir.path().join(name).exists()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), others.len());
    }

    #[test]
    fn a_folder_is_held_by_one_at_a_time() {
        let dir = tempfile::Builder::new().prefix("files-hold").tempdir().unwrap();
        let held = hold(dir.path()).unwrap();
        if cfg!(unix) {
            let message = hold(dir.path()).unwrap_err().to_string();
            assert!(message.contains("files-hold"), "{message}");
        }
        drop(held);
        hold(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "and leaves nothing in it");
        if cfg!(unix) {
            assert!(hold(&dir.path().join("absent")).unwrap_err().to_string().contains("absent"));
        }
    }

    #[test]
    fn a_file_in_the_way_of_a_folder_is_named() {
        let dir = tempdir().unwrap();
        let blocker = dir.path().join("blocker");
        write_atomic(&blocker, b"").unwrap();
        let message = write_atomic(&blocker.join("x"), b"x").unwrap_err().to_string();
        assert!(message.contains("blocker"), "{message}");
    }
}
