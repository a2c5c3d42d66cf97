//! Pictures, each beside what was made of it. Tests: here.

use super::canvas::Canvas;
use super::grid::Grid;

/// Columns: four pairs.
const COLUMNS: usize = 8;
/// Pictures from this side on are not enlarged.
const LARGE: usize = 48;

/// A sheet of pictures of `side * side` pixels, each with the one made of it to its right, four pairs in a row.
pub fn pairs(originals: &[Vec<u8>], made: &[Vec<u8>], side: usize) -> Canvas {
    let tiles: Vec<&[u8]> = originals.iter().zip(made).flat_map(|(one, other)| [&one[..], &other[..]]).collect();
    let columns = COLUMNS.min(tiles.len().max(2));
    Grid::new(side, columns).scale(if side < LARGE { 2 } else { 1 }).draw(&tiles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_beside_its_own() {
        let (originals, made) = (vec![vec![10; 16], vec![20; 16]], vec![vec![30; 16], vec![40; 16]]);
        let sheet = pairs(&originals, &made, 4);
        assert_eq!((sheet.width(), sheet.height()), (4 * 10 + 2, 12));
        let row = &sheet.pixels()[5 * sheet.width()..6 * sheet.width()];
        assert_eq!([5, 15, 25, 35].map(|x| row[x]), [10, 30, 20, 40]);
    }
}
