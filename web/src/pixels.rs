//! Latents of a batch to what is shown of them.

use diffusion::Result;
use diffusion::codec::{Codec, interleaved, to_grey};

/// What the latents of pictures roughly look like, cheaply, as floats, one after the other: white 1, black -1, neither rounded nor
/// clipped. Of a picture in colour red, then green, then blue. Of patches of pixels it is the pictures themselves.
pub fn previews(codec: &Codec, latents: &[f32]) -> Result<Vec<f32>> {
    let each = latents.chunks_exact(codec.latent_len()).map(|latents| codec.preview(latents));
    Ok(each.collect::<Result<Vec<_>>>()?.concat())
}

/// Pictures as opaque RGBA.
pub fn rgba(pictures: &[f32], codec: &Codec) -> Vec<u8> {
    let channels = codec.channels();
    let mut bytes = Vec::with_capacity(4 * pictures.len());
    for picture in pictures.chunks_exact(codec.picture_len()) {
        for pixel in interleaved(picture, channels).chunks_exact(channels) {
            let level = |channel: usize| to_grey(pixel[channel.min(pixel.len() - 1)]);
            bytes.extend([level(0), level(1), level(2), u8::MAX]);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use diffusion::codec::PatchCodec;

    const PATCHES: PatchCodec = PatchCodec { image_size: 2, patch_size: 2, channels: 1 };
    const GREY: Codec = Codec::Patches(PATCHES);

    #[test]
    fn pictures_follow_one_another() {
        let latents = [-1.0, 0.0, 1.0, 2.0, 1.0, 1.0, -3.0, 1.0];
        assert_eq!(previews(&GREY, &latents).unwrap(), latents);
        let greys: Vec<u8> = rgba(&latents, &GREY).into_iter().step_by(4).collect();
        assert_eq!(greys, [0, 128, 255, 255, 255, 255, 0, 255]);
    }

    #[test]
    fn colours_are_those_of_the_three_channels() {
        let codec = Codec::Patches(PatchCodec { channels: 3, ..PATCHES });
        let latents = [1.0, -1.0, 0.0, -1.0, -1.0, 1.0, 0.0, -1.0, -1.0, -1.0, 0.0, 1.0];
        let expected = [[255, 0, 0, 255], [0, 255, 0, 255], [128, 128, 128, 255], [0, 0, 255, 255]];
        assert_eq!(rgba(&latents, &codec), expected.concat());
    }
}
