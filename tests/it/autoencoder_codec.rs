//! The autoencoder as the codec of a base: scaled latents, what they look like, and a whole run behind it.

use std::sync::Arc;

use diffusion::autoencoder::files::{CONFIG, WEIGHTS};
use diffusion::autoencoder::{Autoencoder, AutoencoderCodec, CpuAutoencoder};
use diffusion::codec::Codec;
use diffusion::config::ModelInfo;
use diffusion::unet::cpu::Scratch;
use diffusion::{Backend, Base, BaseFiles, Model, Request, SamplerKind};

use crate::support::*;

fn config_text(name: &str) -> String {
    text(fixture(&format!("autoencoder/{name}/{CONFIG}")))
}

fn weights(name: &str) -> Vec<u8> {
    bytes(fixture(&format!("autoencoder/{name}/{WEIGHTS}")))
}

/// As a base's codec it gives the latents that diffusion works on, scaled, and refuses a base that takes others.
#[test]
fn latents_are_scaled_and_belong_to_their_base() {
    let grey = Autoencoder::read(&config_text("grey"), &[&weights("grey")]).unwrap();
    assert!(AutoencoderCodec::new(grey.clone(), 18).is_err(), "18 is no multiple of 4");
    let codec = AutoencoderCodec::new(grey.clone(), 16).unwrap();
    let network = CpuAutoencoder::new(&grey.config, &grey.state).unwrap();
    let picture: Vec<f32> = (0..256).map(|i| (i as f32 * 0.3).sin()).collect();
    let plain = network.encode(&picture, [16, 16], &mut Scratch::default()).unwrap();
    let scaled: Vec<f32> = plain.mean.iter().map(|mean| (mean - 0.125) * 0.75).collect();
    let codec = Codec::Autoencoder(Arc::new(codec));
    assert_close("encoded", &codec.encode(&picture).unwrap(), &scaled, 1e-6);
    let decoded = network.decode(&plain.mean, [4, 4], &mut Scratch::default()).unwrap();
    assert_close("decoded", &codec.decode(&scaled).unwrap(), &decoded, 1e-4);
    assert_eq!((codec.latent_shape(), codec.latent_len()), ([3, 4, 4], 48));
    assert_refused("half of it", codec.decode(&scaled[1..]), &["47 values"]);

    let folder = Folder::open(&fixture("unet/tiny"));
    let info = folder.info.replace("\"patch_size\": 2", "\"patch_size\": 2, \"latent_channels\": 4");
    assert_ne!(info, folder.info);
    let folder = Folder { info, ..folder };
    assert_refused("without its autoencoder", folder.read(), &["digit_diffusion.json", "latent_channels 4"]);
    let with = |name: &str| {
        let weights = weights(name);
        let files = BaseFiles {
            info: &folder.info,
            unet_config: &folder.unet_config,
            scheduler_config: &folder.scheduler_config,
            weights: &[&folder.weights],
        };
        Base::read_with_autoencoder(&files, &config_text(name), &[&weights])
    };
    assert_refused("with another's", with("grey"), &["vae/config.json makes latents of 3 channels"]);
    // Of pictures in colour, which the base does not draw.
    assert_refused("in colour", with("colour"), &["in 3 channels"]);
    let more = folder.info.replace("\"latent_channels\": 4", "\"latent_channels\": 5");
    assert_refused("more channels", Folder { info: more, ..folder }.read(), &["latent_channels 5", "in_channels"]);
}

/// A whole run behind it: diffusers' pipeline of UNet, DDIM and decoder. `tests/page/autoencoder.test.mjs` holds browsers to it.
#[test]
fn a_run_ends_at_the_picture_of_diffusers() {
    let folder = Folder::open(&fixture("unet/tiny"));
    let info = folder.info.replace("\"patch_size\": 2", "\"patch_size\": 2, \"channels\": 3, \"latent_channels\": 4");
    let files = BaseFiles {
        info: &info.replace("\"image_size\": 28", "\"image_size\": 16"),
        unet_config: &folder.unet_config,
        scheduler_config: &folder.scheduler_config,
        weights: &[&folder.weights],
    };
    let base = Base::read_with_autoencoder(&files, &config_text("colour"), &[&weights("colour")]).unwrap();
    let codec = base.codec();
    let known = tensors("autoencoder/colour/run.safetensors");
    let request = Request {
        sampler: SamplerKind::Ddim,
        num_inference_steps: 6,
        guidance_scale: 1.0,
        latents: Some(known["noise"].values.clone()),
        ..Request::new(2, 0)
    };
    let last = Model::new(base, Backend::Cpu).unwrap().generate(request).unwrap().last().unwrap().unwrap();
    assert_close("latents", &last.sample, &known["latents"].values, 1e-4);
    assert_close("picture", &codec.decode(&last.sample).unwrap(), &known["decoded"].values, 1e-3);
}

