//! Which fit a picture needs. Tests: below.

use crate::error::Result;
use crate::flat::Flat;
use crate::options::{Fit, Ink, Prepared};
use crate::plain::{self, Ground};
use crate::sheet;

/// Levels of an edge that is black.
const BLACK: u8 = 8;

/// Fits by what a picture is: one of the network's own size on black stays; a drawing or a sheet with ink on it is placed as
/// MNIST's digits are; what has no clear ground is scaled to fit whole.
pub(crate) fn fit(flat: &Flat<'_>, size: usize, ink: Ink, one: bool) -> Result<Prepared> {
    let ground = Ground::of(flat);
    if flat.size() == (size, size) && (ground.clear && ground.level <= BLACK || ink == Ink::Light) {
        return plain::fit(flat, size, Fit::None, ink);
    }
    sheet::fit(flat, size, ink, one).or_else(|_| plain::fit(flat, size, Fit::Pad, ink))
}
