//! Files that are no safetensors files: what they are is said, and what to do.

use diffusion::error::{Error, TensorsError};
use diffusion::foreign::ForeignFile;
use diffusion::peft::read_adapter;
use diffusion::tensors::read_tensors;

use crate::support::*;

/// The first bytes of what people have in such a file's place.
fn files() -> Vec<(&'static str, Vec<u8>, ForeignFile, &'static str)> {
    let zip = |entry: &str| {
        [&b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..], entry.as_bytes(), &[0; 40]].concat()
    };
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 146744\n";
    vec![
        ("no bytes", vec![], ForeignFile::Empty, "empty"),
        ("a pointer", pointer.into(), ForeignFile::LfsPointer, "Git LFS"),
        ("a page", "<!DOCTYPE html>\n<html lang=en><title>404".into(), ForeignFile::WebPage, "web page"),
        ("a page with a mark and spaces", "\u{feff} \n<html><head>".into(), ForeignFile::WebPage, "web page"),
        ("torch.save", zip("adapter_model/data.pkl"), ForeignFile::Pickle, "PyTorch"),
        ("torch.save of 2.5", zip("archive/.format_version"), ForeignFile::Pickle, "PyTorch"),
        ("an old pickle", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(), ForeignFile::Pickle, "PyTorch"),
        ("an archive", zip("lora/adapter_model.safetensors"), ForeignFile::Zip, "unpack"),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(), ForeignFile::Compressed, "compressed"),
        ("zstd", b"\x28\xb5\x2f\xfd\x04\x58\0\0\0".to_vec(), ForeignFile::Compressed, "compressed"),
        ("GGUF", b"GGUF\x03\0\0\0\0\0\0\0".to_vec(), ForeignFile::Gguf, "GGUF"),
        ("ONNX", bytes(fixture("onnx/base.onnx")), ForeignFile::Onnx, "ONNX"),
        ("HDF5", b"\x89HDF\r\n\x1a\n\0\0\0\0".to_vec(), ForeignFile::Hdf5, "HDF5"),
        ("a configuration", bytes(fixture("unet/tiny/unet/config.json")), ForeignFile::Json, "JSON"),
    ]
}

#[test]
fn what_a_file_is_is_said() {
    let tiny = base("tiny");
    for (what, file, want, word) in files() {
        match read_tensors(&file) {
            Err(Error::SafeTensors(TensorsError::Foreign(found))) => assert_eq!(found, want, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        assert_refused(what, read_adapter(&file, None, &tiny.state), &["not a readable safetensors file", word]);
        let folder = Folder { weights: file, ..Folder::open(&fixture("unet/tiny")) };
        assert_refused(what, folder.read(), &[word]);
    }
}

/// A damaged safetensors file is nothing else, however the length of its header looks.
#[test]
fn a_safetensors_file_that_broke_off_is_no_other_file() {
    let whole = bytes(fixture("lora/plain/adapter_model.safetensors"));
    for length in [9, 100, 2000, whole.len() - 1] {
        let mut cut = whole[..length].to_vec();
        let refused = read_tensors(&cut);
        assert_refused(&format!("{length} bytes"), refused, &["broke off"]);
        for first in [[0x80, 2], [8, 18], [0x1f, 0x8b]] {
            cut[..2].copy_from_slice(&first);
            assert!(
                !matches!(read_tensors(&cut), Err(Error::SafeTensors(TensorsError::Foreign(_)))),
                "{length} {first:?}"
            );
        }
    }
}
