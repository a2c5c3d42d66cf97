//! The autoencoder's parameters: names (those of the weights file, which are diffusers') and shapes.
//!
//! Tests: `tests/it/autoencoder.rs`.

use crate::config::AutoencoderConfig;
use crate::error::Result;
use crate::state::StateDict;
use crate::unet::parameters::{Shapes, check_shapes};

use super::topology::{Half, Layer, layers, pointwise};

/// The parameters of a validated configuration.
pub fn shapes(config: &AutoencoderConfig) -> Shapes {
    let mut shapes = Shapes::new();
    for half in Half::ALL {
        let mut put = |name: String, weight: &[usize]| {
            // A bias has as many values as the weight has outputs; a norm's weight is as long as its bias.
            shapes.insert(format!("{name}.weight"), weight.to_vec());
            shapes.insert(format!("{name}.bias"), weight[..1].to_vec());
        };
        if let Some(layer) = pointwise(config, half) {
            put(layer.path.to_owned(), &[layer.channels, layer.channels, 1, 1]);
        }
        for layer in layers(config, half) {
            let mut at = |path: &str, weight: &[usize]| put(format!("{half}.{path}"), weight);
            match layer {
                Layer::ConvIn([from, to]) => at("conv_in", &[to, from, 3, 3]),
                Layer::Resnet(resnet) => {
                    let (path, from, to) = (resnet.path(), resnet.in_channels, resnet.out_channels);
                    at(&format!("{path}.norm1"), &[from]);
                    at(&format!("{path}.conv1"), &[to, from, 3, 3]);
                    at(&format!("{path}.norm2"), &[to]);
                    at(&format!("{path}.conv2"), &[to, to, 3, 3]);
                    if resnet.has_shortcut() {
                        at(&format!("{path}.conv_shortcut"), &[to, from, 1, 1]);
                    }
                }
                Layer::Attention(attention) => {
                    let (path, channels) = (attention.path(), attention.channels);
                    at(&format!("{path}.group_norm"), &[channels]);
                    for part in ["to_q", "to_k", "to_v", "to_out.0"] {
                        at(&format!("{path}.{part}"), &[channels, channels]);
                    }
                }
                Layer::Downsample(resample) | Layer::Upsample(resample) => {
                    at(&resample.path(), &[resample.channels, resample.channels, 3, 3]);
                }
                Layer::ConvOut([from, to]) => {
                    at("conv_norm_out", &[from]);
                    at("conv_out", &[to, from, 3, 3]);
                }
            }
        }
    }
    shapes
}

/// Refuses missing, unexpected and wrongly shaped parameters by name.
///
/// # Errors
/// [`Error::Weights`](crate::Error::Weights).
pub fn check_state(config: &AutoencoderConfig, state: &StateDict) -> Result<()> {
    check_shapes(&shapes(config), state)
}
