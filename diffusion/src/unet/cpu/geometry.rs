//! Which pixels the taps of a convolution read, for feature maps of one size.

use cpu_kernels::matmul::{MatMul, OUTSIDE};
use cpu_kernels::view::{MatrixView, MatrixViewMut};

use super::layers::Linear;

/// Feature maps of one size.
#[derive(Debug, Clone)]
pub struct Geometry {
    /// Height and width.
    pub size: [usize; 2],
    /// Input pixel of each tap and output pixel of a 3 x 3 convolution of stride 1.
    same: Vec<u32>,
    /// The same for stride 2.
    half: Vec<u32>,
}

impl Geometry {
    /// Of maps of this size.
    pub fn new(size: [usize; 2]) -> Self {
        Self::with_padding(size, 1)
    }

    /// The same for a network whose convolutions of stride 2 have their padding behind the map alone.
    pub fn padded_behind(size: [usize; 2]) -> Self {
        Self::with_padding(size, 0)
    }

    /// `before`: rows and columns of padding before the map, of a convolution of stride 2.
    fn with_padding([h, w]: [usize; 2], before: isize) -> Self {
        let at = |y: isize, x: isize| match (0..h as isize).contains(&y) && (0..w as isize).contains(&x) {
            true => (y * w as isize + x) as u32,
            false => OUTSIDE,
        };
        let taps = |out: [usize; 2], stride: isize, before: isize| -> Vec<u32> {
            let mut rows = Vec::new();
            for tap in 0..9 {
                for y in 0..out[0] as isize {
                    rows.extend(
                        (0..out[1] as isize).map(|x| at(y * stride + tap / 3 - before, x * stride + tap % 3 - before)),
                    );
                }
            }
            rows
        };
        Self { size: [h, w], same: taps([h, w], 1, 1), half: taps([h.div_ceil(2), w.div_ceil(2)], 2, before) }
    }

    /// Number of pixels.
    pub fn pixels(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// A 3 x 3 convolution of maps `[pixels, channels]` into `target`; to be run.
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

    /// A 3 x 3 convolution of stride 2.
    pub fn downsample(&self, map: &[f32], batch: usize, layer: &Linear, out: &mut [f32]) {
        let rows = self.half.len() / 9;
        MatMul { taps: Some(&self.half), rows, ..self.convolve(map, batch, layer, out) }.run();
    }
}
