//! Layers for the CPU, packed from the parameters of one part of the network.

use cpu_kernels::norm::{GroupNorm, LayerNorm};
use cpu_kernels::packed_matrix::PackedMatrix;
use cpu_kernels::winograd::{Conv3x3, EnlargedConv3x3};

use crate::unet::weights::Weights;

/// A weight matrix with its bias.
#[derive(Debug, Clone)]
pub struct Linear {
    pub weight: PackedMatrix,
    pub bias: Vec<f32>,
}

impl Weights<'_> {
    /// The matrix of the Linear or 1 x 1 convolution here, for a range of its input channels.
    pub fn columns(&self, columns: std::ops::Range<usize>) -> PackedMatrix {
        let (values, shape) = self.get("weight");
        PackedMatrix::new(columns.len(), shape[0], &|k, n| values[n * shape[1] + columns.start + k])
    }

    /// The Linear or 1 x 1 convolution here.
    pub fn linear(&self) -> Linear {
        let inputs = self.get("weight").1[1];
        Linear { weight: self.columns(0..inputs), bias: self.values("bias") }
    }

    /// The 3 x 3 convolution of stride 1 here.
    pub fn convolution(&self) -> Conv3x3 {
        Conv3x3::new(self.get("weight").0, self.values("bias"))
    }

    /// The 3 x 3 convolution here, tap after tap.
    pub fn conv3x3(&self) -> Linear {
        let (values, shape) = self.get("weight");
        let depth = shape[1];
        let weight = PackedMatrix::new(9 * depth, shape[0], &|k, n| values[(n * depth + k % depth) * 9 + k / depth]);
        Linear { weight, bias: self.values("bias") }
    }

    /// The 3 x 3 convolution here after an enlargement to double size.
    pub fn enlarged_convolution(&self) -> EnlargedConv3x3 {
        EnlargedConv3x3::new(self.get("weight").0, self.values("bias"))
    }

    /// The GroupNorm here.
    pub fn group_norm(&self, groups: usize, eps: f64) -> GroupNorm {
        GroupNorm { weight: self.values("weight"), bias: self.values("bias"), groups, eps: eps as f32 }
    }

    /// The LayerNorm here.
    pub fn layer_norm(&self) -> LayerNorm {
        LayerNorm { weight: self.values("weight"), bias: self.values("bias") }
    }
}
