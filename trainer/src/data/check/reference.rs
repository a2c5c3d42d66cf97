//! What a base's own pictures look like, to compare others with. Tests: here.

use image::ImageFormat;

use crate::data::dataset::Dataset;
use crate::error::{Error, Result};

/// MNIST's side.
pub const SIZE: usize = 28;
/// The mean picture of each class of MNIST's training set, side by side: 280x28 grey values. Made by the test below.
const MNIST_MEANS: &[u8] = include_bytes!("mnist-means.png");
/// Mean level of MNIST's training pictures, of 1: the first and the last of a hundred, and the middle one.
const MNIST_INK: [f32; 3] = [0.0493, 0.1274, 0.2461];

/// Pictures of a base in short.
#[derive(Debug)]
pub struct Reference {
    /// The mean picture of each class, without its own mean and of length 1.
    pub means: Vec<Vec<f32>>,
    /// Mean level, of 1: one in a hundred pictures has less.
    pub least_ink: f32,
    /// That of half of them.
    pub usual_ink: f32,
    /// One in a hundred has more.
    pub most_ink: f32,
}

impl Reference {
    /// MNIST's training set.
    ///
    /// # Errors
    /// None that is known: the picture is part of the program.
    pub fn mnist() -> Result<Self> {
        let refuse = |reason: String| Error::Data { location: "the program".into(), reason };
        let picture = image::load_from_memory_with_format(MNIST_MEANS, ImageFormat::Png)
            .map_err(|error| refuse(error.to_string()))?
            .into_luma8();
        let row = picture.width() as usize;
        let mean = |class: usize| {
            let pixels = (0..SIZE).flat_map(|y| picture.as_raw()[y * row + class * SIZE..][..SIZE].iter());
            unit(pixels.map(|&level| f32::from(level)).collect())
        };
        let [least_ink, usual_ink, most_ink] = MNIST_INK;
        Ok(Self { means: (0..row / SIZE).map(mean).collect(), least_ink, usual_ink, most_ink })
    }
}

/// Without its mean, and of length 1.
pub fn unit(mut values: Vec<f32>) -> Vec<f32> {
    let mean = values.iter().sum::<f32>() / values.len().max(1) as f32;
    values.iter_mut().for_each(|value| *value -= mean);
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    values.iter_mut().for_each(|value| *value /= length);
    values
}

/// A picture at MNIST's size with its centre of mass in the middle, as MNIST's are.
pub fn centred(data: &Dataset, index: usize) -> Vec<f32> {
    let (image, size) = (data.image(index), data.size());
    let (mut mass, mut x, mut y) = (f64::MIN_POSITIVE, 0.0, 0.0);
    for (at, &level) in image.iter().enumerate() {
        let level = f64::from(level);
        mass += level;
        x += level * (at % size) as f64;
        y += level * (at / size) as f64;
    }
    let (x, y, scale) = (x / mass, y / mass, size as f64 / SIZE as f64);
    // Bilinear: what is compared is blurred anyway.
    let level = |column: f64, row: f64| {
        let at = |x: f64, y: f64| {
            let inside = x >= 0.0 && y >= 0.0 && x < size as f64 && y < size as f64;
            if inside { f64::from(image[y as usize * size + x as usize]) } else { 0.0 }
        };
        let (left, top) = (column.floor(), row.floor());
        let (right, down) = (column - left, row - top);
        let upper = at(left, top) * (1.0 - right) + at(left + 1.0, top) * right;
        let lower = at(left, top + 1.0) * (1.0 - right) + at(left + 1.0, top + 1.0) * right;
        upper * (1.0 - down) + lower * down
    };
    let middle = (SIZE / 2) as f64;
    (0..SIZE * SIZE)
        .map(|at| level(x + ((at % SIZE) as f64 - middle) * scale, y + ((at / SIZE) as f64 - middle) * scale) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Only where MNIST is: `DIGIT_DIFFUSION_MNIST=data/mnist cargo test -p trainer mnists_means -- --ignored`.
    #[test]
    #[ignore = "needs MNIST; writes mnist-means.png anew where it differs"]
    fn mnists_means_are_those_of_its_pictures() {
        let dir = std::env::var("DIGIT_DIFFUSION_MNIST").unwrap();
        let data = Dataset::mnist_train(Path::new(&dir)).unwrap();
        let mut sums = vec![vec![0u64; SIZE * SIZE]; 10];
        let mut counts = [0u64; 10];
        let mut ink: Vec<f32> = Vec::new();
        for (image, &label) in data.images().zip(data.labels()) {
            counts[usize::from(label)] += 1;
            sums[usize::from(label)].iter_mut().zip(image).for_each(|(sum, &level)| *sum += u64::from(level));
            ink.push(image.iter().map(|&level| f32::from(level)).sum::<f32>() / (255 * image.len()) as f32);
        }
        let mean = |class: usize, at: usize| ((sums[class][at] + counts[class] / 2) / counts[class]) as u8;
        let picture = image::GrayImage::from_fn((10 * SIZE) as u32, SIZE as u32, |x, y| {
            image::Luma([mean(x as usize / SIZE, y as usize * SIZE + x as usize % SIZE)])
        });
        ink.sort_by(f32::total_cmp);
        let at = |share: f32| ink[(share * ink.len() as f32) as usize];
        let quantiles = [at(0.01), at(0.5), at(0.99)];
        let known = image::load_from_memory(MNIST_MEANS).unwrap().into_luma8();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/check/mnist-means.png");
        if known != picture {
            picture.save(path).unwrap();
        }
        assert!(known == picture, "written anew");
        quantiles
            .iter()
            .zip(MNIST_INK)
            .for_each(|(found, known)| assert!((found - known).abs() < 1e-3, "{quantiles:?}"));
    }
}
