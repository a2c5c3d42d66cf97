//! Timestep embedding and class tokens.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};

use crate::config::ModelInfo;
use crate::error::Result;
use crate::ops::{Ops, linear, silu};
use crate::unet::conditioning;

/// Two Linears from the sinusoids of the timestep to the embedding that the ResNet blocks project.
#[derive(Module, Debug)]
pub struct TimeEmbedding {
    linear_1: Linear,
    linear_2: Linear,
}

impl TimeEmbedding {
    /// `channels -> time_dim`.
    pub fn new(channels: usize, time_dim: usize, device: &Device) -> Self {
        Self {
            linear_1: LinearConfig::new(channels, time_dim).init(device),
            linear_2: LinearConfig::new(time_dim, time_dim).init(device),
        }
    }

    /// `[b, channels] -> [b, time_dim]`.
    pub fn forward(&self, sinusoids: Tensor<2>, ops: Ops) -> Tensor<2> {
        let hidden = silu(linear(&self.linear_1, sinusoids, None, ops), ops);
        linear(&self.linear_2, hidden, None, ops)
    }
}

/// The one-hot rows of these classes as a tensor `[b, tokens, (classes + 1) * tokens]`.
pub fn class_rows(labels: &[usize], info: &ModelInfo, device: &Device) -> Result<Tensor<3>> {
    let rows = conditioning::class_rows(labels, info)?;
    let shape = [labels.len(), info.tokens_per_class, info.encoder_hid_dim()];
    Ok(Tensor::from_data(TensorData::new(rows, shape), device))
}
