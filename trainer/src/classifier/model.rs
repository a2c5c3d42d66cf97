//! A small convolutional network that reads digits. It judges what the diffusion model draws, so it
//! is trained on real pictures only.

mod augment;
mod net;
mod train;
mod weights;

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation::softmax};

pub use net::FEATURES;
pub use train::{Progress, TrainConfig, train};

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::{files, parallel};
use net::Net;

/// Pictures that go through the network together.
const CHUNK: usize = 100;

/// What is known about a classifier beside its weights. Travels in the file.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Card {
    /// Names of the classes; a label is an index into them.
    pub class_names: Vec<String>,
    /// Side of the pictures in pixels.
    pub image_size: usize,
    /// Seed of the training.
    pub seed: u64,
    /// Times that every training picture was seen.
    pub epochs: usize,
    /// Number of training pictures.
    pub train_images: usize,
    /// Share of the test pictures that are read right, once it was measured.
    pub test_accuracy: Option<f64>,
}

/// A trained classifier on its device.
#[derive(Debug, Clone)]
pub struct Classifier {
    net: Net,
    card: Card,
    device: Device,
}

impl Classifier {
    fn new(net: Net, card: Card, device: Device) -> Self {
        Self { net, card, device }
    }

    /// Reads a file that [`save`](Self::save) has written.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let (net, card) = weights::decode(&files::read(path)?, device)
            .map_err(|reason| Error::Classifier { path: path.to_owned(), reason })?;
        Ok(Self::new(net, card, device.clone()))
    }

    /// Writes a safetensors file, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        files::write_atomic(path, &weights::encode(&self.net, &self.card)?)
    }

    /// What is known about it.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Probability of every class for every picture.
    ///
    /// # Shapes
    /// - `images`: any number of pictures of `image_size * image_size` values in [-1, 1]
    /// - result: as many rows of `class_names.len()` values
    pub fn probabilities(&self, images: &[f32]) -> Result<Vec<Vec<f32>>> {
        self.run(images, |net, images| softmax(net.forward(images), 1))
    }

    /// The most probable class of every picture.
    pub fn predict(&self, images: &[f32]) -> Result<Vec<u16>> {
        Ok(self.probabilities(images)?.iter().map(|row| largest(row)).collect())
    }

    /// Share of the pictures that are read as their label.
    pub fn accuracy(&self, images: &[f32], labels: &[u16]) -> Result<f64> {
        let read = self.predict(images)?;
        let right = read.iter().zip(labels).filter(|(read, label)| read == label).count();
        Ok(right as f64 / labels.len().max(1) as f64)
    }

    /// Measures the accuracy on held-out data and notes it in the card.
    pub fn test(&mut self, data: &Dataset) -> Result<f64> {
        let (images, labels) = data.batch(&(0..data.len()).collect::<Vec<_>>());
        let accuracy = self.accuracy(&images, &labels)?;
        self.card.test_accuracy = Some(accuracy);
        Ok(accuracy)
    }

    /// The last hidden layer, in which distances between sets of pictures are measured.
    ///
    /// # Shapes
    /// - `images`: as for [`probabilities`](Self::probabilities)
    /// - result: as many rows of [`FEATURES`] values
    pub fn features(&self, images: &[f32]) -> Result<Vec<Vec<f32>>> {
        self.run(images, |net, images| net.features(images))
    }

    /// Runs chunks of the pictures on all cores and cuts the result into rows.
    fn run(&self, images: &[f32], work: impl Fn(&Net, Tensor<4>) -> Tensor<2> + Sync) -> Result<Vec<Vec<f32>>> {
        let size = self.card.image_size;
        let area = size * size;
        if !images.len().is_multiple_of(area) {
            return Err(Error::Data {
                place: "the pictures to be read".into(),
                reason: format!("{} values are not a number of {size}x{size} pictures", images.len()),
            });
        }
        let jobs = images.chunks(CHUNK * area).map(|chunk| (self.net.clone(), chunk)).collect();
        let chunks = parallel::map(jobs, parallel::default_threads(), |(net, chunk)| {
            let input = Tensor::<1>::from_floats(chunk, &self.device);
            let output = work(&net, input.reshape([chunk.len() / area, 1, size, size]));
            let width = output.dims()[1];
            let values = output.into_data().try_to_vec::<f32>();
            let values = values.map_err(|error| Error::Device(format!("{error:?}")))?;
            Ok(values.chunks_exact(width).map(<[f32]>::to_vec).collect::<Vec<_>>())
        });
        Ok(chunks.into_iter().collect::<Result<Vec<_>>>()?.concat())
    }

    /// The same network on the plain device, after training.
    fn from_training(net: &Net, card: Card, device: &Device) -> Self {
        Self::new(net.valid(), card, device.clone())
    }
}

fn largest(row: &[f32]) -> u16 {
    let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.map_or(0, |(class, _)| class as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TempDir, drawn_digit};

    /// Three digits, moved about a little.
    fn data() -> Dataset {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for shift in 0..16 {
            for (label, digit) in [0, 1, 7].into_iter().enumerate() {
                let mut image = drawn_digit(digit);
                image.rotate_right(shift % 4 + 28 * (shift / 4));
                pixels.extend(image);
                labels.push(label as u16);
            }
        }
        let names = ["zero", "one", "seven"].map(str::to_owned).to_vec();
        Dataset::new("test", pixels, labels, 28, names).unwrap()
    }

    fn trained(threads: usize) -> Classifier {
        let config = TrainConfig { epochs: 10, batch_size: 48, learning_rate: 3e-3, seed: 4, threads };
        train(&config, &data(), &Device::flex(), |_| ()).unwrap()
    }

    #[test]
    fn learns_three_digits_the_same_on_any_number_of_threads_and_survives_a_file() {
        let dir = TempDir::new("classifier");
        let path = dir.path().join("judge.safetensors");
        let mut classifier = trained(1);
        assert_eq!(classifier.test(&data()).unwrap(), 1.0);
        classifier.save(&path).unwrap();

        let again = Classifier::load(&path, &Device::flex()).unwrap();
        assert_eq!(again.card(), classifier.card());
        let (images, labels) = data().batch(&[0, 1, 2, 47]);
        assert_eq!(again.probabilities(&images).unwrap(), classifier.probabilities(&images).unwrap());
        assert_eq!(again.predict(&images).unwrap(), labels);
        assert_eq!(again.features(&images).unwrap()[3].len(), FEATURES);

        let threaded = trained(3).probabilities(&images).unwrap();
        assert_eq!(threaded, classifier.probabilities(&images).unwrap());
    }

    #[test]
    fn other_files_and_odd_pictures_are_refused() {
        let dir = TempDir::new("classifier-bad");
        let path = dir.path().join("judge.safetensors");
        for bytes in [&b"not weights"[..], b"\x02\0\0\0\0\0\0\0{}"] {
            files::write_atomic(&path, bytes).unwrap();
            let message = Classifier::load(&path, &Device::flex()).unwrap_err().to_string();
            assert!(message.contains("judge.safetensors") && message.contains("train one anew"), "{message}");
        }
        let net = Net::new(28, 10, &Device::flex());
        let card = Card {
            class_names: (0..10).map(|i| i.to_string()).collect(),
            image_size: 28,
            seed: 0,
            epochs: 0,
            train_images: 0,
            test_accuracy: None,
        };
        let classifier = Classifier::new(net, card, Device::flex());
        assert!(classifier.predict(&[]).unwrap().is_empty());
        assert!(classifier.predict(&[0.0; 785]).unwrap_err().to_string().contains("785 values"));
    }
}
