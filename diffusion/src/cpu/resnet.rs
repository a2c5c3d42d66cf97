//! ResNet block, down- and upsampling (the mathematics is that of [`crate::unet`]).

use cpu_kernels::matmul::{MatMul, OUTSIDE};
use cpu_kernels::norm::{GroupNorm, Maps};
use cpu_kernels::packed_matrix::PackedMatrix;
use cpu_kernels::view::{MatrixView, MatrixViewMut};
use cpu_kernels::winograd::Conv3x3;

use super::Scratch;
use super::weights::{Linear, Weights};

/// Rows that the taps of a convolution take, for feature maps of one size.
#[derive(Debug, Clone)]
pub struct Geometry {
    /// Height and width.
    pub size: [usize; 2],
    /// 3 x 3, stride 1.
    same: Vec<u32>,
    /// 3 x 3, stride 2.
    half: Vec<u32>,
    /// 2 x 2 for each of the four places that a pixel becomes, and where those lie in the large map.
    double: [(Vec<u32>, Vec<u32>); 4],
}

impl Geometry {
    /// Of maps of this size.
    pub fn new([h, w]: [usize; 2]) -> Self {
        let at = |y: isize, x: isize| match (0..h as isize).contains(&y) && (0..w as isize).contains(&x) {
            true => (y * w as isize + x) as u32,
            false => OUTSIDE,
        };
        let taps = |side: isize, out: [usize; 2], stride: isize, [dy, dx]: [isize; 2]| -> Vec<u32> {
            let mut rows = Vec::new();
            for tap in 0..side * side {
                for y in 0..out[0] as isize {
                    rows.extend(
                        (0..out[1] as isize).map(|x| at(y * stride + tap / side + dy, x * stride + tap % side + dx)),
                    );
                }
            }
            rows
        };
        let double = std::array::from_fn(|place| {
            let (py, px) = (place / 2, place % 2);
            let target = (0..h * w).map(|p| ((2 * (p / w) + py) * 2 * w + 2 * (p % w) + px) as u32).collect();
            (taps(2, [h, w], 1, [py as isize - 1, px as isize - 1]), target)
        });
        let same = taps(3, [h, w], 1, [-1, -1]);
        Self { size: [h, w], same, half: taps(3, [h.div_ceil(2), w.div_ceil(2)], 2, [-1, -1]), double }
    }

    /// Number of pixels.
    pub fn pixels(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// A 3 x 3 convolution of maps `[pixels, channels]`; the target is to be filled in.
    pub fn convolve<'a>(
        &'a self,
        map: &'a [f32],
        batch: usize,
        layer: &'a Linear,
        target: &'a mut [f32],
    ) -> MatMul<'a> {
        let pixels = self.pixels();
        MatMul {
            left: MatrixView::whole(map, map.len() / (batch * pixels)),
            rows_in: pixels,
            rows: pixels,
            batch,
            taps: Some(&self.same),
            weights: &layer.weight,
            bias: &layer.bias,
            residual: None,
            accumulate: false,
            target: MatrixViewMut::whole(target, layer.weight.n()),
        }
    }

    /// One of stride 2.
    pub fn downsample(&self, map: &[f32], batch: usize, layer: &Linear, out: &mut [f32]) {
        let rows = self.half.len() / 9;
        MatMul { taps: Some(&self.half), rows, ..self.convolve(map, batch, layer, out) }.run();
    }

    /// One after an enlargement to double size, by its four kernels.
    pub fn upsample(&self, map: &[f32], batch: usize, layers: &[Linear; 4], out: &mut [f32]) {
        for (layer, (taps, rows)) in layers.iter().zip(&self.double) {
            let product = self.convolve(map, batch, layer, out);
            let target = MatrixViewMut { rows: Some((rows, 4 * self.pixels())), ..product.target };
            MatMul { taps: Some(taps), target, ..product }.run();
        }
    }
}

/// `x + conv2(silu(norm2(conv1(silu(norm1(x))) + time)))`.
#[derive(Debug)]
pub struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv3x3,
    time_emb_proj: Linear,
    norm2: GroupNorm,
    conv2: Conv3x3,
    /// One for each of the maps that come in side by side; the bias goes with the first.
    shortcut: Option<Vec<PackedMatrix>>,
    shortcut_bias: Vec<f32>,
}

impl ResnetBlock {
    /// `widths`: channels of the maps that come in.
    pub fn new(weights: &Weights<'_>, widths: &[usize], groups: usize, eps: f64) -> Self {
        let shortcut = weights.at("conv_shortcut");
        let split = |weights: &Weights<'_>| {
            let mut first = 0;
            let part = |&width: &usize| {
                first += width;
                weights.matrix(Some(first - width..first), 1.0)
            };
            widths.iter().map(part).collect()
        };
        Self {
            norm1: weights.at("norm1").group_norm(groups, eps),
            conv1: weights.at("conv1").convolution(),
            time_emb_proj: weights.at("time_emb_proj").linear(),
            norm2: weights.at("norm2").group_norm(groups, eps),
            conv2: weights.at("conv2").convolution(),
            shortcut: shortcut.has("weight").then(|| split(&shortcut)),
            shortcut_bias: shortcut.get("bias").0.to_vec(),
        }
    }

    /// `time [batch, time_dim]` already through its SiLU.
    pub fn run(&self, maps: Maps<'_>, time: &[f32], geometry: &Geometry, scratch: &mut Scratch) -> Vec<f32> {
        let (pixels, channels) = (geometry.pixels(), self.conv1.bias.len());
        let rows = maps[0].0.len() / maps[0].1;
        let batch = rows / pixels;
        let mut normed = scratch.buffers.take(rows * self.norm1.weight.len());
        self.norm1.run(maps, pixels, true, &mut normed);

        // The time is added to every pixel: it goes into the convolution's bias.
        let mut bias = scratch.buffers.take(batch * channels);
        let left = MatrixView::whole(time, time.len() / batch);
        let target = MatrixViewMut::whole(&mut bias, channels);
        MatMul::plain(left, batch, &self.time_emb_proj.weight, &self.time_emb_proj.bias, target).run();
        for row in bias.chunks_exact_mut(channels) {
            row.iter_mut().zip(&self.conv1.bias).for_each(|(x, bias)| *x += bias);
        }
        let mut hidden = scratch.buffers.take(rows * channels);
        self.conv1.run(&normed, geometry.size, &bias, None, &mut hidden, &mut scratch.buffers);

        let mut normed = scratch.buffers.again(normed, rows * channels);
        self.norm2.run(&[(&hidden, channels)], pixels, true, &mut normed);
        let mut out = hidden;
        let residual = self.shortcut.is_none().then_some(maps[0].0);
        self.conv2.run(&normed, geometry.size, &self.conv2.bias, residual, &mut out, &mut scratch.buffers);
        let mut shortcut_bias = &self.shortcut_bias[..];
        for (part, &(map, width)) in self.shortcut.iter().flatten().zip(maps) {
            let target = MatrixViewMut::whole(&mut out, channels);
            let product = MatMul::plain(MatrixView::whole(map, width), rows, part, shortcut_bias, target);
            MatMul { accumulate: true, ..product }.run();
            shortcut_bias = &[];
        }
        scratch.buffers.give(normed);
        scratch.buffers.give(bias);
        out
    }
}
