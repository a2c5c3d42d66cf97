//! Pictures <-> latents: a lossless pixel-unshuffle today, the seam for an autoencoder tomorrow.
//!
//! Tests: `tests/it/codec.rs`.

/// Folds squares of `patch` pixels into channels, as `torch.pixel_unshuffle` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchCodec {
    /// Side of the picture in pixels.
    pub image_size: usize,
    /// Side of a patch.
    pub patch_size: usize,
}

impl PatchCodec {
    /// `[channels, height, width]` of the latents.
    pub fn latent_shape(&self) -> [usize; 3] {
        let side = self.image_size / self.patch_size;
        [self.patch_size * self.patch_size, side, side]
    }

    /// Values of one picture, and of its latents.
    pub fn len(&self) -> usize {
        self.image_size * self.image_size
    }

    /// Never: a picture has pixels.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Index in the picture of each latent value, in the order of the latents.
    fn pixels(&self) -> impl Iterator<Item = usize> + use<> {
        let (size, patch) = (self.image_size, self.patch_size);
        let side = size / patch;
        (0..patch * patch).flat_map(move |channel| {
            let (dy, dx) = (channel / patch, channel % patch);
            (0..side * side).map(move |i| (i / side * patch + dy) * size + i % side * patch + dx)
        })
    }

    /// Picture -> latents.
    pub fn encode(&self, image: &[f32]) -> Vec<f32> {
        self.pixels().map(|pixel| image[pixel]).collect()
    }

    /// Latents -> picture.
    pub fn decode(&self, latents: &[f32]) -> Vec<f32> {
        let mut image = vec![0.0; self.len()];
        for (value, pixel) in latents.iter().zip(self.pixels()) {
            image[pixel] = *value;
        }
        image
    }
}

/// [-1, 1] -> 0..=255, rounded.
pub fn to_grey(value: f32) -> u8 {
    ((value.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8
}

/// 0..=255 -> [-1, 1].
pub fn from_grey(value: u8) -> f32 {
    f32::from(value) / 127.5 - 1.0
}
