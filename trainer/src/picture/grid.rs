//! A sheet of samples: tiles in rows and columns, with gutters and, where wanted, names in the margins. Tests: here.

use super::canvas::Canvas;
use super::font;

const PAPER: u8 = 38;
const INK: u8 = 190;

/// How a sheet of tiles looks.
#[derive(Debug, Clone)]
pub struct Grid {
    size: usize,
    columns: usize,
    scale: usize,
    gutter: usize,
    row_labels: Vec<String>,
    column_labels: Vec<String>,
}

impl Grid {
    /// Tiles of `size * size` pixels, `columns` in a row, at twice their size, 2 pixels apart.
    pub fn new(size: usize, columns: usize) -> Self {
        Self { size, columns: columns.max(1), scale: 2, gutter: 2, row_labels: Vec::new(), column_labels: Vec::new() }
    }

    /// Enlarges every pixel of a tile to `scale * scale`.
    pub fn scale(self, scale: usize) -> Self {
        Self { scale: scale.max(1), ..self }
    }

    /// Pixels between the tiles and around them.
    pub fn gutter(self, gutter: usize) -> Self {
        Self { gutter, ..self }
    }

    /// Names to the left of the rows.
    pub fn row_labels(self, labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { row_labels: labels.into_iter().map(Into::into).collect(), ..self }
    }

    /// Names above the columns.
    pub fn column_labels(self, labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { column_labels: labels.into_iter().map(Into::into).collect(), ..self }
    }

    /// Draws the tiles, row by row.
    pub fn draw<T: AsRef<[u8]>>(&self, tiles: &[T]) -> Canvas {
        let text_scale = self.scale.min(3);
        let cell = self.size * self.scale + self.gutter;
        let left = match self.row_labels.iter().map(|label| font::width(label)).max() {
            Some(dots) => (dots + 4) * text_scale,
            None => 0,
        };
        let top = if self.column_labels.is_empty() { 0 } else { (font::HEIGHT + 3) * text_scale };
        let rows = tiles.len().div_ceil(self.columns);
        let width = left + self.columns * cell + self.gutter;
        let height = top + rows * cell + self.gutter;
        let mut canvas = Canvas::new(width, height, PAPER);

        for (i, tile) in tiles.iter().enumerate() {
            let x = left + self.gutter + i % self.columns * cell;
            let y = top + self.gutter + i / self.columns * cell;
            canvas.put(tile.as_ref(), self.size, x, y, self.scale);
        }
        for (row, label) in self.row_labels.iter().enumerate().take(rows) {
            let x = left - (font::width(label) + 2) * text_scale;
            let middle = top + self.gutter + row * cell + self.size * self.scale / 2;
            let y = middle.saturating_sub(font::HEIGHT * text_scale / 2);
            canvas.write(label, x, y, text_scale, INK);
        }
        let widest = self.column_labels.iter().map(|label| font::width(label)).max().unwrap_or(0);
        let text_scale = ((cell - 1) / (widest + 1)).clamp(1, text_scale);
        for (column, label) in self.column_labels.iter().enumerate().take(self.columns) {
            let middle = left + self.gutter + column * cell + self.size * self.scale / 2;
            let x = middle.saturating_sub(font::width(label) * text_scale / 2);
            canvas.write(label, x, 2 * text_scale, text_scale, INK);
        }
        canvas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_stand_where_rows_and_columns_say() {
        let tiles: Vec<Vec<u8>> = (1..=5).map(|i| vec![i * 40; 16]).collect();
        let sheet = Grid::new(4, 3).scale(2).gutter(1).draw(&tiles);
        assert_eq!((sheet.width(), sheet.height()), (3 * 9 + 1, 2 * 9 + 1));
        let at = |x: usize, y: usize| sheet.pixels()[y * sheet.width() + x];
        assert_eq!([at(1, 1), at(8, 8), at(10, 1), at(19, 8), at(1, 10), at(18, 18)], [40, 40, 80, 120, 160, PAPER]);
        assert_eq!([at(0, 0), at(9, 5), at(20, 12)], [PAPER; 3]);
    }

    #[test]
    fn labels_get_a_margin_of_their_own() {
        let tiles = vec![vec![0u8; 16]; 4];
        let bare = Grid::new(4, 2).draw(&tiles);
        let named = Grid::new(4, 2).row_labels(["7", "outline"]).column_labels(["a", "b"]).draw(&tiles);
        assert!(named.width() > bare.width() + 7 * 4 && named.height() > bare.height());
        let inked = named.pixels().iter().filter(|&&p| p == INK).count();
        assert!(inked > 100, "{inked}");
    }

    #[test]
    fn no_tiles_make_an_empty_sheet() {
        let none: [Vec<u8>; 0] = [];
        assert_eq!(Grid::new(28, 10).row_labels(["0"]).draw(&none).height(), 2);
    }
}
