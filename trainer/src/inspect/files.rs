//! Files that are no weights: pictures, data sets, configurations, and what is of no use here. Tests: here.

use std::io::{Cursor, Read};
use std::path::Path;

use diffusion::foreign::ForeignFile;
use flate2::read::{GzDecoder, ZlibDecoder};
use intake::{Format, decode};
use serde_json::Value;

use super::facts::Facts;
use crate::data::idx::Idx;
use crate::data::{csv, kinds};
use crate::store::sha256;
use crate::text::utf8;

/// Bytes that are unpacked to see what they are.
const MOST_UNPACKED: u64 = 256 << 20;
/// Characters of a text or list that are shown.
const MOST_SHOWN: usize = 200;

type List = Vec<(&'static str, String)>;

/// What the file is; of any bytes something can be said.
pub(super) fn file(path: &Path, bytes: &[u8]) -> Facts {
    let (kind, mut facts) = recognize(path, bytes);
    facts.push(("bytes", format!("{}, sha256 {}", bytes.len(), sha256(bytes))));
    Facts { kind, facts, modules: vec![], unused: vec![] }
}

fn recognize(path: &Path, bytes: &[u8]) -> (&'static str, List) {
    if let Some(format) = Format::of(bytes) {
        return picture(format, bytes);
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return packed(path, bytes);
    }
    if let [0, 0, 8..=14, 1..=4, ..] = bytes {
        return match Idx::parse(bytes.to_vec()) {
            Ok(idx) => ("IDX file, for --data", vec![("holds", idx.described())]),
            Err(reason) => ("IDX file that cannot be used", vec![("reason", reason)]),
        };
    }
    if bytes.starts_with(b"PK\x03\x04")
        && let Some(facts) = archive(bytes)
    {
        return ("zip archive", facts);
    }
    match ForeignFile::recognize(bytes) {
        Some(ForeignFile::Json) | None => {}
        // Its words tell what to do where weights are wanted.
        Some(what) => return ("no file of this program", vec![("what", what.to_string())]),
    }
    if let Some(what) = kinds::packed(bytes).or_else(|| kinds::other(bytes)) {
        return ("no file of this program", vec![("what", what)]);
    }
    let text = utf8(bytes);
    match std::str::from_utf8(&text) {
        Ok(text) if !text.contains('\0') => written(path, text.trim_start_matches('\u{feff}')),
        _ => ("file of no known kind", vec![("begins with", hex(&bytes[..bytes.len().min(16)]))]),
    }
}

fn picture(format: Format, bytes: &[u8]) -> (&'static str, List) {
    let mut facts = vec![("format", format.name().to_owned())];
    match decode(bytes) {
        Ok(decoded) => {
            facts.push(("size", format!("{} x {}", decoded.picture.width(), decoded.picture.height())));
            let notes = [
                (decoded.turned, "turned as its metadata says"),
                (decoded.deep, "more than 8 bits a value"),
                (decoded.several, "the first of several pictures is what is read"),
            ];
            let notes: Vec<&str> = notes.into_iter().filter(|(is, _)| *is).map(|(_, note)| note).collect();
            if !notes.is_empty() {
                facts.push(("note", notes.join("; ")));
            }
        }
        Err(reason) => facts.push(("not readable", reason.to_string())),
    }
    if format == Format::Gif {
        facts.extend(frames(bytes).map(|frames| ("frames", frames)));
    }
    match settings(bytes) {
        Some(settings) => {
            facts.push(("settings", shortened(&settings)));
            ("picture that the page saved", facts)
        }
        None => ("picture", facts),
    }
}

/// Number and length of a GIF's frames.
fn frames(bytes: &[u8]) -> Option<String> {
    let mut options = gif::DecodeOptions::new();
    options.skip_frame_decoding(true);
    let mut reader = options.read_info(Cursor::new(bytes)).ok()?;
    let (mut count, mut hundredths) = (0, 0);
    while let Ok(Some(frame)) = reader.read_next_frame() {
        count += 1;
        hundredths += u64::from(frame.delay);
    }
    Some(format!("{count}, {:.1} seconds", hundredths as f64 / 100.0))
}

/// The settings that the page writes into a PNG file: a text under its keyword, in any of PNG's three kinds of text (`docs/formats.md`).
fn settings(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    while let Some((head, after)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let data = after.get(..length)?;
        rest = after.get(length + 4..)?;
        let Some(end) = data.iter().position(|&byte| byte == 0) else { continue };
        let (keyword, text) = (&data[..end], &data[end + 1..]);
        if !matches!(keyword, b"digit-diffusion" | b"Digit Diffusion" | b"Digit") {
            continue;
        }
        let text = match &head[4..] {
            b"tEXt" => text.to_vec(),
            b"zTXt" => unpacked(ZlibDecoder::new(text.get(1..)?)),
            // Packed or not, method, language, translated keyword, text.
            b"iTXt" => {
                let words = text.get(2..)?.splitn(3, |&byte| byte == 0).nth(2)?;
                if text[0] == 1 { unpacked(ZlibDecoder::new(words)) } else { words.to_vec() }
            }
            _ => continue,
        };
        return Some(String::from_utf8_lossy(&text).into_owned());
    }
    None
}

/// As much as can be unpacked.
fn unpacked(reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What is broken off is still something to look at.
    let _ = reader.take(MOST_UNPACKED).read_to_end(&mut bytes);
    bytes
}

fn packed(path: &Path, bytes: &[u8]) -> (&'static str, List) {
    let inner = unpacked(GzDecoder::new(bytes));
    let (kind, mut facts) = match inner.starts_with(&[0x1f, 0x8b]) {
        true => ("gzip file", vec![]),
        false => recognize(&path.with_extension(""), &inner),
    };
    facts.insert(0, ("packed", format!("with gzip, {} bytes unpacked", inner.len())));
    (kind, facts)
}

fn archive(bytes: &[u8]) -> Option<List> {
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let names: Vec<String> = archive.file_names().flatten().map(|name| name.into_owned()).collect();
    if names.iter().any(|name| name.ends_with("data.pkl")) {
        return None;
    }
    Some(vec![("files", names.len().to_string()), ("names", shortened(&names.join(", ")))])
}

/// Text: JSON, lines of it, TOML, a table, or anything else.
fn written(path: &Path, text: &str) -> (&'static str, List) {
    let extension = path.extension().unwrap_or_default();
    let is_step = |line: &Value| !line["step"].is_null() && !line["loss"].is_null();
    if let Ok(json) = serde_json::from_str::<Value>(text)
        && !is_step(&json)
    {
        return configuration(&json);
    }
    let last = text.lines().rfind(|line| !line.is_empty()).and_then(|line| serde_json::from_str::<Value>(line).ok());
    if let Some(last) = last.filter(Value::is_object) {
        let mut facts = vec![("lines", text.lines().count().to_string())];
        let is_run = is_step(&last);
        facts.extend(is_run.then(|| ("last", format!("step {}, loss {}", last["step"], last["loss"]))));
        return (if is_run { "metrics of a run" } else { "lines of JSON" }, facts);
    }
    if let Ok(table) = toml::from_str::<toml::Table>(text)
        && extension == "toml"
    {
        let sections: Vec<&str> = table.keys().map(String::as_str).collect();
        let ours = ["run", "model", "lora", "turbo", "train"];
        let is_run = !sections.is_empty() && sections.iter().all(|section| ours.contains(section));
        let kind = if is_run { "settings of a run, for --config" } else { "TOML file" };
        return (kind, vec![("sections", shortened(&sections.join(", ")))]);
    }
    if csv::is_table(text.as_bytes()) {
        return match csv::read(text.as_bytes()) {
            Ok(table) => ("table of pictures (CSV), for --data", {
                let pictures = format!("{} of {1} x {1} pixels", table.labels.len(), table.width);
                vec![("pictures", pictures), ("classes", shortened(&table.class_names.join(", ")))]
            }),
            Err(reason) => ("table (CSV) that cannot be used", vec![("reason", reason)]),
        };
    }
    let lines = text.lines().count();
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    ("text file", vec![("lines", lines.to_string()), ("first", shortened(first))])
}

/// A JSON file of this program, of diffusers or of PEFT.
fn configuration(json: &Value) -> (&'static str, List) {
    let word = |value: &Value| match value {
        Value::String(text) => shortened(text),
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().map(|item| item.as_str().map_or(item.to_string(), str::to_owned)).collect();
            shortened(&items.join(", "))
        }
        other => shortened(&other.to_string()),
    };
    let has = |key: &str| json.get(key).is_some();
    let named = |keys: &[(&'static str, &Value)]| -> List {
        keys.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (*name, word(value))).collect()
    };
    if has("base") && has("adapters") {
        let base = &json["base"];
        let adapters = json["adapters"].as_array().into_iter().flatten();
        let names: Vec<&str> = adapters.filter_map(|adapter| adapter["name"].as_str()).collect();
        let mut facts = named(&[("title", &base["title"]), ("classes", &base["labels"])]);
        facts.push(("adapters", shortened(&names.join(", "))));
        return ("manifest of the page's models, written by `trainer export`", facts);
    }
    if has("peft_type") {
        let facts = [
            ("kind", &json["peft_type"]),
            ("rank", &json["r"]),
            ("alpha", &json["lora_alpha"]),
            ("targets", &json["target_modules"]),
        ];
        return ("configuration of a PEFT adapter; its folder says more", named(&facts));
    }
    if has("_class_name") {
        let facts = [("class", &json["_class_name"]), ("diffusers", &json["_diffusers_version"])];
        return ("configuration of diffusers; its folder says more", named(&facts));
    }
    if let Some(map) = json["weight_map"].as_object() {
        let files: std::collections::BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
        let files: Vec<&str> = files.into_iter().collect();
        return (
            "index of weights in shards; its folder says more",
            vec![("tensors", map.len().to_string()), ("files", shortened(&files.join(", ")))],
        );
    }
    if has("labels") && has("image_size") {
        return (
            "description of a base; its folder says more",
            named(&[("classes", &json["labels"]), ("side", &json["image_size"])]),
        );
    }
    let keys = match json {
        Value::Object(fields) => vec![("keys", shortened(&fields.keys().cloned().collect::<Vec<_>>().join(", ")))],
        Value::Array(items) => vec![("items", items.len().to_string())],
        value => vec![("value", shortened(&value.to_string()))],
    };
    ("JSON file", keys)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn told(name: &str, bytes: &[u8]) -> (&'static str, String) {
        let Facts { kind, facts, .. } = file(Path::new(name), bytes);
        (kind, facts.into_iter().map(|(name, value)| format!("{name}: {value}\n")).collect())
    }

    #[test]
    fn a_file_is_what_its_bytes_say() {
        let idx = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1][..], &[7, 9]].concat();
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&idx).unwrap();
        let row = format!("3{}\n", ",0".repeat(16));
        let cases: [(&str, &[u8], &str, &str); 13] = [
            ("a", &idx, "IDX file, for --data", "2 x 1 x 1 unsigned bytes"),
            ("a.gz", &packer.finish().unwrap(), "IDX file, for --data", "with gzip, 18 bytes"),
            ("b", &idx[..9], "IDX file that cannot be used", "ends within"),
            ("c.csv", row.as_bytes(), "table of pictures (CSV), for --data", "1 of 4 x 4"),
            ("config.toml", b"[train]\nlr = 1.0\n", "settings of a run, for --config", "train"),
            (
                "m",
                b"{\"step\":10,\"loss\":0.5}\n{\"step\":20,\"loss\":0.25}\n",
                "metrics of a run",
                "step 20, loss 0.25",
            ),
            ("j", br#"{"peft_type":"LORA","r":4}"#, "configuration of a PEFT adapter; its folder says more", "rank: 4"),
            ("k", b"[1, 2]", "JSON file", "items: 2"),
            ("t", b"hello\nyou\n", "text file", "first: hello"),
            ("u", b"\x01\x02\xff\0\xee", "file of no known kind", "01 02 ff 00 ee"),
            ("e", b"", "no file of this program", "empty"),
            ("l", b"version https://git-lfs.github.com/spec/v1\n", "no file of this program", "git lfs pull"),
            ("n", b"\x93NUMPY\x01\0", "no file of this program", "NumPy"),
        ];
        for (name, bytes, kind, fact) in cases {
            let (found, facts) = told(name, bytes);
            assert!(found == kind && facts.contains(fact), "{name}: {found}: {facts}");
        }
    }

    #[test]
    fn pictures_tell_their_size_and_their_settings() {
        let png = crate::picture::Canvas::new(5, 3, 0).to_png().unwrap();
        let (kind, facts) = told("a", &png);
        assert!(kind == "picture" && facts.contains("format: PNG") && facts.contains("size: 5 x 3"), "{facts}");
        let chunk = |kind: &[u8], data: &[u8]| {
            let sum = crc32fast(&[kind, data].concat());
            [&(data.len() as u32).to_be_bytes()[..], kind, data, &sum.to_be_bytes()].concat()
        };
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"label=7&seed=42").unwrap();
        let packed = packer.finish().unwrap();
        let texts = [
            chunk(b"tEXt", b"digit-diffusion\0label=7&seed=42"),
            chunk(b"zTXt", &[b"Digit\0\0", &packed[..]].concat()),
            chunk(b"iTXt", b"Digit Diffusion\0\0\0en\0\0label=7&seed=42"),
            chunk(b"iTXt", &[b"digit-diffusion\0\x01\0\0\0", &packed[..]].concat()),
        ];
        for text in texts {
            // Behind the header, which has 25 bytes.
            let saved = [&png[..33], &text, &png[33..]].concat();
            let (kind, facts) = told("a", &saved);
            assert!(kind == "picture that the page saved" && facts.contains("settings: label=7&seed=42"), "{facts}");
        }
        let (kind, facts) = told("a", &png[..40]);
        assert!(kind == "picture" && facts.contains("not readable"), "{facts}");
    }

    /// PNG's checksum, bit by bit.
    fn crc32fast(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |sum, &byte| {
            (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 * (sum & 1)))
        })
    }
}
