//! The order of the network's layers, for whoever runs or packs them one after the other.

use crate::config::UNetConfig;

/// A step on a feature map's way through the network. Paths are the modules' names in the weights file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// `conv_in`.
    ConvIn,
    /// A ResNet block; with `skip` channels of the map that was kept last beside its own.
    Resnet {
        /// Its path.
        path: String,
        /// Channels that come in.
        from: usize,
        /// Channels of the map that is taken back and put beside them; 0: none is.
        skip: usize,
        /// Channels that go out.
        to: usize,
    },
    /// A transformer over the pixels.
    Transformer {
        /// Its path.
        path: String,
        /// Its resolution, 0 the finest.
        level: usize,
        /// Whether the first attention looks at the class, too.
        only_cross_attention: bool,
    },
    /// The map is kept for the way up.
    Keep,
    /// To half the side.
    Downsample {
        /// Path of the convolution.
        path: String,
    },
    /// To double the side.
    Upsample {
        /// Path of the convolution.
        path: String,
    },
    /// `conv_norm_out`, SiLU, `conv_out`.
    Out,
}

/// The layers of a validated configuration.
pub fn layers(config: &UNetConfig) -> Vec<Layer> {
    let channels = &config.block_out_channels;
    let (levels, mut width) = (channels.len(), channels[0]);
    let last = channels[levels - 1];
    let transformer = |path: String, level: usize, only_cross: bool| Layer::Transformer {
        path,
        level,
        only_cross_attention: only_cross,
    };
    let mut layers = vec![Layer::ConvIn, Layer::Keep];
    let mut kept = vec![width];
    for (i, &to) in channels.iter().enumerate() {
        let block = format!("down_blocks.{i}");
        for j in 0..config.layers_per_block {
            layers.push(Layer::Resnet { path: format!("{block}.resnets.{j}"), from: width, skip: 0, to });
            width = to;
            if config.down_attention[i] {
                layers.push(transformer(format!("{block}.attentions.{j}"), i, config.only_cross_attention[i]));
            }
            layers.push(Layer::Keep);
            kept.push(width);
        }
        if i + 1 < levels {
            layers.extend([Layer::Downsample { path: format!("{block}.downsamplers.0.conv") }, Layer::Keep]);
            kept.push(width);
        }
    }
    let middle = |j: usize| Layer::Resnet { path: format!("mid_block.resnets.{j}"), from: last, skip: 0, to: last };
    layers.extend([middle(0), transformer("mid_block.attentions.0".into(), levels - 1, false), middle(1)]);
    for i in 0..levels {
        let (block, level) = (format!("up_blocks.{i}"), levels - 1 - i);
        for j in 0..=config.layers_per_block {
            let skip = kept.pop().unwrap_or_default();
            layers.push(Layer::Resnet { path: format!("{block}.resnets.{j}"), from: width, skip, to: channels[level] });
            width = channels[level];
            if config.up_attention[i] {
                layers.push(transformer(format!("{block}.attentions.{j}"), level, config.only_cross_attention[level]));
            }
        }
        if level > 0 {
            layers.push(Layer::Upsample { path: format!("{block}.upsamplers.0.conv") });
        }
    }
    layers.push(Layer::Out);
    layers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::shapes;

    fn config() -> UNetConfig {
        UNetConfig {
            sample_size: 8,
            in_channels: 4,
            out_channels: 4,
            block_out_channels: vec![8, 12, 20],
            layers_per_block: 2,
            down_attention: vec![true, false, true],
            up_attention: vec![true, false, true],
            transformer_layers_per_block: 1,
            norm_num_groups: 4,
            norm_eps: 1e-5,
            num_heads: vec![2, 4, 4],
            only_cross_attention: vec![true, false, false],
            cross_attention_dim: 6,
            encoder_hid_dim: 9,
        }
    }

    #[test]
    fn every_parameter_has_its_layer() {
        let (shapes, layers) = (shapes(&config()), layers(&config()));
        let mut paths = vec!["time_embedding", "encoder_hid_proj", "conv_in", "conv_norm_out", "conv_out"];
        for layer in &layers {
            match layer {
                Layer::Resnet { path, from, skip, to } => {
                    assert_eq!(shapes[&format!("{path}.conv1.weight")], [*to, from + skip, 3, 3], "{path}");
                    paths.push(path);
                }
                Layer::Transformer { path, level, only_cross_attention } => {
                    let (dim, context) = (config().block_out_channels[*level], config().cross_attention_dim);
                    let keys = &shapes[&format!("{path}.transformer_blocks.0.attn1.to_k.weight")];
                    assert_eq!(*keys, [dim, if *only_cross_attention { context } else { dim }], "{path}");
                    paths.push(path);
                }
                Layer::Downsample { path } | Layer::Upsample { path } => paths.push(path),
                Layer::ConvIn | Layer::Keep | Layer::Out => {}
            }
        }
        for name in shapes.keys() {
            let owners =
                paths.iter().filter(|path| name.strip_prefix(**path).is_some_and(|rest| rest.starts_with('.')));
            assert_eq!(owners.count(), 1, "{name}");
        }
    }

    #[test]
    fn what_is_kept_is_taken_back() {
        let layers = layers(&config());
        let count = |wanted: fn(&Layer) -> bool| layers.iter().filter(|layer| wanted(layer)).count();
        assert_eq!(
            count(|layer| *layer == Layer::Keep),
            count(|layer| matches!(layer, Layer::Resnet { skip, .. } if *skip > 0))
        );
    }
}
