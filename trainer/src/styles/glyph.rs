//! What a style draws from.

use diffusion::noise::NoiseSource;

use super::field::Field;

/// A picture with its label.
pub struct Glyph {
    /// The picture, 0 black to 1 white.
    pub image: Field,
    /// Its class.
    pub label: u16,
    /// Random numbers of this picture alone: the same at every call.
    pub noise: NoiseSource,
}
