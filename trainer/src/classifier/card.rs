//! What is known about a classifier in addition to its weights.

/// Facts about a classifier. They are in the header of its file.
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
    /// Share of the test pictures that are read right, 0 to 1, once it was measured.
    pub test_accuracy: Option<f64>,
}
