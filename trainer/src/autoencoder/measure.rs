//! How like their originals an autoencoder's reconstructions are, and the scale of its latents. Tests: here.

use diffusion::autoencoder::CpuAutoencoder;
use diffusion::codec::to_grey;
use diffusion::unet::cpu::Scratch;

use super::pictures::Pictures;
use crate::error::Result;
use crate::parallel;

/// Pictures of a job.
const CHUNK: usize = 8;
/// Radius of the window in which structure is compared, and its deviation (Wang et al., IEEE TIP 13(4), 2004, III-C).
const RADIUS: usize = 5;
const DEVIATION: f64 = 1.5;
/// Its constants, for values from 0 to 1.
const STABILISERS: [f64; 2] = [0.01 * 0.01, 0.03 * 0.03];

/// How like its original a picture is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// Peak signal-to-noise ratio in dB.
    pub psnr: f64,
    /// Structural similarity, 1 of a picture to itself.
    pub ssim: f64,
}

/// Pictures with what an autoencoder made of them.
#[derive(Debug)]
pub struct Reconstructed {
    /// The pictures as bytes, each all of its first channel, then the next.
    pub originals: Vec<Vec<u8>>,
    /// The same after encoding and decoding.
    pub reconstructions: Vec<Vec<u8>>,
    /// Of each.
    pub likeness: Vec<Likeness>,
}

impl Reconstructed {
    /// The mean over the pictures.
    pub fn mean(&self) -> Likeness {
        let count = self.likeness.len().max(1) as f64;
        let mean = |of: fn(&Likeness) -> f64| self.likeness.iter().map(of).sum::<f64>() / count;
        Likeness { psnr: mean(|likeness| likeness.psnr), ssim: mean(|likeness| likeness.ssim) }
    }
}

/// Encodes pictures, as their means, and decodes them again.
///
/// # Errors
/// Pictures of another number of channels, or of sides that do not divide.
pub fn reconstruct(
    network: &CpuAutoencoder,
    pictures: &dyn Pictures,
    indices: &[usize],
    threads: usize,
) -> Result<Reconstructed> {
    let (side, channels) = (pictures.side(), pictures.channels());
    let jobs: Vec<&[usize]> = indices.chunks(CHUNK).collect();
    let parts = parallel::map(jobs, threads, |indices| {
        let mut scratch = Scratch::default();
        let images = pictures.chosen(indices);
        let latents = network.encode(&images, [side; 2], &mut scratch)?;
        let factor = network.config().factor();
        let decoded = network.decode(&latents.mean, [side / factor; 2], &mut scratch)?;
        let bytes = |values: &[f32]| -> Vec<Vec<u8>> {
            values
                .chunks_exact(pictures.values())
                .map(|picture| picture.iter().map(|&value| to_grey(value)).collect())
                .collect()
        };
        let (originals, reconstructions) = (bytes(&images), bytes(&decoded));
        let pairs = originals.iter().zip(&reconstructions);
        let likeness = pairs.map(|(one, other)| likeness(one, other, channels, side)).collect::<Vec<_>>();
        Ok((originals, reconstructions, likeness))
    })?;
    let mut all = Reconstructed { originals: Vec::new(), reconstructions: Vec::new(), likeness: Vec::new() };
    for (originals, reconstructions, likeness) in parts {
        all.originals.extend(originals);
        all.reconstructions.extend(reconstructions);
        all.likeness.extend(likeness);
    }
    Ok(all)
}

/// Standard deviation of the unscaled latents of pictures, drawn from what the encoder says: diffusers' `scaling_factor` is one
/// divided by it (arXiv 2112.10752, G).
///
/// # Errors
/// As [`reconstruct`].
pub fn latent_deviation(
    network: &CpuAutoencoder,
    pictures: &dyn Pictures,
    indices: &[usize],
    threads: usize,
) -> Result<f64> {
    let jobs: Vec<&[usize]> = indices.chunks(CHUNK).collect();
    let sums = parallel::map(jobs, threads, |indices| {
        let images = pictures.chosen(indices);
        let latents = network.encode(&images, [pictures.side(); 2], &mut Scratch::default())?;
        let pairs = latents.mean.iter().zip(&latents.log_variance);
        Ok(pairs.fold([0f64; 3], |[count, sum, squares], (&mean, &log_variance)| {
            let mean = f64::from(mean);
            [count + 1.0, sum + mean, squares + mean * mean + f64::from(log_variance).exp()]
        }))
    })?;
    let [count, sum, squares] = sums.into_iter().fold([0f64; 3], |all, part| std::array::from_fn(|i| all[i] + part[i]));
    let mean = sum / count.max(1.0);
    Ok((squares / count.max(1.0) - mean * mean).max(0.0).sqrt())
}

/// PSNR over all values (256 levels), SSIM the mean over channels and windows.
fn likeness(one: &[u8], other: &[u8], channels: usize, side: usize) -> Likeness {
    let squares: f64 = one.iter().zip(other).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    let error = (squares / one.len().max(1) as f64).max(1e-4);
    let psnr = 10.0 * (255.0 * 255.0 / error).log10();
    let area = side * side;
    let plane = |pixels: &[u8], channel: usize| -> Vec<f64> {
        pixels[channel * area..(channel + 1) * area].iter().map(|&level| f64::from(level) / 255.0).collect()
    };
    let ssim = (0..channels).map(|channel| ssim(&plane(one, channel), &plane(other, channel), side)).sum::<f64>();
    Likeness { psnr, ssim: ssim / channels.max(1) as f64 }
}

