//! Reads a table of pictures as Kaggle and OpenML offer them: a row for each, its label and its pixels from 0 to 255, with or
//! without a line of headings. Tests: here.

use std::collections::BTreeMap;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::names::composed;
use super::raw::Raw;
use crate::text::utf8;

/// Headings of the column with the labels.
const LABELS: [&str; 6] = ["label", "labels", "class", "target", "y", "character"];
/// Fewest pixels that are taken for a picture.
const FEWEST: usize = 16;

/// Whether the bytes begin as such a table does: a line of text with many fields.
pub fn is_table(bytes: &[u8]) -> bool {
    let bytes = &*utf8(bytes);
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let text = std::str::from_utf8(line);
    text.is_ok_and(|line| line.split(separator(line)).count() > FEWEST && !line.contains('\0'))
}

/// What stands between the fields of a line.
fn separator(line: &str) -> char {
    [',', ';', '\t'].into_iter().find(|sign| line.contains(*sign)).unwrap_or(',')
}

/// Reads the table; the error is what is wrong, with the line.
pub fn read(bytes: &[u8]) -> Result<Raw, String> {
    let bytes = utf8(bytes);
    let text = std::str::from_utf8(&bytes).map_err(|error| format!("it is no text in UTF-8: {error}"))?;
    let text = text.trim_start_matches('\u{feff}');
    let between = separator(text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default());
    let mut reader = ReaderBuilder::new()
        .delimiter(between as u8)
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let mut rows = reader.records().peekable();
    let told = |error: &csv::Error| format!("it is no table: {error}");
    let first = match rows.peek() {
        None => return Err("it is empty".into()),
        Some(row) => row.as_ref().map_err(told)?.clone(),
    };
    let columns = first.len();
    // A class may be a word, but not a pixel. Where only the label has a name, pixels may be numbered.
    let named = first.iter().position(|field| LABELS.contains(&field.to_lowercase().as_str()));
    let numbers = || first.iter().enumerate().filter(|(column, _)| Some(*column) != named).map(|(_, field)| field);
    let counted = |from: usize| numbers().zip(from..).all(|(field, number)| field == number.to_string());
    let headings = first.iter().filter(|field| field.parse::<f32>().is_err()).count() > 1
        || named.is_some() && (counted(0) || counted(1));
    if headings {
        rows.next();
    }
    let size = columns.saturating_sub(1).isqrt();
    if headings && named.is_none() && columns.isqrt().pow(2) == columns {
        return Err(format!("its headings name no label beside {columns} pixels; give the table with labels"));
    }
    if size * size != columns - 1 || columns <= FEWEST {
        return Err(format!(
            "its rows have {columns} columns; expected are a label and the pixels of a square picture"
        ));
    }
    let label_column = named.filter(|_| headings).unwrap_or(0);
    let (mut values, mut labels) = (Vec::<f32>::new(), Vec::new());
    for row in rows {
        let row: StringRecord = row.map_err(|error| told(&error))?;
        let line = row.position().map_or(0, csv::Position::line);
        let at = |reason: String| format!("line {line}: {reason}");
        if row.len() != columns {
            return Err(at(format!("{} columns, the first line has {columns}", row.len())));
        }
        for (column, field) in row.iter().enumerate() {
            if column == label_column {
                labels.push(class(field));
                continue;
            }
            let value = field.parse::<f32>().ok().filter(|value| (0.0..=255.0).contains(value));
            values.push(value.ok_or_else(|| at(format!("\"{field}\" is no level from 0 to 255")))?);
        }
    }
    // Levels between 0 and 1, as networks take them.
    let scaled = values.iter().any(|value| value.fract() != 0.0) && values.iter().all(|&value| value <= 1.0);
    let unit = if scaled { 255.0 } else { 1.0 };
    let pixels = values.into_iter().map(|value| (value * unit).round() as u8).collect();
    let mut classes: BTreeMap<(u64, &str), u16> = labels.iter().map(|name| (order(name), 0)).collect();
    if classes.len() > usize::from(u16::MAX) {
        return Err(format!("it has {} different labels, at most {} are read", classes.len(), u16::MAX));
    }
    if !headings && classes.len() == 1 && labels.len() > 1 {
        return Err(
            "all its rows begin alike, where the label is expected; put a line of headings above them that calls \
                    the column of the labels \"label\""
                .into(),
        );
    }
    (0u16..).zip(classes.values_mut()).for_each(|(index, class)| *class = index);
    let class_names = classes.keys().map(|(_, name)| (*name).to_owned()).collect();
    let labels = labels.iter().map(|name| classes[&order(name)]).collect();
    Ok(Raw { pixels, width: size, height: size, channels: 1, labels, class_names })
}

