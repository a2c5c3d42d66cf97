//! Parameters in one buffer, as the shaders read them.

use crate::unet::weights::Weights;

/// A matrix with its bias in the buffer. Offsets and sizes count vec4s.
#[derive(Debug, Clone, Copy)]
pub struct Matrix {
    /// Offset of its rows: for each phase, tap by tap; then those of the shortcut.
    pub weights: u32,
    /// Offset of its bias.
    pub bias: u32,
    /// Channels of the input map.
    pub depth: u32,
    /// Channels of the maps that go through the shortcut.
    pub shortcut: [u32; 2],
    /// Columns of the result.
    pub columns: u32,
}

/// A GroupNorm's weight in the buffer, with its bias behind it.
#[derive(Debug, Clone, Copy)]
pub struct Norm {
    /// Offset in floats.
    pub weight: u32,
    pub channels: u32,
    pub groups: u32,
    pub eps: f32,
}

/// The buffer's content while it is written: parts of networks whose channels are multiples of four.
pub struct WeightBuffer<'a> {
    pub weights: Weights<'a>,
    /// Of every GroupNorm.
    groups: usize,
    values: Vec<f32>,
}

impl<'a> WeightBuffer<'a> {
    pub fn new(weights: Weights<'a>, groups: usize) -> Self {
        Self { weights, groups, values: Vec::new() }
    }

    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// A Linear or 1 x 1 convolution; the weights of the LayerNorm in front of it, if there is one, are folded in.
    pub fn linear(&mut self, path: &str, norm: Option<&str>) -> Matrix {
        let at = self.weights.at(path);
        let ((values, shape), (bias, _)) = (at.get("weight"), at.get("bias"));
        let (n, k) = (shape[0], shape[1]);
        self.normed(norm, [k, n], |row, column| values[column * k + row], bias.to_vec())
    }

    /// Queries, keys and values of an attention side by side, the queries scaled; in front of them the LayerNorm at `norm`.
    pub fn qkv(&mut self, path: &str, heads: usize, norm: Option<&str>) -> Matrix {
        let at = self.weights.at(path);
        let parts = ["to_q.weight", "to_k.weight", "to_v.weight"].map(|name| at.get(name).0);
        let dim = parts[0].len().isqrt();
        let scale = 1.0 / ((dim / heads) as f32).sqrt();
        let factor = |column: usize| if column < dim { scale } else { 1.0 };
        // The network's attentions have no bias, an autoencoder's have.
        let bias = ["to_q.bias", "to_k.bias", "to_v.bias"].into_iter().flat_map(|name| at.get(name).0);
        let mut bias: Vec<f32> = bias.enumerate().map(|(column, value)| value * factor(column)).collect();
        bias.resize(3 * dim, 0.0);
        let entry = |k: usize, n: usize| parts[n / dim][n % dim * dim + k] * factor(n);
        self.normed(norm, [dim, 3 * dim], entry, bias)
    }

    /// `(gamma x + beta) W + b = x (gamma W) + (beta W + b)`.
    fn normed(
        &mut self,
        norm: Option<&str>,
        [k, n]: [usize; 2],
        entry: impl Fn(usize, usize) -> f32,
        mut bias: Vec<f32>,
    ) -> Matrix {
        let weights = self.offset();
        match norm.map(|path| self.weights.at(path)) {
            Some(norm) => {
                let ((gamma, _), (beta, _)) = (norm.get("weight"), norm.get("bias"));
                self.rows(k, n, |row, column| gamma[row] * entry(row, column));
                let folded = |column: usize| (0..k).map(|row| beta[row] * entry(row, column)).sum::<f32>();
                bias.iter_mut().enumerate().for_each(|(column, value)| *value += folded(column));
            }
            None => self.rows(k, n, entry),
        }
        self.matrix(weights, &bias, k, n, [0, 0])
    }

