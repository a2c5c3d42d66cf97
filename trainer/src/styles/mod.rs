//! Styles: deterministic transforms of a digit by name. An adapter is trained on the result.
//!
//! A new style is one function and one row in [`STYLES`]. `outline`, `bold`, `thin` and `dotted` are in `strokes.rs`, the
//! others in a file of their name. `media` are none of them: they draw larger pictures, in colour. `field` has the distance
//! transforms they draw from, `skeleton` the middle line of strokes. Tests: here for every style; in `field.rs`, `skeleton.rs`
//! and `media/tests.rs` for those.

mod field;
mod glyph;
mod inverted;
mod media;
mod seven_segment;
mod skeleton;
mod slanted;
mod strokes;

use diffusion::noise::NoiseSource;

use crate::error::{Error, Result};
use field::Field;
use glyph::Glyph;
pub use media::{MEDIA, Medium};

/// A transform of pictures, with its names.
#[derive(Debug)]
pub struct Style {
    /// Short name, as on the command line and in folder names.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// Number of classes it can draw; `None` for a style that uses the picture alone, not its label.
    classes: Option<usize>,
    draw: fn(&Glyph) -> Field,
}

/// All styles, in the order in which they are listed.
pub static STYLES: &[Style] = &[
    Style {
        name: "outline",
        title: "Outline",
        description: "Strokes become their contours",
        classes: None,
        draw: strokes::outline,
    },
    Style {
        name: "seven-segment",
        title: "Seven-segment",
        description: "The digits of a pocket calculator",
        classes: Some(seven_segment::CLASSES),
        draw: seven_segment::draw,
    },
    Style { name: "bold", title: "Bold", description: "A broad felt pen", classes: None, draw: strokes::bold },
    Style {
        name: "thin",
        title: "Thin",
        description: "A single fine line along the middle of every stroke",
        classes: None,
        draw: strokes::thin,
    },
    Style {
        name: "slanted",
        title: "Slanted",
        description: "Set upright first, then leant over backwards",
        classes: None,
        draw: slanted::draw,
    },
    Style {
        name: "dotted",
        title: "Dotted",
        description: "The lamps of a display board",
        classes: None,
        draw: strokes::dotted,
    },
    Style {
        name: "inverted",
        title: "Inverted",
        description: "A scratchboard: the ground is scratched bright, the digit stays dark",
        classes: None,
        draw: inverted::draw,
    },
];

impl Style {
    /// The style of that name.
    ///
    /// # Errors
    /// A name that no style has.
    pub fn named(name: &str) -> Result<&'static Self> {
        STYLES.iter().find(|style| style.name == name).ok_or_else(|| Error::UnknownStyle {
            name: name.to_owned(),
            known: STYLES.iter().map(|style| style.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// Checks that it can draw that many classes.
    ///
    /// # Errors
    /// More classes than it can draw.
    pub fn check(&self, classes: usize) -> Result<()> {
        match self.classes {
            Some(limit) if classes > limit => Err(Error::StyleLabels { style: self.name, limit, classes }),
            _ => Ok(()),
        }
    }

    /// The picture in this style. Depends on nothing but the arguments: `index`, the picture's index in its data set, is
    /// the seed of styles that draw at random.
    ///
    /// # Shapes
    /// `image` and the result: `size * size` grey bytes, row by row.
    pub fn apply(&self, image: &[u8], size: usize, label: u16, index: u64) -> Vec<u8> {
        let glyph = Glyph {
            image: Field::from_grey(image, size),
            label,
            noise: NoiseSource::with_stream(index, u64::from(label)),
        };
        (self.draw)(&glyph).to_grey()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::drawn_digit;

    /// Mean absolute difference in grey levels.
    fn difference(a: &[u8], b: &[u8]) -> f64 {
        let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.len() as f64
    }

    fn drawn(style: &Style, label: u16) -> Vec<u8> {
        style.apply(&drawn_digit(label), 28, label, 5)
    }

    #[test]
    fn names_are_unique_and_unknown_ones_answered_with_the_list() {
        for (i, style) in STYLES.iter().enumerate() {
            assert!(STYLES[..i].iter().all(|other| other.name != style.name));
            assert!(std::ptr::eq(Style::named(style.name).unwrap(), style));
        }
        let message = Style::named("bolt").unwrap_err().to_string();
        assert!(message.contains("\"bolt\"") && message.contains("bold, thin"), "{message}");
    }

    #[test]
    fn the_same_picture_gives_the_same_bytes() {
        for style in STYLES {
            for label in [0, 1, 7] {
                assert_eq!(drawn(style, label), drawn(style, label), "{}", style.name);
            }
        }
    }

    #[test]
    fn every_style_differs_from_plain_and_from_every_other() {
        for label in [0, 1, 7] {
            let plain = drawn_digit(label);
            let sheets: Vec<_> = STYLES.iter().map(|style| drawn(style, label)).collect();
            for (i, sheet) in sheets.iter().enumerate() {
                let name = STYLES[i].name;
                assert!(difference(sheet, &plain) > 8.0, "{name} {label} is plain");
                for (other, earlier) in STYLES.iter().zip(&sheets[..i]) {
                    assert!(difference(sheet, earlier) > 8.0, "{name} and {} {label}", other.name);
                }
            }
        }
    }

    #[test]
    fn every_style_uses_the_full_range_and_keeps_its_ink_within_the_frame() {
        for style in STYLES {
            for label in [0, 1, 7] {
                let picture = drawn(style, label);
                assert!(picture.iter().any(|&p| p > 230), "{} {label}", style.name);
                assert!(picture.iter().any(|&p| p < 10), "{} {label}", style.name);
                let centre = u32::from(picture[0]);
                assert!(centre < 10 || style.name == "inverted", "{} {label}", style.name);
            }
        }
    }

    #[test]
    fn outline_is_hollow_bold_is_heavier_and_thin_is_lighter() {
        let ink = |picture: &[u8]| picture.iter().map(|&p| u64::from(p)).sum::<u64>();
        let plain = drawn_digit(1);
        let named = |name| drawn(Style::named(name).unwrap(), 1);
        let middle = 13 * 28 + 14;
        assert!(plain[middle] > 200 && named("outline")[middle] < 60);
        assert!(ink(&named("bold")) * 2 > ink(&plain) * 3);
        assert!(ink(&named("thin")) * 3 < ink(&plain) * 2);
    }

    #[test]
    fn seven_segment_looks_at_the_label_and_varies_with_the_index() {
        let style = Style::named("seven-segment").unwrap();
        let digit = drawn_digit(7);
        let lit = |label| style.apply(&digit, 28, label, 3).iter().filter(|&&p| p > 128).count();
        assert!(lit(8) > lit(0) && lit(0) > lit(7) && lit(7) > lit(1));
        assert_ne!(style.apply(&digit, 28, 7, 3), style.apply(&digit, 28, 7, 4));
        assert!(style.check(10).is_ok() && style.check(17).is_err());
    }

    #[test]
    fn empty_full_and_other_sizes_are_drawn_without_panic() {
        for style in STYLES {
            for size in [4, 12, 28, 32] {
                for level in [0, 255] {
                    let picture = style.apply(&vec![level; size * size], size, 3, 0);
                    assert_eq!(picture.len(), size * size, "{}", style.name);
                }
            }
        }
    }
}