/// Mean structural similarity of two planes from 0 to 1, over windows that lie inside of them.
fn ssim(one: &[f64], other: &[f64], side: usize) -> f64 {
    let product = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
    let [mean_1, mean_2, square_1, square_2, both] =
        [one.to_vec(), other.to_vec(), product(one, one), product(other, other), product(one, other)]
            .map(|plane| windows(&plane, side));
    let [c1, c2] = STABILISERS;
    let similarity = |i: usize| {
        let (m1, m2) = (mean_1[i], mean_2[i]);
        let (v1, v2, covariance) = (square_1[i] - m1 * m1, square_2[i] - m2 * m2, both[i] - m1 * m2);
        (2.0 * m1 * m2 + c1) * (2.0 * covariance + c2) / ((m1 * m1 + m2 * m2 + c1) * (v1 + v2 + c2))
    };
    (0..mean_1.len()).map(similarity).sum::<f64>() / mean_1.len().max(1) as f64
}

/// Gaussian means of all windows inside a plane; of a smaller plane, that of its middle.
fn windows(plane: &[f64], side: usize) -> Vec<f64> {
    let radius = RADIUS.min(side.saturating_sub(1) / 2);
    let weights: Vec<f64> =
        (0..=2 * radius).map(|i| (-(i as f64 - radius as f64).powi(2) / (2.0 * DEVIATION * DEVIATION)).exp()).collect();
    let total: f64 = weights.iter().sum();
    let inside = side - 2 * radius;
    let weigh = |at: &dyn Fn(usize) -> f64| weights.iter().enumerate().map(|(i, w)| w * at(i)).sum::<f64>() / total;
    let rows: Vec<f64> = (0..side * inside).map(|p| weigh(&|i| plane[p / inside * side + p % inside + i])).collect();
    (0..inside * inside).map(|p| weigh(&|i| rows[(p / inside + i) * inside + p % inside])).collect()
}

#[cfg(test)]
mod tests {
    use diffusion::autoencoder::init::initial_state;
    use diffusion::config::AutoencoderConfig;

    use super::*;
    use crate::autoencoder::{Inked, Media};
    use crate::data::Dataset;
    use crate::testing::drawn_digit;

    #[test]
    fn a_picture_is_like_itself_and_less_like_others() {
        let one: Vec<u8> = (0..3 * 24 * 24u32).map(|i| (i * i * 37 % 251) as u8).collect();
        let itself = likeness(&one, &one, 3, 24);
        assert!(itself.psnr > 80.0 && (itself.ssim - 1.0).abs() < 1e-9, "{itself:?}");
        let lighter: Vec<u8> = one.iter().map(|&level| level.saturating_add(4)).collect();
        let shifted = likeness(&one, &lighter, 3, 24);
        // Four levels off: 20 lg (255 / 4).
        assert!((shifted.psnr - 36.09).abs() < 0.1 && shifted.ssim > 0.99, "{shifted:?}");
        let flat = likeness(&one, &[125; 3 * 24 * 24], 3, 24);
        assert!(flat.psnr < 12.0 && flat.ssim < 0.1, "{flat:?}");
        let tiny = likeness(&one[..4], &lighter[..4], 1, 2);
        assert!(tiny.ssim.is_finite() && tiny.psnr.is_finite());
    }

    #[test]
    fn reconstructions_come_in_order_and_latents_have_a_scale() {
        let pixels = [drawn_digit(0), drawn_digit(7)].concat();
        let data = Dataset::new("test", pixels, vec![0, 1], 28, vec!["0".into(), "7".into()]).unwrap();
        let config = AutoencoderConfig { block_out_channels: vec![8, 8], norm_num_groups: 4, ..Default::default() };
        let network = CpuAutoencoder::new(&config, &initial_state(&config, 1)).unwrap();
        let (pictures, indices) = (Inked::new(&data, Media::ink(), 16, 0).unwrap(), [1, 0, 1, 0, 0, 0, 0, 0, 1]);
        let found = reconstruct(&network, &pictures, &indices, 2).unwrap();
        let bytes: Vec<Vec<u8>> = (pictures.chosen(&[0, 1]))
            .chunks_exact(pictures.values())
            .map(|picture| picture.iter().map(|&value| to_grey(value)).collect())
            .collect();
        assert!(found.originals.iter().zip(indices).all(|(original, i)| *original == bytes[i]));
        assert_eq!(found.reconstructions[0], found.reconstructions[8]);
        assert_ne!(found.reconstructions[0], found.reconstructions[1]);
        assert!(found.mean().psnr > 1.0 && found.likeness.len() == 9);
        let deviation = latent_deviation(&network, &pictures, &indices, 2).unwrap();
        assert_eq!(deviation, latent_deviation(&network, &pictures, &indices, 1).unwrap());
        assert!(deviation > 0.01 && deviation < 10.0, "{deviation}");
    }
}
