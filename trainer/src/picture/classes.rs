//! A sheet of pictures by class, with the classes' names: for two classes or four hundred. Tests: here.

use super::canvas::Canvas;
use super::font;

const PAPER: u8 = 38;
const INK: u8 = 190;
/// Pixels between pictures.
const GUTTER: usize = 2;
/// A sheet's width, about, in pixels: that of a screen's window.
const WIDTH: usize = 1200;
/// Its height, about; with very many classes it gets higher.
const HEIGHT: usize = 1600;
/// Classes up to which each has a whole row, its name at the left.
const ROWS: usize = 40;
/// Letters of a name that are shown.
const LETTERS: usize = 24;

/// The pictures of one class.
#[derive(Debug, Clone)]
pub struct ClassTiles {
    /// Its name.
    pub name: String,
    /// `size * size` grey values each, or three times as many in colour.
    pub tiles: Vec<Vec<u8>>,
}

/// Most pictures of a class that fit on the sheet.
pub fn tiles_per_class(size: usize, classes: usize) -> usize {
    let cell = size * scale(size) + GUTTER;
    match classes {
        0..=ROWS => ((WIDTH - 200) / cell).clamp(1, 20),
        // Blocks of classes side by side: as many pictures as keep the sheet about as high as wide.
        _ => {
            let cells = (WIDTH / cell).max(1) * (HEIGHT / (cell + font::HEIGHT * 2 + 4)).max(1);
            (cells / classes).clamp(2, 8)
        }
    }
}

/// Small pictures are enlarged.
fn scale(size: usize) -> usize {
    match size {
        0..=40 => 2,
        _ => 1,
    }
}

/// A name that fits and that the font has; otherwise the number of the class, from 0.
fn label(name: &str, index: usize, letters: usize) -> String {
    if name.is_empty() || name.chars().any(|letter| !font::has(letter)) {
        return format!("#{index}");
    }
    match name.chars().count() > letters {
        true => name.chars().take(letters.saturating_sub(2)).chain("..".chars()).collect(),
        false => name.to_owned(),
    }
}

/// Draws the sheet: a row for each class, its name before it; or, of many classes, blocks with the name above.
pub fn class_sheet(size: usize, classes: &[ClassTiles]) -> Canvas {
    let scale = scale(size);
    let cell = size * scale + GUTTER;
    let most = classes.iter().map(|class| class.tiles.len()).max().unwrap_or(0).max(1);
    let in_rows = classes.len() <= ROWS;
    let text = 2;
    let labels: Vec<String> = classes
        .iter()
        .enumerate()
        .map(|(index, class)| {
            let letters = if in_rows { LETTERS } else { most * cell / (font::ADVANCE * text) };
            label(&class.name, index, letters)
        })
        .collect();
    let name_width = labels.iter().map(|label| font::width(label) * text).max().unwrap_or(0);
    // A block: where its pictures begin, and its size.
    let (left, top) = if in_rows { (name_width + 4 * text, 0) } else { (0, (font::HEIGHT + 2) * text) };
    let (width, height) = (left + most * cell + GUTTER, top + cell.max(font::HEIGHT * text) + GUTTER);
    let columns = if in_rows { 1 } else { (WIDTH / (width + 4)).max(1) };
    let step = width + if in_rows { 0 } else { 4 };
    let rows = classes.len().div_ceil(columns).max(1);
    let mut canvas = Canvas::new(columns * step + GUTTER, rows * height + GUTTER, PAPER);
    for (index, (class, label)) in classes.iter().zip(&labels).enumerate() {
        let (x, y) = (index % columns * step, index / columns * height);
        let (name_x, name_y) = match in_rows {
            true => (
                x + left - 2 * text - font::width(label) * text,
                y + GUTTER + (cell.saturating_sub(font::HEIGHT * text)) / 2,
            ),
            false => (x + GUTTER, y + text),
        };
        canvas.write(label, name_x, name_y, text, INK);
        for (at, tile) in class.tiles.iter().enumerate() {
            canvas.put(tile, size, x + left + GUTTER + at * cell, y + top + GUTTER, scale);
        }
    }
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(count: usize, name: &dyn Fn(usize) -> String) -> Vec<ClassTiles> {
        let tiles = vec![vec![255; 28 * 28]; tiles_per_class(28, count)];
        (0..count).map(|index| ClassTiles { name: name(index), tiles: tiles.clone() }).collect()
    }

    #[test]
    fn a_sheet_is_of_a_sensible_size_for_few_classes_and_for_many() {
        for (count, per_class) in [(1, 10..=20), (10, 10..=20), (40, 10..=20), (62, 4..=8), (400, 2..=2)] {
            let all = classes(count, &|index| {
                format!("class {index} with a very long name indeed, longer than its pictures")
            });
            assert!(per_class.contains(&all[0].tiles.len()), "{count}: {}", all[0].tiles.len());
            let sheet = class_sheet(28, &all);
            assert!((300..=1400).contains(&sheet.width()), "{count}: {}", sheet.width());
            assert!(sheet.height() <= 3400, "{count}: {}", sheet.height());
            let white = sheet.pixels().iter().filter(|&&level| level == 255).count();
            assert_eq!(white, count * all[0].tiles.len() * 56 * 56, "every picture is there");
        }
        assert!(class_sheet(28, &[]).height() < 100, "nothing is drawn, and nothing goes wrong");
    }

    #[test]
    fn names_that_the_font_lacks_are_numbers() {
        assert_eq!([label("Leaf_2", 0, 24), label("数", 7, 24), label("", 8, 24)], ["Leaf_2", "#7", "#8"]);
        assert_eq!(label("a-long-name", 0, 6), "a-lo..");
    }
}
