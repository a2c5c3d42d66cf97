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
    /// The same with the padding behind the map alone, as diffusers' autoencoder has it: the first window begins at the first
    /// pixel.
    HalfPaddedBehind,
    /// Nearest-neighbour upsampling to double height and width, then the convolution.
    Double,
}

impl Resize {
    /// The convolution's stride.
    pub fn stride(self) -> usize {
        if matches!(self, Self::Half | Self::HalfPaddedBehind) { 2 } else { 1 }
    }

    /// Height and width of the result of a map with these.
    pub fn size(self, [height, width]: [usize; 2]) -> [usize; 2] {
        match self {
            Self::Same => [height, width],
            Self::Half | Self::HalfPaddedBehind => [height.div_ceil(2), width.div_ceil(2)],
            Self::Double => [2 * height, 2 * width],
        }
    }

    /// Rows and columns of zeros before the map.
    pub(crate) fn padding(self) -> usize {
        if self == Self::HalfPaddedBehind { 0 } else { 1 }
    }
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