/// A class's name: 7 also where a table says 7.0.
fn class(field: &str) -> String {
    let whole = field.strip_suffix(".0").filter(|whole| whole.parse::<u64>().is_ok());
    composed(whole.unwrap_or(field))
}

/// Numbers in numeric order, then the others in alphabetical order.
fn order(name: &str) -> (u64, &str) {
    (name.parse().unwrap_or(u64::MAX), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of a 4x4 picture: its label, then 15 zeros and a level.
    fn row(label: &str, level: &str) -> String {
        format!("{label},{}{level}\n", "0,".repeat(15))
    }

    #[test]
    fn tables_with_and_without_headings_are_read() {
        let rows = [row("7", "255"), row("10", "9"), row("7", "1")].concat();
        let heading = format!("label,{}\r\n", (0..16).map(|i| format!("pixel{i}")).collect::<Vec<_>>().join(","));
        for text in [rows.clone(), heading + &rows.replace('\n', "\r\n"), rows.replace(',', ";")] {
            assert!(is_table(text.as_bytes()));
            // As Excel's "Unicode text" has it.
            let utf_16: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
            assert!(is_table(&utf_16));
            assert_eq!(read(&utf_16).unwrap().pixels, read(text.as_bytes()).unwrap().pixels);
            let table = read(text.as_bytes()).unwrap();
            assert_eq!((table.width, &table.labels[..]), (4, &[0, 1, 0][..]));
            assert_eq!(table.class_names, ["7", "10"]);
            assert_eq!((table.pixels.len(), table.pixels[15], table.pixels[31]), (48, 255, 9));
        }
        let numbered = format!("label,{}\n{rows}", (0..16).map(|i| i.to_string()).collect::<Vec<_>>().join(","));
        assert_eq!(read(numbered.as_bytes()).unwrap().class_names, ["7", "10"]);
        assert_eq!(read(row("y", "3").as_bytes()).unwrap().class_names, ["y"], "a letter, not a heading");
        // OpenML puts the class last, and names it.
        let last = format!("{}class\n{}\"a\"\n", "p,".repeat(16), "0.25,".repeat(16));
        let table = read(last.as_bytes()).unwrap();
        assert_eq!((table.pixels[0], table.class_names), (64, vec!["a".to_owned()]), "levels of 0 to 1 are scaled");
    }

    #[test]
    fn damage_is_told_with_its_line() {
        let message = |text: String| read(text.as_bytes()).unwrap_err();
        assert!(message(row("7", "256")).contains("line 1: \"256\" is no level"));
        let last = |label: &str| format!("{}{label}\n", "0,".repeat(16));
        assert!(message(last("7") + &last("3")).contains("begin alike"), "the label stands last");
        assert!(message(row("7", "3") + "7,0,0\n").contains("line 2: 3 columns"));
        assert!(message(format!("7,{}\n", "0,".repeat(20))).contains("22 columns"));
        assert!(message(format!("{}p16\n", "p,".repeat(15))).contains("no label"));
        assert!(!is_table(b"two, words") && !is_table(b"\0\0\x08\x03"));
    }
}
