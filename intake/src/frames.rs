//! What decoders do not tell of a file: whether it is whole, whether there are more pictures in it. Tests: below.

/// Whether a JPEG's picture is ended. Phones write more behind its end, so the last bytes say nothing.
pub(crate) fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // In compressed data a byte 255 is followed by 0 or the number of a restart.
        let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == 0xff)) else {
            return false;
        };
        at += found;
        match bytes.get(at + 1) {
            None => return false,
            Some(0xd9) => return true,
            Some(0 | 0x01 | 0xd0..=0xd8) => at += 2,
            Some(0xff) => at += 1,
            Some(_) => match be_u16(bytes, at + 2) {
                Some(length) => at += 2 + usize::from(length),
                None => return false,
            },
        }
    }
}

/// The EXIF chunk of a PNG, which may also stand after the pixels.
pub(crate) fn png_exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 8;
    loop {
        let length = usize::try_from(be_u32(bytes, at)?).ok()?;
        if bytes.get(at + 4..at + 8)? == b"eXIf" {
            return bytes.get(at + 8..(at + 8).checked_add(length)?);
        }
        at = at.checked_add(length)?.checked_add(12)?;
    }
}

/// Whether a GIF has more than one picture.
pub(crate) fn gif_has_several(bytes: &[u8]) -> bool {
    gif_pictures(bytes).unwrap_or(0) > 1
}

fn gif_pictures(bytes: &[u8]) -> Option<usize> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut at = 13 + table(*bytes.get(10)?);
    let mut pictures = 0;
    while pictures < 2 {
        match bytes.get(at) {
            Some(0x21) => at += 2,
            Some(0x2c) => {
                pictures += 1;
                let Some(flags) = bytes.get(at + 9) else { break };
                at += 11 + table(*flags);
            }
            _ => break,
        }
        while let Some(&length @ 1..) = bytes.get(at) {
            at += 1 + usize::from(length);
        }
        at += 1;
    }
    Some(pictures)
}

/// Whether a TIFF has more than one page.
pub(crate) fn tiff_has_several(bytes: &[u8]) -> bool {
    tiff_second(bytes).is_some_and(|offset| offset != 0)
}

fn tiff_second(bytes: &[u8]) -> Option<u32> {
    let big = bytes.starts_with(b"MM");
    let u16_at = |at: usize| if big { be_u16(bytes, at) } else { be_u16(bytes, at).map(u16::swap_bytes) };
    let u32_at = |at: usize| if big { be_u32(bytes, at) } else { be_u32(bytes, at).map(u32::swap_bytes) };
    let first = usize::try_from(u32_at(4)?).ok()?;
    let entries = usize::from(u16_at(first)?);
    u32_at(first.checked_add(2 + 12 * entries)?)
}

fn be_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_be_bytes)
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_is_whole_with_its_end() {
        let head = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 0xff, 0xd9, 0xff, 0xda, 0, 2];
        let data = [1, 0xff, 0, 2, 0xff, 0xd0, 3];
        assert!(!jpeg_is_whole(&[&head[..], &data].concat()), "an end within a segment is none");
        assert!(jpeg_is_whole(&[&head[..], &data, &[0xff, 0xd9, 7, 7]].concat()));
        for end in 0..head.len() {
            assert!(!jpeg_is_whole(&head[..end]));
        }
    }

    #[test]
    fn lengths_out_of_a_file_are_no_harm() {
        assert_eq!(png_exif(&[&[0; 8][..], &[0xff; 20]].concat()), None);
        assert_eq!(png_exif(b"\x89PNG\r\n\x1a\n\0\0\0\x02eXIfII"), Some(&b"II"[..]));
        assert!(!tiff_has_several(b"II*\0\xff\xff\xff\xff") && !tiff_has_several(b"MM\0*\0\0\0\x08\xff\xff"));
        assert!(tiff_has_several(b"MM\0*\0\0\0\x08\0\0\0\0\0\x01"));
        assert!(!gif_has_several(b"GIF89a") && !gif_has_several(&[0xff; 40]));
        let two = b"GIF89a\x01\0\x01\0\0\0\0!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x01\x01\0,\0\0\0\0\x01\0\x01\0\0\x02";
        assert!(gif_has_several(two) && !gif_has_several(&two[..35]));
    }
}
