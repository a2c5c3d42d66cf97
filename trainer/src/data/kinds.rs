//! What a file is by its first bytes, where it is none that is read: so that people hear what they have and what to do with it.
//! Tests: here and in `unpack.rs`.

/// Formats of pictures, as people have them.
const PICTURES: [(&[u8], usize, &str); 12] = [
    (b"\xff\xd8\xff", 0, "JPEG"),
    (b"GIF8", 0, "GIF"),
    (b"BM", 0, "BMP"),
    (b"WEBP", 8, "WebP"),
    (b"II*\0", 0, "TIFF"),
    (b"MM\0*", 0, "TIFF"),
    (b"ftypheic", 4, "HEIC, as iPhones take it"),
    (b"ftypheix", 4, "HEIC, as iPhones take it"),
    (b"ftypmif1", 4, "HEIF"),
    (b"ftypavif", 4, "AVIF"),
    (b"8BPS", 0, "a Photoshop file"),
    (b"%PDF", 0, "PDF"),
];

/// Compression and archives that are not read, and what unpacks them.
const PACKED: [(&[u8], usize, &str, &str); 8] = [
    (b"BZh", 0, "bzip2", "bunzip2"),
    (b"\xfd7zXZ\0", 0, "xz", "unxz"),
    (b"\x28\xb5\x2f\xfd", 0, "Zstandard", "unzstd"),
    (b"\x04\x22\x4d\x18", 0, "LZ4", "unlz4"),
    (b"\x1f\x9d", 0, "compress", "uncompress"),
    (b"7z\xbc\xaf\x27\x1c", 0, "7-Zip", "7z x"),
    (b"Rar!\x1a\x07", 0, "RAR", "unrar x"),
    (b"ustar", 257, "tar", "tar xf"),
];

/// Other files that come with data sets, and what to do.
const OTHERS: [(&[u8], usize, &str); 10] = [
    (b"\x93NUMPY", 0, "a NumPy array; write its pictures as PNG files, <class name>/*.png"),
    (b"MATLAB 5.0", 0, "a MATLAB file; take the data set's IDX files (for EMNIST, gzip.zip)"),
    (b"\x89HDF", 0, "an HDF5 file; write its pictures as PNG files, <class name>/*.png"),
    (b"\x89PNG", 0, "one picture; give its folder, <class name>/*.png"),
    (b"version https://git-lfs", 0, "a pointer of Git LFS, not the file itself; fetch it with `git lfs pull`"),
    (b"<!DOCTYPE", 0, "a web page, not the file itself; download it again"),
    (b"<!doctype", 0, "a web page, not the file itself; download it again"),
    (b"<html", 0, "a web page, not the file itself; download it again"),
    (b"\x80\x04\x95", 0, "a pickle of Python; write its pictures as PNG files, <class name>/*.png"),
    (b"\x80\x02", 0, "a pickle of Python; write its pictures as PNG files, <class name>/*.png"),
];

fn has(bytes: &[u8], magic: &[u8], at: usize) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(magic))
}

/// A picture's format, where it is known and not PNG.
pub fn picture(bytes: &[u8]) -> Option<&'static str> {
    PICTURES.iter().find(|(magic, at, _)| has(bytes, magic, *at)).map(|(_, _, name)| *name)
}

/// Whether the bytes begin as a picture does.
pub fn is_picture(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG") || picture(bytes).is_some_and(|name| name != "PDF")
}

/// Why packed bytes are not read, where that is what they are.
pub fn packed(bytes: &[u8]) -> Option<String> {
    let (_, _, name, tool) = PACKED.iter().find(|(magic, at, ..)| has(bytes, magic, *at))?;
    Some(format!("it is packed with {name}, which is not read here; unpack it first, as with `{tool}`"))
}

/// What else the bytes are, and what to do, where that is known.
pub fn other(bytes: &[u8]) -> Option<String> {
    let found = OTHERS.iter().find(|(magic, at, _)| has(bytes, magic, *at)).map(|(_, _, what)| format!("it is {what}"));
    found.or_else(|| picture(bytes).map(|name| format!("it is one picture ({name}); --data takes many")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_bytes() {
        assert_eq!(picture(b"\xff\xd8\xff\xe0\0\x10JFIF"), Some("JPEG"));
        assert_eq!(picture(b"RIFF\x10\0\0\0WEBPVP8 "), Some("WebP"));
        assert!(picture(b"\0\0\0\x18ftypheic").unwrap().contains("iPhone") && picture(b"\x89PNG\r\n").is_none());
        assert!(packed(b"\xfd7zXZ\0\0\x04").unwrap().contains("`unxz`"));
        let tar = [&[0; 257][..], b"ustar\0"].concat();
        assert!(packed(&tar).unwrap().contains("tar xf") && packed(b"BM").is_none());
        assert!(other(b"<!DOCTYPE html>").unwrap().contains("web page"));
        assert!(other(b"GIF89a").unwrap().contains("one picture (GIF)") && other(b"7,0,0,0").is_none());
    }
}