    /// A 3 x 3 convolution, with the shortcut of a ResNet block that is added to it: a 1 x 1 convolution's path, and the channels of
    /// the maps that go through it.
    pub fn conv(&mut self, path: &str, shortcut: Option<(&str, [usize; 2])>) -> Matrix {
        let at = self.weights.at(path);
        let ((values, shape), (bias, _)) = (at.get("weight"), at.get("bias"));
        let (n, depth) = (shape[0], shape[1]);
        let padded = depth.next_multiple_of(4);
        let weights = self.offset();
        self.rows(9 * padded, n, |k, n| match k % padded {
            c if c < depth => values[(n * depth + c) * 9 + k / padded],
            _ => 0.0,
        });
        let mut bias = bias.to_vec();
        let (path, maps) = shortcut.unwrap_or(("", [0, 0]));
        if shortcut.is_some() {
            let at = self.weights.at(path);
            let (values, depth) = (at.get("weight").0, maps[0] + maps[1]);
            self.rows(depth, n, |k, n| values[n * depth + k]);
            bias.iter_mut().zip(at.get("bias").0).for_each(|(sum, x)| *sum += x);
        }
        self.matrix(weights, &bias, padded, n, maps)
    }

    /// The four convolutions of an upsampling, phase by phase (see [`upsample_kernel`]).
    pub fn upsample(&mut self, path: &str) -> Matrix {
        let at = self.weights.at(path);
        let ((values, shape), (bias, _)) = (at.get("weight"), at.get("bias"));
        let (n, depth) = (shape[0], shape[1]);
        let weights = self.offset();
        for phase in 0..4 {
            self.rows(4 * depth, n, |k, n| {
                upsample_kernel(&values[(n * depth + k % depth) * 9..][..9], phase, k / depth)
            });
        }
        self.matrix(weights, bias, depth, n, [0, 0])
    }

    /// A GroupNorm.
    pub fn norm(&mut self, path: &str, eps: f64) -> Norm {
        let at = self.weights.at(path);
        let (weight, bias) = (at.get("weight").0, at.get("bias").0);
        let start = 4 * self.offset();
        self.values.extend(weight);
        self.vector(bias);
        let groups = self.groups as u32;
        Norm { weight: start, channels: weight.len() as u32, groups, eps: eps as f32 }
    }

    /// Where the next vec4 goes.
    fn offset(&self) -> u32 {
        (self.values.len() / 4) as u32
    }

    /// `[k, n]`, each row padded to whole vec4s.
    fn rows(&mut self, k: usize, n: usize, entry: impl Fn(usize, usize) -> f32) {
        for row in 0..k {
            self.values.extend((0..n).map(|column| entry(row, column)));
            self.values.resize(self.values.len().next_multiple_of(4), 0.0);
        }
    }

    /// Where they begin.
    pub fn vector(&mut self, values: &[f32]) -> u32 {
        let start = self.offset();
        self.rows(1, values.len(), |_, i| values[i]);
        start
    }

    fn matrix(&mut self, weights: u32, bias: &[f32], depth: usize, columns: usize, shortcut: [usize; 2]) -> Matrix {
        let vec4s = |n: usize| n.div_ceil(4) as u32;
        let bias = self.vector(bias);
        Matrix { weights, bias, depth: vec4s(depth), shortcut: shortcut.map(vec4s), columns: vec4s(columns) }
    }
}

/// An entry of the 2 x 2 kernels that replace a 3 x 3 convolution behind a nearest-neighbour enlargement to double size.
///
/// The four output pixels that come of one input pixel are the phases: 0 top left, 1 top right, 2 bottom left, 3 bottom
/// right. Each sees only 2 x 2 input pixels, so the taps of the 3 x 3 kernel that fall on the same one are added up.
///
/// `kernel`: the nine taps from an input to an output channel; `phase` 0 to 3; `tap` 0 to 3, row by row.
fn upsample_kernel(kernel: &[f32], phase: usize, tap: usize) -> f32 {
    // Rows of the 3 x 3 kernel that fall on the first and on the second input pixel, for an even and an odd output row.
    const TAPS: [[&[usize]; 2]; 2] = [[&[0], &[1, 2]], [&[0, 1], &[2]]];
    let (ys, xs) = (TAPS[phase / 2][tap / 2], TAPS[phase % 2][tap % 2]);
    ys.iter().flat_map(|y| xs.iter().map(move |x| kernel[y * 3 + x])).sum()
}
