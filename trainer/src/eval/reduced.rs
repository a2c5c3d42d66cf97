//! Larger pictures in colour as judges of digits see them: small, and as light strokes on black. Tests: here.

use crate::data::Dataset;
use crate::error::Result;

/// The share of pixels that may be further from the ground than what counts as a full stroke.
const BRIGHTEST: f32 = 0.02;
/// What of a full stroke's distance from the ground is taken for grain.
const GRAIN: f32 = 0.1;
/// Least distance of a full stroke, in levels: a picture with less has none.
const LEAST: f32 = 12.0;

/// Every picture at another, smaller size: each pixel is the mean of what it covers.
///
/// # Errors
/// As [`Dataset::with_channels`].
pub fn small(data: &Dataset, side: usize) -> Result<Dataset> {
    let (size, channels) = (data.size(), data.channels());
    let weights = weights(size, side);
    let pixels = data.images().flat_map(|image| {
        let mut out = Vec::with_capacity(channels * side * side);
        for plane in image.chunks_exact(size * size) {
            let rows: Vec<f32> = plane
                .chunks_exact(size)
                .flat_map(|row| {
                    weights.iter().map(|(from, part)| {
                        part.iter().zip(&row[*from..]).map(|(weight, &p)| weight * f32::from(p)).sum::<f32>()
                    })
                })
                .collect();
            for (from, part) in &weights {
                let column = |x: usize| {
                    let sum = part.iter().enumerate().map(|(y, weight)| weight * rows[(from + y) * side + x]);
                    sum.sum::<f32>().round() as u8
                };
                out.extend((0..side).map(column));
            }
        }
        out
    });
    let names = data.class_names().to_vec();
    Dataset::with_channels(data.location(), pixels.collect(), data.labels().to_vec(), [channels, side], names)
}

/// For each of `side` pixels, the first of `size` that it covers, and how much each one from there counts.
fn weights(size: usize, side: usize) -> Vec<(usize, Vec<f32>)> {
    let across = size as f64 / side as f64;
    (0..side)
        .map(|i| {
            let (from, to) = (i as f64 * across, (i + 1) as f64 * across);
            let first = from as usize;
            let last = (to.ceil() as usize).min(size);
            let part = |p: usize| ((to.min(p as f64 + 1.0) - from.max(p as f64)) / across) as f32;
            (first, (first..last).map(part).collect())
        })
        .collect()
}

/// Every picture in colour as light strokes on black: how far each pixel is from the ground, whose colour is the median of the
/// picture's edge.
///
/// # Errors
/// As [`Dataset::with_channels`].
pub fn strokes(data: &Dataset) -> Result<Dataset> {
    let (side, area) = (data.size(), data.size() * data.size());
    let is_edge = |i: usize| i < side || i >= area - side || i.is_multiple_of(side) || i % side == side - 1;
    let pixels = data.images().flat_map(|image| {
        let planes: Vec<&[u8]> = image.chunks_exact(area).collect();
        let ground: Vec<f32> = planes
            .iter()
            .map(|plane| {
                let mut edge: Vec<u8> = (0..area).filter(|&i| is_edge(i)).map(|i| plane[i]).collect();
                edge.sort_unstable();
                f32::from(edge[edge.len() / 2])
            })
            .collect();
        let away = |i: usize| {
            let squares = planes.iter().zip(&ground).map(|(plane, ground)| (f32::from(plane[i]) - ground).powi(2));
            squares.sum::<f32>().sqrt()
        };
        let distances: Vec<f32> = (0..area).map(away).collect();
        let mut sorted = distances.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let full = sorted[area - 1 - (BRIGHTEST * area as f32) as usize].max(LEAST);
        let level =
            move |distance: f32| (((distance / full - GRAIN) / (1.0 - GRAIN)).clamp(0.0, 1.0) * 255.0).round() as u8;
        distances.into_iter().map(level).collect::<Vec<_>>()
    });
    Dataset::new(data.location(), pixels.collect(), data.labels().to_vec(), side, data.class_names().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::styles::MEDIA;
    use crate::testing::drawn_digit;

    #[test]
    fn pixels_are_means_of_what_they_cover() {
        let row = |values: [u8; 4]| [values, values].concat();
        let pixels = [row([0, 100, 8, 8]), row([100, 200, 8, 16])].concat().repeat(4)[..64].to_vec();
        let data = Dataset::new("t", pixels, vec![0], 8, vec!["a".into()]).unwrap();
        assert_eq!(small(&data, 4).unwrap().image(0)[..4], [100, 10, 100, 10]);
        // Three pixels of four: the middle one is half of two.
        for ((from, parts), expected) in weights(4, 3).into_iter().zip([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]]) {
            assert!(
                parts.iter().zip(expected).all(|(part, expected)| (part - expected).abs() < 1e-6),
                "{from}: {parts:?}"
            );
        }
    }

    #[test]
    fn a_digit_in_any_medium_is_light_strokes_on_black() {
        for medium in MEDIA {
            let pixels = medium.apply(&drawn_digit(1), 28, 64, 3);
            let drawn = Dataset::with_channels("t", pixels, vec![0], [3, 64], vec!["1".into()]).unwrap();
            let seen = strokes(&small(&drawn, 28).unwrap()).unwrap();
            let (seen, digit) = (seen.image(0), drawn_digit(1));
            let mean = |wanted: fn(u8) -> bool| {
                let chosen: Vec<f32> =
                    digit.iter().zip(seen).filter(|(p, _)| wanted(**p)).map(|(_, &s)| f32::from(s)).collect();
                chosen.iter().sum::<f32>() / chosen.len() as f32
            };
            let (stroke, ground) = (mean(|p| p > 200), mean(|p| p == 0));
            assert!(stroke > 60.0 && ground < 30.0, "{}: {stroke} {ground}", medium.name);
        }
    }
}
