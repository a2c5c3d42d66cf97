//! What is known about a classifier in addition to its weights.

use super::design::Design;

/// Facts about a classifier. They are in the header of its file.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Card {
    /// Layers and augmentation.
    #[serde(default)]
    pub design: Design,
    /// Names of the classes; a label is an index into them.
    pub class_names: Vec<String>,
    /// Side of the pictures in pixels.
    pub image_size: usize,
    /// 1 of grey pictures, 3 of coloured ones.
    #[serde(default = "grey", skip_serializing_if = "is_grey")]
    pub channels: usize,
    /// Seed of the training.
    pub seed: u64,
    /// Times that every training picture was seen.
    pub epochs: usize,
    /// Number of training pictures.
    pub train_images: usize,
    /// Share of the test pictures that are read right, 0 to 1, once it was measured.
    pub test_accuracy: Option<f64>,
    /// Number of the test pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_images: Option<usize>,
    /// SHA-256 of the data that it was made for, training and test pictures together; none for MNIST's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
}

impl Default for Card {
    fn default() -> Self {
        Self {
            design: Design::default(),
            class_names: Vec::new(),
            image_size: 0,
            channels: grey(),
            seed: 0,
            epochs: 0,
            train_images: 0,
            test_accuracy: None,
            test_images: None,
            data_sha256: None,
        }
    }
}

fn grey() -> usize {
    1
}

fn is_grey(channels: &usize) -> bool {
    *channels == grey()
}
