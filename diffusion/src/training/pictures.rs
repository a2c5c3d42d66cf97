//! Pictures with their classes, in memory.
//!
//! Tests: here.

use crate::codec::from_grey;
use crate::config::ModelInfo;
use crate::error::{RequestError, Result, TrainingError};

/// Square pictures, grey and light on dark as MNIST's are, or in colour, with their classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// Side in pixels.
    pub size: usize,
    /// 1 of grey pictures, 3 of coloured ones.
    pub channels: usize,
    /// Levels, picture after picture, in each channel after channel, row by row.
    pub levels: Vec<u8>,
    /// The class of each.
    pub labels: Vec<u16>,
}

impl Pictures {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Checks that there are some, and that a model can be trained on them.
    ///
    /// # Errors
    /// [`TrainingError::NoPictures`], [`TrainingError::Pictures`] where they have not the model's size,
    /// [`RequestError::Class`] for a class that it does not have.
    pub fn check(&self, info: &ModelInfo) -> Result<()> {
        if self.is_empty() {
            return Err(TrainingError::NoPictures.into());
        }
        let (pictures, size) = (self.len(), info.image_size);
        let values = pictures * info.picture_len();
        // Where an autoencoder makes the latents, pictures cannot be learnt as they are.
        if info.latent_channels.is_some()
            || self.size != size
            || self.channels != info.channels
            || self.levels.len() != values
        {
            return Err(TrainingError::Pictures { pictures, size, values: self.levels.len() }.into());
        }
        match self.labels.iter().find(|label| usize::from(**label) >= info.num_classes()) {
            Some(label) => Err(RequestError::Class { found: usize::from(*label), last: info.num_classes() - 1 }.into()),
            None => Ok(()),
        }
    }

    /// The chosen pictures scaled to [-1, 1], one after the other, and their labels.
    ///
    /// # Shapes
    /// `[indices, channels, size, size]` and `[indices]`.
    pub fn chosen(&self, indices: &[usize]) -> (Vec<f32>, Vec<u16>) {
        let area = self.channels * self.size * self.size;
        let mut images = Vec::with_capacity(indices.len() * area);
        for index in indices {
            images.extend(self.levels[index * area..][..area].iter().map(|level| from_grey(*level)));
        }
        (images, indices.iter().map(|index| self.labels[*index]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_that_do_not_fit_are_refused() {
        let info = ModelInfo {
            format: 1,
            labels: vec!["0".into(), "1".into()],
            tokens_per_class: 1,
            image_size: 4,
            patch_size: 2,
            latent_channels: None,
            latent_rgb: None,
            channels: 1,
            null_class_trained: true,
            guidance_scale: None,
        };
        let good = Pictures { size: 4, channels: 1, levels: (0..32).map(|i| i * 8).collect(), labels: vec![1, 0] };
        good.check(&info).unwrap();
        let (images, labels) = good.chosen(&[1, 1, 0]);
        assert_eq!((images.len(), labels), (48, vec![0, 0, 1]));
        assert_eq!((images[32], images[0]), (-1.0, from_grey(128)));
        let refused = |pictures: Pictures| pictures.check(&info).unwrap_err().kind();
        assert_eq!(refused(Pictures { labels: vec![], levels: vec![], ..good.clone() }), "training-no-pictures");
        assert_eq!(refused(Pictures { labels: vec![0, 2], ..good.clone() }), "class");
        assert_eq!(refused(Pictures { labels: vec![0], ..good.clone() }), "training-pictures");
        assert_eq!(refused(Pictures { channels: 3, ..good.clone() }), "training-pictures");
        assert_eq!(refused(Pictures { size: 8, ..good }), "training-pictures");
    }
}
