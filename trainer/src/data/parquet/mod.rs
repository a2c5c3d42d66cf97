//! Reads pictures with their labels out of Parquet files, as Hugging Face has data sets: a column of encoded pictures (`image`, with
//! `bytes` in it) and one of labels, whose names the file knows. Only what such files use is read. Tests: `parquet/tests.rs`.

mod page;
mod snappy;
mod thrift;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use page::{Cell, MOST_COPIED, column};
use thrift::{Reader, Value};

const MAGIC: &[u8] = b"PAR1";
/// What columns of pictures are called, and of labels, the usual first.
const PICTURES: [&str; 4] = ["image", "img", "picture", "images"];
const LABELS: [&str; 7] = ["label", "labels", "class", "fine_label", "target", "character", "y"];

/// The pictures of a file, row by row.
#[derive(Debug)]
pub struct Rows {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The file of each picture, and its class.
    pub pictures: Vec<(Vec<u8>, u16)>,
}

/// A column: its names from the outermost on, and how many of them may have nothing in a row.
struct Column {
    path: Vec<String>,
    deepest: u32,
    repeated: bool,
}

/// Whether the bytes begin as such a file.
pub fn is_parquet(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Reads a file; the error is what is wrong with it, with the row.
pub fn read(file: &[u8]) -> Result<Rows, String> {
    let damaged = || "it is a Parquet file that is damaged or not whole".to_owned();
    let body = file.strip_suffix(MAGIC).and_then(|rest| rest.split_last_chunk::<4>()).ok_or_else(damaged)?;
    let (body, length) = (body.0, u32::from_le_bytes(*body.1) as usize);
    let footer = body.len().checked_sub(length).and_then(|at| body.get(at..)).ok_or_else(damaged)?;
    let about = Reader::new(footer).structure().ok_or_else(damaged)?;
    let columns = columns(about.list(2)).ok_or_else(damaged)?;
    let find = |names: &[&str], inside: &[&str]| {
        let is = |column: &Column, name: &str| match &column.path[..] {
            [only] => only == name,
            [outer, inner] => outer == name && inside.contains(&inner.as_str()),
            _ => false,
        };
        names.iter().find_map(|name| columns.iter().position(|column| is(column, name)))
    };
    let (Some(pictures), Some(labels)) = (find(&PICTURES, &["bytes"]), find(&LABELS, &[])) else {
        let names: Vec<String> = columns.iter().map(|column| column.path.join(".")).collect();
        return Err(format!(
            "its columns are {}; expected are pictures, image.bytes, and their classes, label",
            names.join(", ")
        ));
    };
    if columns[pictures].repeated || columns[labels].repeated {
        return Err("it has several pictures or labels in a row; one is expected".into());
    }
    let (mut files, mut found, mut left) = (Vec::new(), Vec::new(), MOST_COPIED);
    for group in about.list(4) {
        let mut cells = |at: usize| {
            let chunk = group.list(1).get(at).ok_or_else(damaged)?;
            column(file, chunk, columns[at].deepest, &mut left)
        };
        files.extend(cells(pictures)?);
        found.extend(cells(labels)?);
    }
    if files.len() != found.len() || files.is_empty() {
        return Err(format!("it has {} pictures and {} labels", files.len(), found.len()));
    }
    let named = names(&about, &columns[labels].path[0]);
    let (classes, labels) = classes(&found, named)?;
    let picture = |(row, (cell, label)): (usize, (Cell, u16))| match cell {
        Cell::Bytes(bytes) => Ok((bytes, label)),
        _ => Err(format!("row {row} (the first is row 0) has no picture in it, only its name perhaps")),
    };
    let pictures = files.into_iter().zip(labels).enumerate().map(picture).collect::<Result<_, _>>()?;
    Ok(Rows { classes, pictures })
}

/// The columns in their order, which the file tells as a tree.
fn columns(schema: &[Value]) -> Option<Vec<Column>> {
    let mut columns = Vec::new();
    // The names around an element, with how many of its neighbours are still to come.
    let mut around: Vec<(String, usize, [bool; 2])> = vec![(String::new(), schema.first()?.count(5)?, [false; 2])];
    for element in schema.get(1..)? {
        while around.last().is_some_and(|(_, left, _)| *left == 0) {
            around.pop();
        }
        around.last_mut()?.1 -= 1;
        let name = element.text(4)?.to_owned();
        let kind = element.number(3).unwrap_or(0);
        around.push((name, element.count(5).unwrap_or(0), [kind == 1, kind == 2]));
        if element.field(1).is_some() {
            let way = &around[1..];
            columns.push(Column {
                path: way.iter().map(|(name, ..)| name.clone()).collect(),
                deepest: way.iter().map(|(.., [optional, repeated])| u32::from(*optional || *repeated)).sum(),
                repeated: way.iter().any(|(.., [_, repeated])| *repeated),
            });
        }
    }
    Some(columns)
}

/// The classes' names, as the library `datasets` writes them.
fn names(about: &Value, label: &str) -> Option<Vec<String>> {
    let told = about.list(5).iter().find(|pair| pair.text(1) == Some("huggingface"))?.text(2)?;
    let json: Json = serde_json::from_str(told).ok()?;
    let names = json["info"]["features"][label]["names"].as_array()?;
    names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Classes, and the index of each row's: those that are named in their order, others by their number or name.
fn classes(cells: &[Cell], named: Option<Vec<String>>) -> Result<(Vec<String>, Vec<u16>), String> {
    let name = |(row, cell): (usize, &Cell)| match (cell, &named) {
        (Cell::Number(number), Some(names)) => {
            let name = usize::try_from(*number).ok().and_then(|at| names.get(at));
            name.cloned().ok_or_else(|| format!("row {row} (the first is row 0) has class {number} of {}", names.len()))
        }
        (Cell::Number(number), None) => Ok(number.to_string()),
        (Cell::Bytes(name), _) => Ok(String::from_utf8_lossy(name).into_owned()),
        (Cell::Null, _) => Err(format!("row {row} (the first is row 0) has no label")),
    };
    let all: Vec<String> = cells.iter().enumerate().map(name).collect::<Result<_, _>>()?;
    // As of folders: numbers in numeric order, then the others; names that the file lists, in its order.
    let place = |name: &str| match &named {
        Some(names) => (names.iter().position(|known| known == name).unwrap_or(names.len()) as u64, name.to_owned()),
        None => (name.parse::<u64>().unwrap_or(u64::MAX), name.to_owned()),
    };
    let mut order: BTreeMap<(u64, String), u16> = all.iter().map(|name| (place(name), 0)).collect();
    if order.len() > usize::from(u16::MAX) {
        return Err(format!("it has {} classes, at most {} are read", order.len(), u16::MAX));
    }
    (0..).zip(order.values_mut()).for_each(|(index, class)| *class = index);
    let labels = all.iter().map(|name| order[&place(name)]).collect();
    Ok((order.into_keys().map(|(_, name)| name).collect(), labels))
}

#[cfg(test)]
mod tests;
