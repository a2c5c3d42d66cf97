//! Whether there is ink in pictures: values that use a small part of their range would be learnt as black. Tests: here, and of
//! whole folders in `folder.rs`.

use super::dataset::Dataset;
use crate::error::Result;

/// Levels between the darkest and the lightest pixel of a picture, below which there is no ink in it.
pub const LEAST_OF_ONE: u8 = 16;
/// The same for the best picture of all.
const LEAST_OF_ALL: u8 = 64;
/// Names that are told in a message.
const SHOWN: usize = 8;

/// The largest value of 16-bit pictures that would be as dark as black: 63 of 255.
pub const DARK_16: u16 = 0x3fff;

/// The value of full ink in 16-bit pictures that reach no higher than `most`: what they were before something wrote them with
/// more bits. `None` for those that use their range, and for all black.
pub fn unit_of_16(most: u16) -> Option<u16> {
    (1..=DARK_16)
        .contains(&most)
        .then(|| [1, 0xff, 0x3ff, 0xfff].into_iter().find(|&unit| most <= unit).unwrap_or(DARK_16))
}

/// What is said of masks.
pub fn masks(count: usize) -> String {
    format!("{count} pictures have the values 0 and 1 only, as masks do: 1 is taken for white, or all would be black")
}

fn contrast(image: &[u8]) -> u8 {
    let (darkest, lightest) = image.iter().fold((u8::MAX, 0), |(low, high), &pixel| (low.min(pixel), high.max(pixel)));
    lightest.saturating_sub(darkest)
}

/// Indices of pictures without ink: of about one level everywhere, of one colour.
///
/// # Errors
/// No picture with ink that can be told from the ground; squares of one colour each may be meant.
pub fn blank(data: &Dataset) -> Result<Vec<usize>> {
    let channels = data.channels();
    let planes: Vec<u8> = data.planes().map(contrast).collect();
    let contrasts: Vec<u8> = planes.chunks_exact(channels).filter_map(|planes| planes.iter().max().copied()).collect();
    if channels == 1 && contrasts.iter().all(|&contrast| contrast < LEAST_OF_ALL) {
        let pixels = || data.images().flatten().copied();
        let (low, high) = (pixels().min().unwrap_or(0), pixels().max().unwrap_or(0));
        let ground = if high < 128 { "black" } else { "blank" };
        return Err(data.refuse(format!(
            "there is no ink in it: all {} pictures are {ground} or nearly so, with levels from {low} to {high} of 255; save them with the ink at 255 and the ground at 0",
            data.len()
        )));
    }
    Ok((0..).zip(contrasts).filter(|(_, contrast)| *contrast < LEAST_OF_ONE).map(|(index, _)| index).collect())
}

/// What is said of blank pictures, or of any that are told by name.
pub fn told(names: &[String]) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::raw::Raw;

    fn data(pictures: &[[u8; 2]]) -> Result<Dataset> {
        let pixels = pictures.iter().flat_map(|&[ground, ink]| [vec![ground; 15], vec![ink]].concat()).collect();
        Dataset::new("drawings", pixels, vec![0; pictures.len()], 4, vec!["0".into()])
    }

    #[test]
    fn blank_pictures_are_found_and_pictures_without_any_ink_refused() {
        let mixed = data(&[[0, 255], [0, 0], [255, 255], [200, 10], [0, 15], [0, 16]]).unwrap();
        assert_eq!(blank(&mixed).unwrap(), [1, 2, 4]);
        let message = blank(&data(&[[0, 0], [0, 7]]).unwrap()).unwrap_err().to_string();
        assert!(message.contains("drawings") && message.contains("black") && message.contains("0 to 7"), "{message}");
        assert!(blank(&data(&[[255, 250]]).unwrap()).unwrap_err().to_string().contains("all 1 pictures are blank"));
        let names: Vec<String> = (0..10).map(|i| i.to_string()).collect();
        assert_eq!((told(&names[..2]).as_str(), told(&names).as_str()), ("0, 1", "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"));
    }

    #[test]
    fn small_ranges_get_the_unit_that_they_were_made_with() {
        let units = [1, 2, 255, 256, 4095, 4096, DARK_16].map(unit_of_16);
        assert_eq!(units, [1, 255, 255, 1023, 4095, DARK_16, DARK_16].map(Some));
        assert_eq!((unit_of_16(0), unit_of_16(DARK_16 + 1)), (None, None));
        let stretched = |ink: u8| {
            let (labels, class_names) = (vec![0], vec!["0".into()]);
            let mut raw = Raw { pixels: vec![0, 0, 0, ink], width: 2, height: 2, channels: 1, labels, class_names };
            (raw.stretch_masks(), raw.pixels[3])
        };
        assert_eq!([0, 1, 2].map(stretched), [(false, 0), (true, 255), (false, 2)]);
    }
}
