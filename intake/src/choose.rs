//! Which fit a picture needs. Tests: below.

use crate::error::Result;
use crate::fit::{Fit, Ink, Prepared};
use crate::flat::Flat;
use crate::plain::{self, Ground};
use crate::sheet;

/// Levels of an edge that is black.
const BLACK: u8 = 8;

/// Fits by what a picture is: one of the network's own size on black stays; a drawing or a sheet with ink on it is placed as
/// MNIST's digits are; what has no clear ground is scaled to fit whole.
pub(crate) fn fit(flat: &Flat<'_>, size: usize, ink: Ink) -> Result<Prepared> {
    let ground = Ground::of(flat);
    if flat.size() == (size, size) && (ground.clear && ground.level <= BLACK || ink == Ink::Light) {
        return plain::fit(flat, size, Fit::None, ink);
    }
    sheet::fit(flat, size, ink).or_else(|_| plain::fit(flat, size, Fit::Pad, ink))
}

#[cfg(test)]
mod tests {
    use crate::fit::{Fit, Ink, Options, prepare};
    use crate::picture::Picture;

    fn chosen(side: usize, value: impl Fn(usize, usize) -> u8) -> (Fit, Ink) {
        let pixel = |i: usize| {
            let value = value(i % side, i / side);
            [value, value, value, 255]
        };
        let picture = Picture::new(side, side, (0..side * side).flat_map(pixel).collect()).unwrap();
        let prepared = prepare(&picture, &Options { size: 28, fit: Fit::Auto, ink: Ink::Auto }).unwrap();
        (prepared.fit, prepared.ink)
    }

    #[test]
    fn each_picture_gets_what_it_needs() {
        let bar = |x: usize, y: usize, scale: usize| x.abs_diff(14 * scale) < 2 * scale && y.abs_diff(14 * scale) < 9 * scale;
        assert_eq!(chosen(28, |x, y| if bar(x, y, 1) { 255 } else { 0 }), (Fit::None, Ink::Light));
        assert_eq!(chosen(280, |x, y| if bar(x, y, 10) { 255 } else { 0 }), (Fit::Mnist, Ink::Light));
        assert_eq!(chosen(280, |x, y| if bar(x, y, 10) { 30 } else { 220 }), (Fit::Mnist, Ink::Dark));
        assert_eq!(chosen(100, |_, _| 77).0, Fit::Pad);
    }
}
