//! Latents of a batch to pictures.

use diffusion::codec::{PatchCodec, interleaved, to_grey};

/// The pictures as floats, one after the other: white 1, black -1, neither rounded nor clipped. Of a picture in colour red, then
/// green, then blue.
pub fn floats(codec: PatchCodec, latents: &[f32]) -> Vec<f32> {
    latents.chunks_exact(codec.len()).flat_map(|picture| codec.decode(picture)).collect()
}

/// The pictures as opaque RGBA, after multiplying by `scale`.
pub fn rgba(codec: PatchCodec, latents: &[f32], scale: f32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 * latents.len());
    for picture in latents.chunks_exact(codec.len()) {
        for pixel in interleaved(&codec.decode(picture), codec.channels).chunks_exact(codec.channels) {
            let level = |channel: usize| to_grey(pixel[channel.min(pixel.len() - 1)] * scale);
            bytes.extend([level(0), level(1), level(2), u8::MAX]);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODEC: PatchCodec = PatchCodec { image_size: 2, patch_size: 2, channels: 1 };

    #[test]
    fn pictures_follow_one_another() {
        let latents = [-1.0, 0.0, 1.0, 2.0, 1.0, 1.0, -3.0, 1.0];
        assert_eq!(floats(CODEC, &latents), latents);
        let greys: Vec<u8> = rgba(CODEC, &latents, 1.0).into_iter().step_by(4).collect();
        assert_eq!(greys, [0, 128, 255, 255, 255, 255, 0, 255]);
    }

    #[test]
    fn colours_are_those_of_the_three_channels() {
        let codec = PatchCodec { channels: 3, ..CODEC };
        let latents = [1.0, -1.0, 0.0, -1.0, -1.0, 1.0, 0.0, -1.0, -1.0, -1.0, 0.0, 1.0];
        let expected = [[255, 0, 0, 255], [0, 255, 0, 255], [128, 128, 128, 255], [0, 0, 255, 255]];
        assert_eq!(rgba(codec, &latents, 1.0), expected.concat());
    }

    #[test]
    fn pixels_are_grey_and_opaque() {
        assert_eq!(rgba(CODEC, &[2.0, -2.0, 0.0, 2.0], 0.25)[..8], [191, 191, 191, 255, 64, 64, 64, 255]);
    }
}
