use super::*;
use crate::testing::drawn_digit;

const SIDE: usize = 64;

/// Mean of the three channels of each pixel.
fn lightness(pixels: &[u8]) -> Vec<f32> {
    let area = pixels.len() / 3;
    (0..area).map(|i| (0..3).map(|c| f32::from(pixels[c * area + i])).sum::<f32>() / 3.0).collect()
}

fn sheet(medium: &Medium, label: u16, index: u64) -> Vec<u8> {
    medium.apply(&drawn_digit(label), 28, SIDE, index)
}

#[test]
fn the_same_digit_gives_the_same_bytes_and_another_index_another_sheet() {
    let sums = MEDIA.iter().map(|medium| {
        let sheets: Vec<Vec<u8>> = (0..3).map(|index| sheet(medium, 7, index)).collect();
        assert_eq!(sheets[1], sheet(medium, 7, 1));
        assert!(sheets.iter().all(|sheet| sheet.len() == 3 * SIDE * SIDE));
        assert!(sheets[0] != sheets[1] && sheets[1] != sheets[2]);
        sheets[0].iter().fold(0u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    });
    // The same on every platform and for ever: data sets are made of them.
    assert_eq!(sums.collect::<Vec<_>>(), GOLDEN);
}

const GOLDEN: [u64; 5] = [
    7_810_227_780_139_676_329,
    17_368_816_426_774_417_057,
    2_673_559_862_055_098_911,
    16_191_894_829_446_278_838,
    15_922_210_178_122_158_256,
];

#[test]
fn names_are_unique_and_unknown_ones_answered_with_the_list() {
    for (i, medium) in MEDIA.iter().enumerate() {
        assert!(MEDIA[..i].iter().all(|other| other.name != medium.name));
        assert!(std::ptr::eq(Medium::named(medium.name).unwrap(), medium));
    }
    let message = Medium::named("oil").unwrap_err().to_string();
    assert!(message.contains("\"oil\"") && message.contains("chalk, neon"), "{message}");
}

#[test]
fn strokes_stand_out_from_the_ground_as_the_digit_does() {
    for medium in MEDIA {
        for index in 0..20 {
            let light = lightness(&sheet(medium, 1, index));
            let dark = matches!(medium.name, "ink" | "watercolour");
            // The digit 1 is a bar in the middle; a contour is looked for anywhere along the middle row.
            let row = &light[SIDE / 2 * SIDE..][SIDE / 4..3 * SIDE / 4];
            let stroke = row.iter().copied().reduce(if dark { f32::min } else { f32::max }).unwrap();
            let contrast = if dark { light[0] - stroke } else { stroke - light[0] };
            assert!(contrast > 60.0, "{} {index}: {} {stroke}", medium.name, light[0]);
        }
    }
}

#[test]
fn ink_halved_in_size_is_the_digit() {
    for index in 0..20 {
        let sheet = lightness(&sheet(&MEDIA[0], 1, index));
        let (paper, stroke) = (sheet[0], sheet[SIDE / 2 * SIDE + SIDE / 2]);
        let digit = drawn_digit(1);
        let wrong = (0..28 * 28).filter(|&i| {
            let at = (i / 28 * SIDE / 28 + 1) * SIDE + i % 28 * SIDE / 28 + 1;
            let dark = sheet[at] < (paper + stroke) / 2.0;
            (digit[i] > 200 && !dark) || (digit[i] < 20 && dark)
        });
        assert!(wrong.count() < 12, "{index}");
    }
}

#[test]
fn edges_are_smooth_and_colours_differ() {
    let inked = lightness(&sheet(&MEDIA[0], 0, 4));
    let (least, most) = inked.iter().fold((255f32, 0f32), |(least, most), &v| (least.min(v), most.max(v)));
    let between = inked.iter().filter(|&&v| v > least + 40.0 && v < most - 40.0).count();
    assert!(between > 100, "{between} pixels are neither ink nor paper");
    let colours: std::collections::BTreeSet<[u8; 3]> =
        (0..30).map(|index| sheet(&MEDIA[0], 0, index)).map(|s| [0, 1, 2].map(|c| s[c * SIDE * SIDE] / 8)).collect();
    assert!(colours.len() > 15, "{colours:?}");
}

#[test]
fn empty_full_and_other_sizes_are_drawn_without_panic() {
    for medium in MEDIA {
        for (size, side) in [(4, 16), (12, 12), (28, 96)] {
            for level in [0, 255] {
                let picture = medium.apply(&vec![level; size * size], size, side, 0);
                assert_eq!(picture.len(), 3 * side * side, "{}", medium.name);
            }
        }
    }
}
