//! A trained classifier: reading pictures, files. Tests: in `classifier/tests.rs`.

use std::path::Path;

use burn::tensor::{Device, Tensor, activation::softmax};

use super::card::Card;
use super::design::Design;
use super::net::Net;
use super::weights;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::{files, parallel};

/// Pictures that go through the network together.
const CHUNK: usize = 100;

/// A trained classifier on its device.
#[derive(Debug, Clone)]
pub struct Classifier {
    net: Net,
    card: Card,
    device: Device,
}

impl Classifier {
    /// A network on its plain device, with what is known about it.
    pub(super) fn new(net: Net, card: Card, device: Device) -> Self {
        Self { net, card, device }
    }

    /// A network with random weights, that reads nothing. Its features still tell pictures apart: distances in them are a
    /// measure where there are no classes to learn features from (random embeddings, arXiv 2002.09797).
    ///
    /// # Errors
    /// None but a mistake in this program.
    pub fn untrained([channels, image_size]: [usize; 2], seed: u64, device: &Device) -> Result<Self> {
        let net = weights::initial(Design::default(), [channels, image_size], 1, seed, device)?;
        let card = Card { class_names: vec![String::new()], image_size, channels, seed, ..Card::default() };
        Ok(Self::new(net, card, device.clone()))
    }

    /// Notes which data it was made for.
    pub fn made_for(&mut self, data_sha256: String) {
        self.card.data_sha256 = Some(data_sha256);
    }

    /// Reads a file that [`save`](Self::save) has written.
    ///
    /// # Errors
    /// A file that cannot be read, or holds no classifier of this program.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let (net, card) = weights::decode(&files::read(path)?, device)
            .map_err(|reason| Error::Classifier { path: path.to_owned(), reason })?;
        Ok(Self::new(net, card, device.clone()))
    }

    /// Writes a safetensors file, whole or not at all.
    ///
    /// # Errors
    /// That it cannot be written.
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
    /// - `images`: any number of pictures `[channels, image_size, image_size]` in [-1, 1]
    /// - result: as many rows of `class_names.len()` values
    ///
    /// # Errors
    /// Values that are no whole pictures; a result that is infinite or not a number.
    pub fn probabilities(&self, images: &[f32]) -> Result<Vec<Vec<f32>>> {
        self.run(images, |net, images| softmax(net.forward(images), 1))
    }

    /// The most probable class of every picture.
    ///
    /// # Errors
    /// As [`probabilities`](Self::probabilities).
    pub fn predict(&self, images: &[f32]) -> Result<Vec<u16>> {
        Ok(self.probabilities(images)?.iter().map(|row| argmax(row) as u16).collect())
    }

    /// Share of the pictures that are read as their label, 0 to 1.
    fn accuracy(&self, images: &[f32], labels: &[u16]) -> Result<f64> {
        let read = self.predict(images)?;
        let right = read.iter().zip(labels).filter(|(read, label)| read == label).count();
        Ok(right as f64 / labels.len().max(1) as f64)
    }

    /// Measures the accuracy on held-out data, 0 to 1, and writes it into the card.
    ///
    /// # Errors
    /// As [`probabilities`](Self::probabilities).
    pub fn test(&mut self, data: &Dataset) -> Result<f64> {
        let (images, labels) = data.batch(&(0..data.len()).collect::<Vec<_>>());
        let accuracy = self.accuracy(&images, &labels)?;
        self.card.test_accuracy = Some(accuracy);
        self.card.test_images = Some(data.len());
        Ok(accuracy)
    }

    /// The last hidden layer, in which distances between sets of pictures are measured.
    ///
    /// # Shapes
    /// - `images`: as for [`probabilities`](Self::probabilities)
    /// - result: as many rows of [`FEATURES`](super::FEATURES) values
    ///
    /// # Errors
    /// As [`probabilities`](Self::probabilities).
    pub fn features(&self, images: &[f32]) -> Result<Vec<Vec<f32>>> {
        self.run(images, |net, images| net.features(images))
    }

    /// Runs chunks of the pictures on all cores and cuts the result into rows.
    fn run(&self, images: &[f32], work: impl Fn(&Net, Tensor<4>) -> Tensor<2> + Sync) -> Result<Vec<Vec<f32>>> {
        let (size, channels) = (self.card.image_size, self.card.channels);
        let area = channels * size * size;
        if !images.len().is_multiple_of(area) {
            return Err(Error::Data {
                location: "the pictures to be read".into(),
                reason: format!("{} values are not a number of {size}x{size} pictures", images.len()),
            });
        }
        let jobs = images.chunks(CHUNK * area).map(|chunk| (self.net.clone(), chunk)).collect();
        let chunks = parallel::map(jobs, parallel::default_threads(), |(net, chunk)| {
            let input = Tensor::<1>::from_floats(chunk, &self.device);
            let output = work(&net, input.reshape([chunk.len() / area, channels, size, size]));
            let width = output.dims()[1];
            let values = output.into_data().try_to_vec::<f32>();
            let values = values.map_err(|error| Error::Device(format!("{error:?}")))?;
            // Measures would take what is not a number for some class, or for a distance of 0.
            if values.iter().any(|value| !value.is_finite()) {
                let reason = "they are not all numbers: its weights, or the pictures, are broken".to_owned();
                return Err(Error::Data { location: "the classifier's results".into(), reason });
            }
            Ok(values.chunks_exact(width).map(<[f32]>::to_vec).collect::<Vec<_>>())
        })?;
        Ok(chunks.concat())
    }
}

/// Index of the largest value; 0 of no values.
pub fn argmax(row: &[f32]) -> usize {
    row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(index, _)| index)
}
