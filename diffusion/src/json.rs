//! JSON as the tools of the field write it. Python's `json` module goes beyond RFC 8259: it writes `NaN`, `Infinity` and
//! `-Infinity` (diffusers: `"lambda_min_clipped": -Infinity`), and halves of surrogate pairs as `\ud800`. Editors on
//! Windows put a byte order mark in front. Of equal keys the last counts, as in Python.
//!
//! Tests: `tests/it/json.rs`.

use serde_json::{Error as Syntax, Value};

use crate::error::{ConfigError, Error, NOT_FINITE, Result, shown};

/// Reads a file of which every number must be finite.
///
/// # Errors
/// [`Error::Json`] where it is no JSON, [`Error::Config`] with the key of a number that is not finite.
pub fn read(file: &'static str, text: &str) -> Result<Value> {
    let json = read_any_number(file, text)?;
    match not_finite(&json, "") {
        None => Ok(json),
        Some((key, found)) => Err(Error::Config { file, source: ConfigError::value(&key, "a finite number", found) }),
    }
}

/// Reads a file in which numbers may be infinite. Such a number is no number to serde_json, so who needs a finite one
/// finds none; [`number`] tells which it is.
///
/// # Errors
/// [`Error::Json`] where it is no JSON.
pub fn read_any_number(file: &'static str, text: &str) -> Result<Value> {
    // What serde_json takes as it is, is almost every file.
    serde_json::from_str(text).or_else(|_| serde_json::from_str(&standard(text))).map_err(json_error(file))
}

/// For those who read the text by themselves: spelled so that serde_json takes it, with numbers that are not finite as
/// strings that nothing else is.
pub fn standard(text: &str) -> String {
    let mut rest = text.trim_start_matches('\u{feff}');
    let mut spelled = String::with_capacity(rest.len());
    let mut in_string = false;
    while let Some(first) = rest.chars().next() {
        let (length, instead) = match first {
            '\\' if in_string => escape(rest),
            _ if in_string => (first.len_utf8(), None),
            _ => word(rest, first),
        };
        in_string ^= first == '"';
        let (token, after) = rest.split_at(length);
        spelled.push_str(instead.as_deref().unwrap_or(token));
        rest = after;
    }
    spelled
}

/// Length of the escape that the text begins with; half a surrogate pair is no character, and becomes U+FFFD.
fn escape(text: &str) -> (usize, Option<String>) {
    let unit = |at: usize| match text.get(at..at + 2) {
        Some("\\u") => text.get(at + 2..at + 6).and_then(|digits| u16::from_str_radix(digits, 16).ok()),
        _ => None,
    };
    match (unit(0), unit(6)) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, None),
        (Some(0xd800..=0xdfff), _) => (6, Some("\\ufffd".into())),
        // A backslash and what it escapes; a text may end after the backslash.
        _ => (1 + text[1..].chars().next().map_or(0, char::len_utf8), None),
    }
}

/// Length of the number or word that the text begins with outside of strings, and what is written in its place.
fn word(text: &str, first: char) -> (usize, Option<String>) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(text.len());
    let word = &text[..end];
    // A number as JSON writes it, and yet too large for an f64: infinite, as Python reads it.
    let too_large = || is_number(word) && serde_json::from_str::<Value>(word).is_err();
    match word {
        "" => (first.len_utf8(), None),
        "NaN" | "Infinity" | "-Infinity" => (end, Some(format!("\"{NOT_FINITE}{word}\""))),
        _ if word.ends_with(|c: char| c.is_ascii_digit()) && too_large() => {
            (end, Some(format!("\"{NOT_FINITE}{word}\"")))
        }
        _ => (end, None),
    }
}

/// Whether it is a number by JSON's grammar, however large.
fn is_number(word: &str) -> bool {
    // How many digits a text begins with.
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let word = word.strip_prefix('-').unwrap_or(word);
    let (whole, mut rest) = word.split_at(digits(word));
    if whole.is_empty() || whole.len() > 1 && whole.starts_with('0') {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
    }
}

/// The value as a number, infinite ones and NaN included.
pub fn number(value: &Value) -> Option<f64> {
    match value.as_str().and_then(|text| text.strip_prefix(NOT_FINITE)) {
        None => value.as_f64(),
        Some("NaN") => Some(f64::NAN),
        Some(text) if text.starts_with('-') => Some(f64::NEG_INFINITY),
        Some(_) => Some(f64::INFINITY),
    }
}

/// Calls `found` with the keys of objects that stand in the object of a text, and the keys that those stand by, in the order
/// of the text, which [`Value`] does not keep. The text is JSON, see [`standard`].
pub(crate) fn inner_keys(text: &str, found: &mut dyn FnMut(&str, &str)) {
    let (mut rest, mut depth, mut outer) = (text, 0, String::new());
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        match first {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            '"' => {
                length = string(rest);
                let is_key = rest[length..].trim_start().starts_with(':');
                let key = serde_json::from_str::<Value>(&rest[..length]).ok().filter(|_| is_key);
                match (depth, key) {
                    (1, Some(Value::String(key))) => outer = key,
                    (2, Some(Value::String(key))) => found(&outer, &key),
                    _ => {}
                }
            }
            _ => {}
        }
        rest = &rest[length..];
    }
}

/// Length of the string that the text begins with, with its quotes.
fn string(text: &str) -> usize {
    let mut escaped = true; // the first quote ends nothing
    let end = text.find(|c: char| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 1)
}

/// The text of some JSON without spaces, as Python's `json.dumps(…, indent=2)` has it.
pub(crate) fn indented(text: &str) -> String {
    let (mut rest, mut depth, mut indented) = (text, 0, String::new());
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' { string(rest) } else { first.len_utf8() };
        let (token, after) = rest.split_at(length);
        let is_empty = matches!(rest.get(..2), Some("{}" | "[]"));
        if matches!(first, '}' | ']') {
            depth -= 1;
            if !indented.ends_with(['{', '[']) {
                indented += &format!("\n{}", "  ".repeat(depth));
            }
        }
        indented += token;
        depth += usize::from(matches!(first, '{' | '['));
        match first {
            '{' | '[' | ',' if !is_empty => indented += &format!("\n{}", "  ".repeat(depth)),
            ':' => indented += " ",
            _ => {}
        }
        rest = after;
    }
    indented
}

/// As it stood in the file, if it is a number that is not finite.
pub(crate) fn as_written(value: &Value) -> Option<&str> {
    value.as_str().and_then(|text| text.strip_prefix(NOT_FINITE))
}

/// Key of the first number that is not finite, and how it was written.
fn not_finite(value: &Value, key: &str) -> Option<(String, String)> {
    let within = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| not_finite(value, &within(name))),
        Value::Array(items) => items.iter().find_map(|item| not_finite(item, key)),
        _ => as_written(value).map(|_| (key.to_owned(), shown(value))),
    }
}

/// For `map_err`, with the name of the file.
pub(crate) fn json_error(file: &'static str) -> impl Fn(Syntax) -> Error {
    move |source| Error::Json { file, source }
}
