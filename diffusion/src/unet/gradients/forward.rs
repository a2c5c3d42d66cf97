//! The forward: a batch on its way through the layers. Feature maps are `[batch, height, width, channels]`.
//!
//! Tests: `tests/it/gradients.rs`.

use std::collections::BTreeSet;

use cpu_kernels::attention::MultiHeadAttention;

use crate::config::UNetConfig;
use crate::ops::cpu::{
    AddToEachOp, AttentionOp, Conv3x3Op, GegluOp, GroupNormOp, JoinOp, LayerNormOp, LinearOp, SiluOp, StridedConv3x3Op,
};
use crate::ops::settings::{GroupNormSettings, Resize};
use crate::unet::topology::{self, Layer};
use crate::unet::weights::Weights;

use super::tape::{Tape, Value};

/// One forward pass.
pub struct Forward<'a, 'b> {
    pub config: &'a UNetConfig,
    pub weights: Weights<'a>,
    /// Names of the parameters whose gradients are wanted.
    pub wanted: &'a BTreeSet<String>,
    pub tape: Tape<'a, 'b>,
    /// Number of pictures.
    pub batch: usize,
    /// Height and width of the feature map.
    pub size: [usize; 2],
}

impl<'a> Forward<'a, '_> {
    /// `sample [b, h, w, in_channels]`, `sinusoids [b, first channels]`, `class_rows [b, tokens, encoder_hid_dim]`
    /// -> `[b, h, w, out_channels]`.
    pub fn run(
        &mut self,
        layers: &[Layer],
        sample: Value<'a>,
        sinusoids: Value<'a>,
        class_rows: Value<'a>,
    ) -> Value<'a> {
        let time = self.linear("time_embedding.linear_1", sinusoids, None);
        let time = self.tape.call(SiluOp, vec![time]);
        let time = self.linear("time_embedding.linear_2", time, None);
        // Every ResNet block begins with this SiLU.
        let time = self.tape.call(SiluOp, vec![time]);
        let context = self.linear("encoder_hid_proj", class_rows, None);
        let (mut h, mut skips) = (sample, Vec::new());
        for layer in layers {
            h = match layer {
                Layer::ConvIn => self.conv3x3("conv_in", h, Resize::Same, None, None),
                Layer::PushSkip => {
                    skips.push(h.clone());
                    h
                }
                Layer::Resnet(resnet) => {
                    let skip = if resnet.skip_channels > 0 { skips.pop() } else { None };
                    let x = match skip {
                        Some(skip) => {
                            let join = JoinOp { channels: [resnet.in_channels, resnet.skip_channels] };
                            self.tape.call(join, vec![h, skip])
                        }
                        None => h,
                    };
                    self.resnet(resnet, x, time.clone())
                }
                Layer::Transformer(transformer) => self.transformer(transformer, h, &context),
                Layer::Downsample(resample) => self.conv3x3(&resample.path(), h, Resize::Half, None, None),
                Layer::Upsample(resample) => self.conv3x3(&resample.path(), h, Resize::Double, None, None),
                Layer::ConvOut => {
                    let normed = self.group_norm("conv_norm_out", h, self.config.norm_eps, true);
                    self.conv3x3("conv_out", normed, Resize::Same, None, None)
                }
            };
        }
        for done in skips.into_iter().chain([time, context]) {
            self.tape.give(done);
        }
        h
    }

    /// `x + conv2(silu(norm2(conv1(silu(norm1(x))) + time)))`.
    fn resnet(&mut self, resnet: &topology::Resnet, x: Value<'a>, time: Value<'a>) -> Value<'a> {
        let (path, eps) = (resnet.path(), self.config.norm_eps);
        let h = self.group_norm(&format!("{path}.norm1"), x.clone(), eps, true);
        let time = self.linear(&format!("{path}.time_emb_proj"), time, None);
        let h = self.conv3x3(&format!("{path}.conv1"), h, Resize::Same, Some(time), None);
        let h = self.group_norm(&format!("{path}.norm2"), h, eps, true);
        let x = if resnet.has_shortcut() { self.linear(&format!("{path}.conv_shortcut"), x, None) } else { x };
        self.conv3x3(&format!("{path}.conv2"), h, Resize::Same, None, Some(x))
    }

    fn transformer(&mut self, layer: &topology::Transformer, x: Value<'a>, context: &Value<'a>) -> Value<'a> {
        let path = layer.path();
        let normed = self.group_norm(&format!("{path}.norm"), x.clone(), topology::TRANSFORMER_NORM_EPS, false);
        let mut h = self.linear(&format!("{path}.proj_in"), normed, None);
        for block in 0..self.config.transformer_layers_per_block {
            let block = format!("{path}.transformer_blocks.{block}");
            let normed = self.layer_norm(&format!("{block}.norm1"), h.clone());
            let seen = if layer.only_cross_attention { context.clone() } else { normed.clone() };
            h = self.attention(&format!("{block}.attn1"), layer, normed, seen, h);
            let normed = self.layer_norm(&format!("{block}.norm2"), h.clone());
            h = self.attention(&format!("{block}.attn2"), layer, normed, context.clone(), h);
            let normed = self.layer_norm(&format!("{block}.norm3"), h.clone());
            let both = self.linear(&format!("{block}.ff.net.0.proj"), normed, None);
            let gated = self.tape.call(GegluOp { width: 4 * layer.channels }, vec![both]);
            h = self.linear(&format!("{block}.ff.net.2"), gated, Some(h));
        }
        self.linear(&format!("{path}.proj_out"), h, Some(x))
    }

    /// `x [b, n, dim]` attends to `seen [b, m, width]`; added to `residual [b, n, dim]`.
    fn attention(
        &mut self,
        path: &str,
        layer: &topology::Transformer,
        x: Value<'a>,
        seen: Value<'a>,
        residual: Value<'a>,
    ) -> Value<'a> {
        let query = self.linear(&format!("{path}.to_q"), x, None);
        let key = self.linear(&format!("{path}.to_k"), seen.clone(), None);
        let value = self.linear(&format!("{path}.to_v"), seen, None);
        let (dim, heads) = (layer.channels, layer.heads);
        let [queries, keys] = [&query, &key].map(|rows| rows.values().len() / dim / self.batch);
        let attention = AttentionOp(MultiHeadAttention { dim, heads, queries, keys });
        let out = self.tape.call(attention, vec![query, key, value]);
        self.linear(&format!("{path}.to_out.0"), out, Some(residual))
    }

    /// A Linear or a 1 x 1 convolution over rows, with `residual` added.
    fn linear(&mut self, path: &str, x: Value<'a>, residual: Option<Value<'a>>) -> Value<'a> {
        let (weight, shape) = self.parameter(path, "weight");
        let mut inputs = vec![x, weight];
        // Queries, keys and values have no bias, and no residual either.
        if !self.weights.at(path).get("bias").0.is_empty() {
            inputs.push(self.parameter(path, "bias").0);
            inputs.extend(residual);
        }
        self.tape.call(LinearOp { k: shape[1], n: shape[0], transposed: true }, inputs)
    }

    /// A 3 x 3 convolution. `shift [b, out]` is added to each pixel of a picture, `residual` to the result.
    fn conv3x3(
        &mut self,
        path: &str,
        x: Value<'a>,
        resize: Resize,
        shift: Option<Value<'a>>,
        residual: Option<Value<'a>>,
    ) -> Value<'a> {
        let (weight, shape) = self.parameter(path, "weight");
        let (bias, _) = self.parameter(path, "bias");
        let bias = match shift {
            Some(shift) => self.tape.call(AddToEachOp, vec![shift, bias]),
            None => bias,
        };
        let [height, width] = self.size;
        let map = [self.batch, height, width, shape[1]];
        let [height, width] = resize.size(self.size);
        self.size = [height, width];
        let result = [self.batch, height, width, shape[0]];
        let inputs = [x, weight, bias].into_iter().chain(residual).collect();
        match resize.stride() {
            2 => self.tape.call(StridedConv3x3Op { map, result, padding: resize.padding() }, inputs),
            _ => self.tape.call(Conv3x3Op { map, result }, inputs),
        }
    }

    fn group_norm(&mut self, path: &str, x: Value<'a>, eps: f64, silu: bool) -> Value<'a> {
        let (weight, channels) = self.parameter(path, "weight");
        let (bias, _) = self.parameter(path, "bias");
        let [height, width] = self.size;
        let settings = GroupNormSettings { groups: self.config.norm_num_groups, eps, silu };
        self.tape.call(GroupNormOp { shape: [self.batch, height, width, channels[0]], settings }, vec![x, weight, bias])
    }

    fn layer_norm(&mut self, path: &str, x: Value<'a>) -> Value<'a> {
        let inputs = vec![x, self.parameter(path, "weight").0, self.parameter(path, "bias").0];
        self.tape.call(LayerNormOp, inputs)
    }

    /// A parameter with its shape, by the path of its module.
    fn parameter(&mut self, path: &str, name: &str) -> (Value<'a>, &'a [usize]) {
        let (values, shape) = self.weights.at(path).get(name);
        let name = format!("{path}.{name}");
        let value = if self.wanted.contains(&name) { self.tape.parameter(name, values) } else { Value::lent(values) };
        (value, shape)
    }
}
