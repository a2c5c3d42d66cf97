//! Pictures <-> latents.

use diffusion::codec::{PatchCodec, from_grey, to_grey};

/// diffusers' side of the convention: channel 2 dy + dx holds pixel (2y + dy, 2x + dx).
#[test]
fn patches_are_pixel_unshuffled() {
    let codec = PatchCodec { image_size: 6, patch_size: 2 };
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
    let codec = PatchCodec { image_size: 5, patch_size: 1 };
    let image: Vec<f32> = (0..25).map(|pixel| pixel as f32).collect();
    assert_eq!(codec.latent_shape(), [1, 5, 5]);
    assert_eq!(codec.encode(&image), image);
    assert_eq!(codec.decode(&image), image);
}

#[test]
fn grey_levels_survive_the_round_trip() {
    for level in 0..=255 {
        assert_eq!(to_grey(from_grey(level)), level);
    }
    assert_eq!((from_grey(0), from_grey(255)), (-1.0, 1.0));
    assert_eq!([-7.0, 7.0, f32::NEG_INFINITY, f32::INFINITY].map(to_grey), [0, 255, 0, 255]);
}
