//! Latents of a batch to pictures.

use diffusion::codec::{PatchCodec, to_grey};

/// The pictures as floats, one after the other: white 1, black -1, neither rounded nor clipped.
pub fn floats(codec: PatchCodec, latents: &[f32]) -> Vec<f32> {
    latents.chunks_exact(codec.len()).flat_map(|picture| codec.decode(picture)).collect()
}

/// The pictures as opaque grey RGBA, after multiplying by `scale`.
pub fn rgba(codec: PatchCodec, latents: &[f32], scale: f32) -> Vec<u8> {
    let grey = floats(codec, latents).into_iter().map(|value| to_grey(value * scale));
    grey.flat_map(|grey| [grey, grey, grey, u8::MAX]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODEC: PatchCodec = PatchCodec { image_size: 2, patch_size: 2 };

    #[test]
    fn pictures_follow_one_another() {
        let latents = [-1.0, 0.0, 1.0, 2.0, 1.0, 1.0, -3.0, 1.0];
        assert_eq!(floats(CODEC, &latents), latents);
        let greys: Vec<u8> = rgba(CODEC, &latents, 1.0).into_iter().step_by(4).collect();
        assert_eq!(greys, [0, 128, 255, 255, 255, 255, 0, 255]);
    }

    #[test]
    fn pixels_are_grey_and_opaque() {
        assert_eq!(rgba(CODEC, &[2.0, -2.0, 0.0, 2.0], 0.25)[..8], [191, 191, 191, 255, 64, 64, 64, 255]);
    }
}
