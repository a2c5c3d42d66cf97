//! Names in messages: escaped, because names of files, classes and styles come from others and a terminal obeys escape sequences;
//! and misspelt ones. Tests: here.

use std::borrow::Cow;
use std::fmt::{Display, Write};

/// A name or path (`path.display()`) for a message: control characters, line ends too, and those that turn the direction of text
/// are written `\u{1b}`.
pub fn shown(text: impl Display) -> String {
    escaped(&text.to_string(), false)
}

/// With `lines`, ends of lines and tabs stay.
pub(crate) fn escaped(text: &str, lines: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for sign in text.chars() {
        if !obeyed(sign) || (lines && matches!(sign, '\n' | '\t')) {
            shown.push(sign);
        } else {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(sign));
        }
    }
    shown
}

/// Whether a terminal obeys it instead of showing it: C0, DEL and C1, and the bidirectional controls and line separators of
/// Unicode, by which one text shows as another (Unicode Technical Report 36).
pub(crate) fn obeyed(sign: char) -> bool {
    sign.is_control()
        || matches!(sign, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text in UTF-8, also from UTF-16 with a byte order mark, as PowerShell's `>` and Excel's "Unicode text" write it. Other bytes
/// stay what they are.
pub(crate) fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let unit = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return Cow::Borrowed(bytes),
    };
    let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    match String::from_utf16(&units) {
        Ok(text) if bytes.len().is_multiple_of(2) => Cow::Owned(text.into_bytes()),
        _ => Cow::Borrowed(bytes),
    }
}

/// The known name that is most like a misspelt one, if one is like it: at most a third of it has to be typed anew.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).max(1);
    let near = known.into_iter().map(|known| (edits(&name.to_lowercase(), known), known));
    let (edits, known) = near.min_by_key(|(edits, _)| *edits)?;
    (edits <= allowed && edits < known.chars().count()).then_some(known)
}

/// `; did you mean bold?`, where one of the known names is like it; for the end of a message.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |known| format!("; did you mean {known}?"))
}

/// Letters to insert, remove, change, or exchange with the next, to make one text of the other (optimal string alignment).
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut table = vec![vec![0; to.len() + 1]; from.len() + 1];
    for i in 0..=from.len() {
        for j in 0..=to.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = table[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
                let least = changed.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                let exchanged = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
                if exchanged { least.min(table[i - 2][j - 2] + 1) } else { least }
            };
        }
    }
    table[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(shown("a\x1b[31mb\u{9b}c\r\n"), r"a\u{1b}[31mb\u{9b}c\u{d}\u{a}");
        assert_eq!(shown("\u{202e}gnp.exe"), r"\u{202e}gnp.exe");
        assert_eq!(shown("é 数 \u{645}\u{2013} 👩\u{200d}🔬"), "é 数 \u{645}\u{2013} 👩\u{200d}🔬", "and nothing else");
        assert_eq!(escaped("a\n\tb\x07", true), "a\n\tb\\u{7}");
    }

    #[test]
    fn utf_16_is_text_too() {
        let text = "label,é\n";
        let bytes = |mark: [u8; 2], unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            mark.into_iter().chain(text.encode_utf16().flat_map(unit)).collect()
        };
        for encoded in [bytes([0xff, 0xfe], u16::to_le_bytes), bytes([0xfe, 0xff], u16::to_be_bytes)] {
            assert_eq!(utf8(&encoded), text.as_bytes());
            assert_eq!(utf8(&encoded[..5]), &encoded[..5], "half a sign is no text");
        }
        assert_eq!(utf8(text.as_bytes()), text.as_bytes());
    }

    #[test]
    fn misspelt_names_are_recognised() {
        let known = ["outline", "seven-segment", "bold", "thin"];
        for (name, meant) in
            [("outlne", "outline"), ("Outline", "outline"), ("blod", "bold"), ("sevensegment", "seven-segment")]
        {
            assert_eq!(nearest(name, known), Some(meant));
        }
        assert_eq!(nearest("photographs", known), None);
        assert_eq!((nearest("b", known), nearest("x", ["7"])), (None, None));
        assert_eq!(did_you_mean("thn", known), "; did you mean thin?");
    }
}