/// A base says by `latent_rgb` what latents look like; without it they are decoded.
#[test]
fn a_preview_is_a_linear_map_of_the_latents_enlarged() {
    let folder = Folder::open(&fixture("unet/tiny"));
    let base = |latent_rgb: Option<&str>| {
        let config = config_text("colour");
        let said = latent_rgb.map_or_else(String::new, |rows| format!(", \"latent_rgb\": {rows}"));
        let latent = format!("\"patch_size\": 2, \"channels\": 3, \"latent_channels\": 4{said}");
        let info = folder.info.replace("\"patch_size\": 2", &latent).replace("\"image_size\": 28", "\"image_size\": 8");
        let files = BaseFiles {
            info: &info,
            unet_config: &folder.unet_config,
            scheduler_config: &folder.scheduler_config,
            weights: &[&folder.weights],
        };
        Base::read_with_autoencoder(&files, &config, &[&weights("colour")])
    };
    let latents: Vec<f32> = (0..64).map(|i| (i as f32 * 0.7).cos()).collect();
    let decoding = base(None).unwrap();
    assert!(!decoding.info.to_json().contains("latent_rgb"), "nothing is said of what is not there");
    let codec = decoding.codec();
    assert_eq!(codec.preview(&latents).unwrap(), codec.decode(&latents).unwrap());

    let base = base(Some("[[0, 0, 0, 0, 0.25], [1, 0, 0, 0, 0], [0, 0, 0.5, -1, 0.1]]")).unwrap();
    let written = base.info.to_json();
    assert_eq!(ModelInfo::from_json(&written).unwrap(), base.info);
    assert!(written.contains(" 0.1\n") && !written.contains("0.100000"), "as short as it was read: {written}");
    let preview = base.codec().preview(&latents).unwrap();
    assert_eq!((preview.len(), base.codec().channels()), (192, 3));
    assert!(preview[..64].iter().all(|&red| red == 0.25));
    // torch.nn.functional.interpolate(mode="bilinear"): a quarter of a pixel before and behind.
    let [a, b] = [latents[0], latents[1]];
    assert_close(
        "green",
        &preview[64..68],
        &[a, a * 0.75 + b * 0.25, a * 0.25 + b * 0.75, latents[1] * 0.75 + latents[2] * 0.25],
        1e-6,
    );
    let last = 0.5 * latents[47] - latents[63] + 0.1;
    assert_close("blue", &preview[191..], &[last], 1e-6);
    assert_refused("half of it", base.codec().preview(&latents[1..]), &["63 values"]);
}

#[test]
fn previews_belong_to_their_latents() {
    let good = Folder::open(&fixture("unet/tiny")).info;
    for (latent, parts) in [
        ("\"latent_rgb\": [[1, 2, 3, 4, 5]]", &["latent_rgb needs latent_channels"][..]),
        ("\"latent_channels\": 4, \"latent_rgb\": [[1, 2, 3, 4]]", &["latent_rgb", "1 rows of 5 numbers", "[4]"]),
        ("\"latent_channels\": 4, \"latent_rgb\": [[1, 2, 3, 4, 1e99]]", &["latent_rgb", "finite"]),
        ("\"latent_channels\": 4, \"latent_rgb\": 7", &["latent_rgb", "rows of numbers", "7"]),
    ] {
        let info = good.replace("\"patch_size\": 2", &format!("\"patch_size\": 2, {latent}"));
        assert_refused(latent, ModelInfo::from_json(&info), parts);
    }
}
