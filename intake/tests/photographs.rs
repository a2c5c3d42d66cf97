//! Photographs of handwriting come out right: each character found where it is, upright, placed by MNIST's rule. The pictures and
//! what is on them are made by `tests/photographs/make.py`.
//!
//! `PHOTOGRAPHS=/path/to/others` measures another set that it made (`others/`, `others.csv`, `others.png`) and says what is wrong
//! with which; `CHARACTERS=file` writes what was found: for each character the row's number, the label, and 28 x 28 bytes.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use intake::{Character, Fit, Ink, Options, Rect, decode, prepare};

const SIDE: usize = 28;
/// Of the forty, as the intake is now; it may only grow.
const LEAST: usize = 40;
/// Correlation with the truth, both softened by a pixel. Another digit of the forty has at most 0.85 (99 of 100 pairs: 0.78), one
/// whose lower third is lost 0.82 in the middle; a line of the paper left in the picture costs as much.
const ALIKE: f64 = 0.85;

struct Row {
    file: String,
    label: String,
    boxes: Vec<Rect>,
    what: String,
}

#[test]
fn photographs_of_handwriting_come_out_right() -> Result<(), Box<dyn Error>> {
    let (set, least) = match env::var_os("PHOTOGRAPHS") {
        Some(set) => (PathBuf::from(set), 0),
        None => (Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/photographs/forty"), LEAST),
    };
    let rows = rows(&set.with_extension("csv"))?;
    let truths = tiles(&set.with_extension("png"))?;
    assert!(truths.len() >= rows.iter().map(|row| row.boxes.len()).sum(), "a tile for each box");
    let (mut right, mut wrong, mut first, mut characters, mut lowest) = (0, Vec::new(), 0, Vec::new(), Vec::new());
    for (number, row) in (0_u16..).zip(&rows) {
        let truth = &truths[first..first + row.boxes.len()];
        first += row.boxes.len();
        let outcome = read(&set.join(&row.file)).map_err(|error| error.to_string()).and_then(|found| {
            for character in &found {
                characters.extend(number.to_le_bytes());
                characters.push(row.label.parse::<u8>().unwrap_or(u8::MAX));
                characters.extend(&character.pixels);
            }
            compare(&found, &row.boxes, truth)
        });
        match outcome {
            Ok(alike) => {
                right += 1;
                lowest.push(alike);
            }
            Err(fault) => wrong.push(format!("{}: {fault} ({})", row.file, row.what)),
        }
    }
    if let Some(path) = env::var_os("CHARACTERS") {
        fs::write(path, characters)?;
    }
    lowest.sort_by(f64::total_cmp);
    println!("{right} of {} are right; the least alike of them: {:.2?}", rows.len(), &lowest[..lowest.len().min(8)]);
    println!("{}", wrong.join("\n"));
    assert!(right >= least, "{right} of {} are right:\n{}", rows.len(), wrong.join("\n"));
    Ok(())
}

fn read(path: &Path) -> Result<Vec<Character>, Box<dyn Error>> {
    let decoded = decode(&fs::read(path)?)?;
    let options = Options { size: SIDE, fit: Fit::Auto, ink: Ink::Auto, one: false };
    let prepared = prepare(&decoded.picture, &options)?;
    match prepared.fit {
        Fit::Mnist => Ok(prepared.characters),
        other => Err(format!("fitted as {other:?}").into()),
    }
}

/// Whether these are the characters of these boxes: how alike the least alike is.
fn compare(found: &[Character], boxes: &[Rect], truths: &[Vec<f64>]) -> Result<f64, String> {
    let mut least = 1.0_f64;
    if found.len() != boxes.len() {
        return Err(format!("{} characters instead of {}", found.len(), boxes.len()));
    }
    for (i, (place, truth)) in boxes.iter().zip(truths).enumerate() {
        let near = found.iter().map(|character| (overlap(&character.from, place), character));
        let (share, character) = near.max_by(|a, b| a.0.total_cmp(&b.0)).ok_or("nothing")?;
        if share < 0.5 {
            return Err(format!(
                "character {i} at {place:?} was found elsewhere ({share:.2} of it at {:?})",
                character.from
            ));
        }
        let pixels: Vec<f64> = character.pixels.iter().map(|&level| f64::from(level)).collect();
        let alike = correlation(&softened(&pixels), &softened(truth));
        if alike < ALIKE {
            return Err(format!("character {i} at {place:?} is like the truth by {alike:.2} only"));
        }
        least = least.min(alike);
    }
    Ok(least)
}

/// Intersection over union, of boxes grown by 3 pixels: thin ones are hit or missed by the width of a blurred edge.
fn overlap(a: &Rect, b: &Rect) -> f64 {
    let ends = |start: usize, length: usize| (start as f64 - 3.0, (start + length) as f64 + 3.0);
    let common = |(a0, a1): (f64, f64), (b0, b1): (f64, f64)| (a1.min(b1) - a0.max(b0)).max(0.0);
    let area = |r: &Rect| (r.width as f64 + 6.0) * (r.height as f64 + 6.0);
    let both = common(ends(a.x, a.width), ends(b.x, b.width)) * common(ends(a.y, a.height), ends(b.y, b.height));
    both / (area(a) + area(b) - both)
}

/// Pearson's correlation at the best of nine places a pixel apart.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let shifts = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
    shifts.map(|(dx, dy)| pearson(a, &moved(b, dx, dy))).fold(-1.0, f64::max)
}

fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(&x, &y)| f(x - mean_a, y - mean_b)).sum::<f64>();
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt().max(1e-9)
}

fn moved(values: &[f64], dx: isize, dy: isize) -> Vec<f64> {
    at(|x, y| level(values, x - dx, y - dy))
}

/// Blurred by a binomial of 5: the pen's width is not what is judged.
fn softened(values: &[f64]) -> Vec<f64> {
    const WEIGHTS: [f64; 5] = [1.0, 4.0, 6.0, 4.0, 1.0];
    let across = at(|x, y| (-2..=2).zip(WEIGHTS).map(|(d, weight)| weight * level(values, x + d, y)).sum());
    at(|x, y| (-2..=2).zip(WEIGHTS).map(|(d, weight)| weight * level(&across, x, y + d)).sum())
}

fn at(value: impl Fn(isize, isize) -> f64) -> Vec<f64> {
    let side = SIDE as isize;
    (0..side * side).map(|i| value(i % side, i / side)).collect()
}

fn level(values: &[f64], x: isize, y: isize) -> f64 {
    let inside = |v: isize| usize::try_from(v).ok().filter(|&v| v < SIDE);
    inside(x).zip(inside(y)).map_or(0.0, |(x, y)| values[y * SIDE + x])
}

fn rows(path: &Path) -> Result<Vec<Row>, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    text.lines().skip(1).map(row).collect()
}

fn row(line: &str) -> Result<Row, Box<dyn Error>> {
    let [file, label, _, boxes, what] = line.split(',').collect::<Vec<_>>()[..] else {
        return Err(format!("not five columns: {line}").into());
    };
    let boxes = boxes.split(';').map(rectangle).collect::<Result<_, _>>()?;
    Ok(Row { file: file.into(), label: label.into(), boxes, what: what.into() })
}

fn rectangle(text: &str) -> Result<Rect, Box<dyn Error>> {
    let numbers = text.split(' ').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    let [x, y, width, height] = numbers[..] else {
        return Err(format!("not a box: {text}").into());
    };
    Ok(Rect { x, y, width, height })
}

/// The truth: tiles of 28 x 28, row by row.
fn tiles(path: &Path) -> Result<Vec<Vec<f64>>, Box<dyn Error>> {
    let picture = decode(&fs::read(path)?)?.picture;
    let (across, down) = (picture.width() / SIDE, picture.height() / SIDE);
    let pixel = |x: usize, y: usize| f64::from(picture.rgba()[4 * (y * picture.width() + x)]);
    let tile = |i: usize| {
        (0..SIDE * SIDE).map(|p| pixel(i % across * SIDE + p % SIDE, i / across * SIDE + p / SIDE)).collect()
    };
    Ok((0..across * down).map(tile).collect())
}
