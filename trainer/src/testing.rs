//! Helpers of the unit tests.

use burn::tensor::Device;
use diffusion::Base;
use diffusion::config::{ModelInfo, UNetConfig};
use diffusion::schedule::ScheduleConfig;
use diffusion::unet::burn::BurnUNet;
use diffusion::unet::init::initial_state;

/// A network of two levels for two classes, with random weights, and what it draws.
pub fn tiny_unet(device: &Device) -> (BurnUNet, ModelInfo) {
    let (config, info) = tiny_config();
    (BurnUNet::new(&config, device), info)
}

/// A base of such a network, of which no weight is zero.
pub fn tiny_base() -> Base {
    let (unet, info) = tiny_config();
    let mut state = initial_state(&unet, 3);
    for (i, value) in state.values_mut().flat_map(|tensor| &mut tensor.values).enumerate() {
        *value += 0.05 * (i as f32).sin();
    }
    Base { info, unet, schedule: ScheduleConfig::default(), state, autoencoder: None }
}

fn tiny_config() -> (UNetConfig, ModelInfo) {
    let info = ModelInfo {
        format: 1,
        labels: vec!["0".into(), "1".into()],
        tokens_per_class: 2,
        image_size: 8,
        patch_size: 2,
        latent_channels: None,
        latent_rgb: None,
        channels: 1,
        null_class_trained: true,
        guidance_scale: None,
    };
    let config = UNetConfig {
        dropout: 0.0,
        sample_size: 4,
        in_channels: 4,
        out_channels: 4,
        block_out_channels: vec![4, 8],
        layers_per_block: 1,
        down_attention: vec![true; 2],
        up_attention: vec![true; 2],
        transformer_layers_per_block: 1,
        norm_num_groups: 2,
        norm_eps: 1e-5,
        num_heads: vec![2; 2],
        only_cross_attention: vec![true, false],
        cross_attention_dim: 4,
        encoder_hid_dim: info.encoder_hid_dim(),
    };
    (config, info)
}

/// 28x28 digits drawn with thick strokes: 0, 7, and for every other label a 1.
pub fn drawn_digit(label: u16) -> Vec<u8> {
    let distance: fn(f32, f32) -> f32 = match label {
        0 => |x, y| (((x - 13.5) / 6.5).hypot((y - 13.5) / 9.0) - 1.0).abs() * 7.0,
        7 => |x, y| {
            let bar = segment(x, y, [7.0, 5.0], [20.0, 5.0]);
            bar.min(segment(x, y, [20.0, 5.0], [11.0, 23.0]))
        },
        _ => |x, y| segment(x, y, [15.0, 4.0], [13.0, 23.0]),
    };
    let level = |i: usize| {
        let d = distance((i % 28) as f32, (i / 28) as f32);
        ((2.0 - d).clamp(0.0, 1.0) * 255.0) as u8
    };
    (0..28 * 28).map(level).collect()
}

fn segment(x: f32, y: f32, a: [f32; 2], b: [f32; 2]) -> f32 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let t = (((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    (x - a[0] - t * dx).hypot(y - a[1] - t * dy)
}
