//! GroupNorm with as few passes over the activations as the tensor API allows.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// Group normalisation over `[batch, channels, height, width]` (arXiv 1803.08494).
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

    /// `[b, c, h, w] -> [b, c, h, w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [b, c, h, w] = x.dims();
        let per_group = c / self.groups;
        let x = x.reshape([b, self.groups, per_group * h * w]);
        let mean = x.clone().mean_dim(2);
        let centred = x - mean;
        let variance = centred.clone().square().mean_dim(2);
        // One factor per (picture, channel), so that the large tensor is scaled once, not twice.
        let inverse = (variance + self.eps).sqrt().recip();
        let scale = inverse * self.weight.val().reshape([1, self.groups, per_group]);
        centred.reshape([b, c, h, w]) * scale.reshape([b, c, 1, 1]) + self.bias.val().reshape([1, c, 1, 1])
    }
}
