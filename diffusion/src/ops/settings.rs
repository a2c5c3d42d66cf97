//! Shapes and settings of operations.

/// Shape of a feature map: `[pictures, height, width, channels]`.
pub type MapShape = [usize; 4];

/// How a convolution changes the size of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// Not at all.
    Same,
    /// Stride 2: half the height and width, rounded up.
    Half,
    /// Nearest-neighbour upsampling to double height and width, then the convolution.
    Double,
}

/// A GroupNorm, apart from its parameters.
#[derive(Debug, Clone, Copy)]
pub struct GroupNormSettings {
    /// Number of groups of channels.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Whether SiLU follows.
    pub silu: bool,
}
