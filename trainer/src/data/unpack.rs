//! Takes off what files are packed in: gzip as all common tools write it, and zip. Which it is say the bytes, whatever the
//! name. RFC 1952. Tests: here.

use std::io::Read;

use flate2::bufread::GzDecoder;

use super::{kinds, zip};

use super::zip::MOST_UNPACKED;
pub use super::zip::Role;

pub const GZIP: &[u8] = &[0x1f, 0x8b];
/// Layers that are taken off: a zip of a gzip file, and one that was packed twice by mistake.
const LAYERS: usize = 4;

/// The bytes within gzip or zip; other bytes as they are. The error is what is wrong with them.
pub fn unpacked(mut bytes: Vec<u8>, role: Role) -> Result<Vec<u8>, String> {
    for _ in 0..LAYERS {
        if bytes.starts_with(GZIP) {
            bytes = gunzipped(&bytes).map_err(|reason| format!("it is compressed and cannot be unpacked: {reason}"))?;
        } else if zip::is_zip(&bytes) {
            bytes = zip::single(&bytes, role)?;
        } else {
            return match kinds::packed(&bytes) {
                Some(reason) => Err(reason),
                None => Ok(bytes),
            };
        }
    }
    Err(format!("it is packed more than {LAYERS} times over"))
}

/// All members of a gzip file, one after the other: pigz, bgzip and `cat` write several. Zeros behind the last are padding.
fn gunzipped(mut bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    while bytes.starts_with(GZIP) {
        let mut member = GzDecoder::new(bytes);
        let room = MOST_UNPACKED + 1 - plain.len() as u64;
        (&mut member).take(room).read_to_end(&mut plain).map_err(|error| error.to_string())?;
        if plain.len() as u64 > MOST_UNPACKED {
            return Err(format!("it holds more than {MOST_UNPACKED} bytes"));
        }
        bytes = member.into_inner();
    }
    if bytes.iter().any(|&byte| byte != 0) {
        return Err(format!("{} bytes of something else follow", bytes.len()));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn open(bytes: &[u8]) -> Result<Vec<u8>, String> {
        unpacked(bytes.to_vec(), Role::Images)
    }

    #[test]
    fn every_member_counts_and_padding_does_not() {
        let members = [gzip(b"one"), gzip(b""), gzip(b" two")].concat();
        assert_eq!(open(&members).unwrap(), b"one two");
        assert_eq!(open(&[&members[..], &[0; 20]].concat()).unwrap(), b"one two");
        assert!(open(&[&members[..], b"and more"].concat()).unwrap_err().contains("8 bytes of something else"));
        assert_eq!(open(&gzip(&gzip(b"twice"))).unwrap(), b"twice");
        assert_eq!(open(b"plain").unwrap(), b"plain");
    }

    #[test]
    fn damage_and_other_packing_have_their_reasons() {
        let whole = gzip(b"some bytes that are cut off");
        assert!(open(&whole[..whole.len() - 9]).unwrap_err().contains("cannot be unpacked"));
        let mut flipped = whole.clone();
        let at = flipped.len() - 6;
        flipped[at] ^= 1; // in the checksum
        assert!(open(&flipped).unwrap_err().contains("cannot be unpacked"));
        assert!(open(b"\xfd7zXZ\0\0\x04").unwrap_err().contains("packed with xz"));
        let deep = (0..5).fold(b"deep".to_vec(), |bytes, _| gzip(&bytes));
        assert!(open(&deep).unwrap_err().contains("more than 4 times"));
    }
}
