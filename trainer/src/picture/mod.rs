//! Pictures for people: sheets and film strips as PNG, a denoising as GIF, curves and bars as SVG. Tests: in each file.

mod bars;
mod canvas;
mod classes;
mod film;
mod font;
mod grid;
mod pairs;
mod plot;

pub use bars::bars;
pub use canvas::Canvas;
pub use classes::{ClassTiles, class_sheet, tiles_per_class};
pub use film::{film_strip, save_gif, spread_steps};
pub use font::fits;
pub use grid::Grid;
pub use pairs::pairs;
pub use plot::{Plot, Series};

use diffusion::codec::to_grey;

/// The bytes of a picture in the network's range [-1, 1], grey or in colour: as many, in the same order.
pub fn levels(values: &[f32]) -> Vec<u8> {
    values.iter().map(|&value| to_grey(value)).collect()
}
