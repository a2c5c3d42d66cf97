//! Parameters by name, and the layers that are made of them.

use cpu_kernels::norm::{GroupNorm, LayerNorm};
use cpu_kernels::packed_matrix::PackedMatrix;
use cpu_kernels::winograd::Conv3x3;

use crate::fold::doubled;
use crate::state::HostTensor;

/// The working weights: parameters by name, checked before.
pub struct Weights<'a> {
    find: &'a dyn Fn(&str) -> Option<&'a HostTensor>,
    prefix: String,
}

/// A weight matrix with its bias.
#[derive(Debug, Clone)]
pub struct Linear {
    pub weight: PackedMatrix,
    pub bias: Vec<f32>,
}

impl<'a> Weights<'a> {
    /// `find` knows every parameter of the configuration in its shape.
    pub fn new(find: &'a dyn Fn(&str) -> Option<&'a HostTensor>) -> Self {
        Self { find, prefix: String::new() }
    }

    /// The part of the network under a name.
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        Self { find: self.find, prefix: format!("{}{name}.", self.prefix) }
    }

    /// Whether there is such a parameter.
    pub fn has(&self, name: &str) -> bool {
        (self.find)(&format!("{}{name}", self.prefix)).is_some()
    }

    /// A parameter's values and shape; nothing where there is none.
    pub fn get(&self, name: &str) -> (&'a [f32], &'a [usize]) {
        (self.find)(&format!("{}{name}", self.prefix)).map_or((&[], &[]), |tensor| (&tensor.values, &tensor.shape))
    }

    fn values(&self, name: &str) -> Vec<f32> {
        self.get(name).0.to_vec()
    }

    /// `[out, in]`, or `[out, in, 1, 1]`; only the columns of the input in `columns`.
    pub fn matrix(&self, columns: Option<std::ops::Range<usize>>, factor: f32) -> PackedMatrix {
        let (values, shape) = self.get("weight");
        let columns = columns.unwrap_or(0..shape[1]);
        PackedMatrix::new(columns.len(), shape[0], &|k, n| factor * values[n * shape[1] + columns.start + k])
    }

    /// The Linear here.
    pub fn linear(&self) -> Linear {
        Linear { weight: self.matrix(None, 1.0), bias: self.values("bias") }
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

    /// The 3 x 3 convolution here after an enlargement to double size (see [`doubled`]).
    pub fn conv3x3_doubled(&self) -> [Linear; 4] {
        let (values, shape) = self.get("weight");
        let depth = shape[1];
        std::array::from_fn(|place| {
            let kernel = |k: usize, n: usize| &values[(n * depth + k % depth) * 9..][..9];
            let weight = PackedMatrix::new(4 * depth, shape[0], &|k, n| doubled(kernel(k, n), place, k / depth));
            Linear { weight, bias: self.values("bias") }
        })
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
