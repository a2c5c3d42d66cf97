//! What people bring (a drawing, a photograph, a sheet) as the pictures that the network sees.
//!
//! Tests: below, and `tests/page/prepare-drawing.test.mjs`.

use intake::{Character, Fit, Ink, Notes, Options, Picture, Prepared};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{Clamped, JsValue};
use web_values::arguments::{self, count, field, text, wrong};
use web_values::objects::object;

use crate::failure::Result;

/// By their names in JavaScript, which are those of `trainer --fit`.
const FITS: [(&str, Fit); 6] = [
    ("auto", Fit::Auto),
    ("none", Fit::None),
    ("pad", Fit::Pad),
    ("crop", Fit::Crop),
    ("stretch", Fit::Stretch),
    ("mnist", Fit::Mnist),
];
/// By their names in JavaScript, which are those of `trainer --ink`.
const INKS: [(&str, Ink); 3] = [("auto", Ink::Auto), ("dark", Ink::Dark), ("light", Ink::Light)];

/// Fits a picture of `width` times `height` pixels, as `ImageData` has them, into the network's square.
#[wasm_bindgen(unchecked_return_type = "Prepared")]
pub fn prepare(
    #[wasm_bindgen(unchecked_param_type = "Uint8ClampedArray")] rgba: Clamped<Vec<u8>>,
    width: usize,
    height: usize,
    #[wasm_bindgen(unchecked_param_type = "PrepareOptions")] options: &JsValue,
) -> Result<JsValue> {
    let field = |name: &str| field(options, "options", name);
    let options = Options {
        size: count(&field("size")?, "size")?,
        fit: named(&FITS, &text(&field("fit")?, "fit")?, "fit")?,
        ink: named(&INKS, &text(&field("ink")?, "ink")?, "ink")?,
        one: field("one")?.is_truthy(),
    };
    let prepared = intake::prepare(&Picture::new(width, height, rgba.0)?, &options)?;
    Ok(describe(&prepared))
}

fn named<T: Copy>(all: &[(&str, T)], found: &str, name: &str) -> arguments::Result<T> {
    let value = all.iter().find(|(known, _)| *known == found).map(|(_, value)| *value);
    let known: Vec<&str> = all.iter().map(|(known, _)| *known).collect();
    value.map_or_else(|| wrong(name, &format!("one of {}", known.join(", ")), &format!("\"{found}\"")), Ok)
}

/// The name of a value that is one of `all`.
fn name_of<T: PartialEq>(all: &[(&'static str, T)], value: &T) -> JsValue {
    all.iter().find(|(_, known)| known == value).map_or(JsValue::UNDEFINED, |(name, _)| (*name).into())
}

fn describe(prepared: &Prepared) -> JsValue {
    let Prepared { characters, fit, ink, coloured, notes } = prepared;
    let Notes { transparent, ruled, uneven, at_edge, specks, unsure } = *notes;
    object([
        ("characters", characters.iter().map(character).collect::<Array>().into()),
        ("fit", name_of(&FITS, fit)),
        ("ink", name_of(&INKS, ink)),
        (
            "notes",
            object([
                ("coloured", (*coloured).into()),
                ("transparent", transparent.into()),
                ("ruled", ruled.into()),
                ("uneven", uneven.into()),
                ("atEdge", at_edge.into()),
                ("specks", specks.into()),
                ("unsure", unsure.into()),
            ]),
        ),
    ])
}

fn character(Character { pixels, from }: &Character) -> JsValue {
    object([
        ("pixels", Uint8Array::from(pixels.as_slice()).into()),
        ("x", from.x.into()),
        ("y", from.y.into()),
        ("width", from.width.into()),
        ("height", from.height.into()),
    ])
}

#[cfg(test)]
mod tests {
    use web_values::arguments::Argument;

    use super::*;

    #[test]
    fn fits_and_inks_go_by_their_names() {
        assert!(matches!(named(&FITS, "mnist", "fit"), Ok(Fit::Mnist)));
        let Err(Argument(message)) = named(&INKS, "grey", "ink") else { panic!("grey was accepted") };
        assert_eq!(message, "ink must be one of auto, dark, light, not \"grey\"");
    }
}
