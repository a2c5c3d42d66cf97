//! Pictures <-> latents.

use diffusion::codec::{PatchCodec, from_grey, interleaved, planar, to_grey};

/// diffusers' side of the convention: channel 2 dy + dx holds pixel (2y + dy, 2x + dx).
#[test]
fn patches_are_pixel_unshuffled() {
    let codec = PatchCodec { image_size: 6, patch_size: 2, channels: 1 };
    assert_eq!(codec.latent_shape(), [4, 3, 3]);
    let image: Vec<f32> = (0..36).map(|pixel| pixel as f32).collect();
    let latents = codec.encode(&image);
    for channel in 0..4 {
        let (dy, dx) = (channel / 2, channel % 2);
        for (y, x) in (0..9).map(|i| (i / 3, i % 3)) {
            let pixel = (2 * y + dy) * 6 + 2 * x + dx;
            assert_eq!(latents[channel * 9 + y * 3 + x], pixel as f32, "channel {channel}, {y}, {x}");
        }
    }
    assert_eq!(codec.decode(&latents), image);
}

#[test]
fn a_patch_of_one_changes_nothing() {
    let codec = PatchCodec { image_size: 5, patch_size: 1, channels: 1 };
    let image: Vec<f32> = (0..25).map(|pixel| pixel as f32).collect();
    assert_eq!(codec.latent_shape(), [1, 5, 5]);
    assert_eq!(codec.encode(&image), image);
    assert_eq!(codec.decode(&image), image);
}

/// `torch.pixel_unshuffle(torch.arange(48).reshape(3, 4, 4), 2)`: 12 channels of 2x2.
#[test]
fn channels_of_a_colour_stay_together() {
    let codec = PatchCodec { image_size: 4, patch_size: 2, channels: 3 };
    assert_eq!((codec.latent_shape(), codec.len()), ([12, 2, 2], 48));
    let red = [[0, 2, 8, 10], [1, 3, 9, 11], [4, 6, 12, 14], [5, 7, 13, 15]].concat();
    let unshuffled: Vec<usize> = (0..3).flat_map(|plane| red.iter().map(move |value| plane * 16 + value)).collect();
    let image: Vec<f32> = (0..48).map(|value| value as f32).collect();
    let latents = codec.encode(&image);
    assert_eq!(latents, unshuffled.iter().map(|&value| value as f32).collect::<Vec<_>>());
    assert_eq!(codec.decode(&latents), image);
    // Image files go pixel by pixel.
    let pixels = interleaved(&image, 3);
    assert_eq!(pixels[..6], [0.0, 16.0, 32.0, 1.0, 17.0, 33.0]);
    assert_eq!(planar(&pixels, 3), image);
}

#[test]
fn grey_levels_survive_the_round_trip() {
    for level in 0..=255 {
        assert_eq!(to_grey(from_grey(level)), level);
    }
    assert_eq!((from_grey(0), from_grey(255)), (-1.0, 1.0));
    assert_eq!([-7.0, 7.0, f32::NEG_INFINITY, f32::INFINITY].map(to_grey), [0, 255, 0, 255]);
}
