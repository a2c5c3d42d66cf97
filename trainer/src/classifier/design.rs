//! How a classifier is built and taught: three ways that err in different places. Tests: in `classifier/tests.rs`.

/// Layers and augmentation of a classifier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Design {
    /// Convolutions one after the other; pictures as they are, moved by a pixel at most
    Plain,
    /// Residual blocks at both sizes (arXiv 1512.03385); pictures slightly distorted
    Residual,
    /// Few layers; pictures turned, stretched, leant and moved as far as they can still be read
    #[default]
    Distorted,
}

impl Design {
    /// All, in the order in which they are reported.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Residual, Self::Distorted];

    /// Its name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Residual => "residual",
            Self::Distorted => "distorted",
        }
    }

    /// Seed of its training, another one for each.
    pub fn seed(self) -> u64 {
        match self {
            Self::Distorted => 0,
            Self::Plain => 1,
            Self::Residual => 2,
        }
    }

    /// Highest learning rate: steps that are too long silence deep layers for good.
    pub fn learning_rate(self) -> f64 {
        if self == Self::Residual { 1e-3 } else { 2e-3 }
    }

    /// Convolutions at half the pictures' side, and at a quarter.
    pub(super) fn depth(self) -> [usize; 2] {
        match self {
            Self::Plain => [1, 1],
            Self::Residual => [2, 4],
            Self::Distorted => [0, 1],
        }
    }

    /// Share of the augmentation's largest turn, stretch and lean, and of its largest shift.
    pub(super) fn distortion(self) -> [f32; 2] {
        match self {
            Self::Plain => [0.0, 0.5],
            Self::Residual => [0.5, 0.5],
            Self::Distorted => [1.0, 1.0],
        }
    }
}
