//! Bytes that stand where a safetensors file should: what they are, so that people can be told what to do about it.
//!
//! Tests: `tests/it/foreign_files.rs`.

use std::fmt;

/// What a file is that is no safetensors file. `Display` says it, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignFile {
    /// No bytes at all.
    Empty,
    /// The text that stands for a file in a repository with Git LFS.
    LfsPointer,
    /// A web page, where a download led to one.
    WebPage,
    /// What `torch.save` writes: a ZIP archive with a pickle in it, or a bare pickle.
    Pickle,
    /// A ZIP archive of something else.
    Zip,
    /// Compressed by gzip, xz, bzip2, zstd or 7-Zip.
    Compressed,
    /// A model of llama.cpp and its relatives.
    Gguf,
    /// A graph with weights, as ONNX has it.
    Onnx,
    /// Weights of Keras and TensorFlow.
    Hdf5,
    /// JSON: a configuration, or the list of a model's shards.
    Json,
}

impl ForeignFile {
    /// What the bytes look like; nothing where they look like no file that people have.
    pub fn recognize(bytes: &[u8]) -> Option<Self> {
        // A safetensors file that is damaged: the length of its header may look like anything.
        if matches!(bytes, [_, _, _, _, 0, 0, 0, 0, b'{', ..]) {
            return None;
        }
        let begins = |magic: &[u8]| bytes.starts_with(magic);
        let head = &bytes[..bytes.len().min(512)];
        let contains = |text: &[u8]| head.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text));
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let is_zip = begins(b"PK\x03\x04") || begins(b"PK\x05\x06");
        Some(match bytes {
            [] => Self::Empty,
            _ if begins(b"version https://git-lfs") => Self::LfsPointer,
            // The archive's first entry is `<name>/data.pkl`; newer ones begin with others.
            _ if is_zip && (contains(b"data.pkl") || contains(b".format_version") || contains(b"byteorder")) => {
                Self::Pickle
            }
            _ if is_zip => Self::Zip,
            // Protocol 2 and later; behind the first two bytes comes an opcode.
            [0x80, 2..=5, ..] => Self::Pickle,
            _ if begins(b"GGUF") => Self::Gguf,
            _ if begins(b"\x89HDF") => Self::Hdf5,
            _ if [&b"\x1f\x8b"[..], b"\xfd7zXZ\0", b"BZh", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c"]
                .iter()
                .any(|magic| begins(magic)) =>
            {
                Self::Compressed
            }
            // A protobuf whose first field is the version of the format, the second the producer.
            [8, 1..=32, 0x12, ..] => Self::Onnx,
            _ if text.starts_with('<') && (contains(b"<html") || contains(b"<!doctype") || contains(b"<head")) => {
                Self::WebPage
            }
            _ if text.starts_with('{') => Self::Json,
            _ => return None,
        })
    }

    /// Its name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::LfsPointer => "lfs",
            Self::WebPage => "page",
            Self::Pickle => "pickle",
            Self::Zip => "zip",
            Self::Compressed => "compressed",
            Self::Gguf => "gguf",
            Self::Onnx => "onnx",
            Self::Hdf5 => "hdf5",
            Self::Json => "json",
        }
    }
}

impl fmt::Display for ForeignFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Empty => "it is empty; fetch it again",
            Self::LfsPointer => {
                "it is a Git LFS pointer, which only stands for the weights; run `git lfs pull` in its repository, or download the file itself"
            }
            Self::WebPage => {
                "it is a web page (HTML); the address led to a page, take the link that downloads the file itself"
            }
            Self::Pickle => {
                "it is a pickle of PyTorch (.bin, .pt, .pth, .ckpt), which may run code when it is opened; load it in Python where you trust it, and save it with safetensors.torch.save_file"
            }
            Self::Zip => "it is a ZIP archive; unpack it, and take the .safetensors file in it",
            Self::Compressed => "it is compressed; unpack it first",
            Self::Gguf => "it is a GGUF file; take the model's .safetensors files",
            Self::Onnx => "it is an ONNX model; take the model's .safetensors files",
            Self::Hdf5 => "it is an HDF5 file (Keras); take the model's .safetensors files",
            Self::Json => "it is JSON, a configuration or a list of files; take the .safetensors file that belongs to it",
        })
    }
}
