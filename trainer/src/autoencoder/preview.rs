//! What latents look like without decoding them: a linear map to colours, by least squares. Tests: in
//! `trainer/tests/runs/latents.rs`.

use nalgebra::DMatrix;

use super::encoded::Encoded;
use super::pictures::Pictures;

/// Digits after the point, as many as anybody can tell.
const PRECISION: f64 = 1e5;

/// For each channel of the pictures, what each channel of the latents counts, and an offset: the least squares fit of a picture, made
/// smaller by means, to its latents. `latents` are those of `pictures`, of which the first `count` are looked at; none where they
/// leave it open.
pub fn latent_rgb(pictures: &dyn Pictures, latents: &Encoded, count: usize) -> Option<Vec<Vec<f32>>> {
    let [channels, height, width] = latents.shape();
    let (side, area) = (pictures.side(), height * width);
    let factor = side / width;
    let (mut squares, mut products) =
        (DMatrix::<f64>::zeros(channels + 1, channels + 1), DMatrix::<f64>::zeros(channels + 1, pictures.channels()));
    for index in 0..pictures.count().min(count) {
        let (picture, latents) = (pictures.chosen(&[index]), latents.chosen(&[index]).0);
        for at in 0..area {
            let mut known: Vec<f64> = (0..channels).map(|channel| f64::from(latents[channel * area + at])).collect();
            known.push(1.0);
            for (i, a) in known.iter().enumerate() {
                for (j, b) in known.iter().enumerate() {
                    squares[(i, j)] += a * b;
                }
            }
            let corner = at / width * factor * side + at % width * factor;
            for channel in 0..pictures.channels() {
                let pixels = (0..factor * factor).map(|i| corner + i / factor * side + i % factor);
                let sum: f64 = pixels.map(|pixel| f64::from(picture[channel * side * side + pixel])).sum();
                let mean = sum / (factor * factor) as f64;
                known.iter().enumerate().for_each(|(i, a)| products[(i, channel)] += a * mean);
            }
        }
    }
    let solved = squares.lu().solve(&products).filter(|solved| solved.iter().all(|value| value.is_finite()))?;
    let round = |value: &f64| ((value * PRECISION).round() / PRECISION) as f32;
    Some(solved.column_iter().map(|column| column.iter().map(round).collect()).collect())
}
