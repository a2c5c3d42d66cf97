//! Starting weights for training, the same for a seed on every device.
//!
//! Tests: `tests/it/autoencoder.rs`.

use crate::config::AutoencoderConfig;
use crate::state::StateDict;
use crate::unet::init::initial_values;

use super::parameters::shapes;

/// Logarithm of the variance that training begins with: at 0 the noise would be as large as what it should carry.
const LOG_VARIANCE: f32 = -6.0;

/// As the UNet's ([`initial_state`](crate::unet::init::initial_state)), but that the last layers are no zeros: from those the
/// decoder would learn nothing of the encoder's, at first. Latents begin with little noise.
pub fn initial_state(config: &AutoencoderConfig, seed: u64) -> StateDict {
    let mut state = initial_values(&shapes(config), &["conv2.", "to_out.0."], seed);
    let last = if config.use_quant_conv { "quant_conv.bias" } else { "encoder.conv_out.bias" };
    if let Some(bias) = state.get_mut(last) {
        bias.values.iter_mut().skip(config.latent_channels).for_each(|value| *value = LOG_VARIANCE);
    }
    state
}
