//! GroupNorm.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::ops::{GroupNormSettings, Ops, group_norm};

/// Group normalisation over `[batch, height, width, channels]` (arXiv 1803.08494).
#[derive(Module, Debug)]
pub struct GroupNorm {
    /// Scale, `[channels]`.
    pub weight: Param<Tensor<1>>,
    /// Shift, `[channels]`.
    pub bias: Param<Tensor<1>>,
    groups: usize,
    eps: f64,
}

impl GroupNorm {
    /// Scale one, shift zero.
    pub fn new(groups: usize, channels: usize, eps: f64, device: &Device) -> Self {
        Self {
            weight: Param::from_tensor(Tensor::ones([channels], device)),
            bias: Param::from_tensor(Tensor::zeros([channels], device)),
            groups,
            eps,
        }
    }

    /// `[b, h, w, c] -> [b, h, w, c]`, with SiLU after it if wanted.
    pub fn forward(&self, x: Tensor<4>, silu: bool, ops: Ops) -> Tensor<4> {
        let settings = GroupNormSettings { groups: self.groups, eps: self.eps, silu };
        group_norm(x, self.weight.val(), self.bias.val(), settings, ops)
    }
}
