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
    /// The same for the 2 x 2 kernel of each phase of an upsampling, and the phase's pixels in the large map.
    double: [(Vec<u32>, Vec<u32>); 4],
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
        let double = std::array::from_fn(|phase| {
            let (py, px) = (phase / 2, phase % 2);
            let target = (0..h * w).map(|p| ((2 * (p / w) + py) * 2 * w + 2 * (p % w) + px) as u32).collect();
            (taps(2, [h, w], 1, [py as isize - 1, px as isize - 1]), target)
        });
        let same = taps(3, [h, w], 1, [-1, -1]);
        Self { size: [h, w], same, half: taps(3, [h.div_ceil(2), w.div_ceil(2)], 2, [-before; 2]), double }
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

    /// A 3 x 3 convolution behind an enlargement to double size, as the four convolutions of its phases.
    pub fn upsample(&self, map: &[f32], batch: usize, layers: &[Linear; 4], out: &mut [f32]) {
        for (layer, (taps, rows)) in layers.iter().zip(&self.double) {
            let product = self.convolve(map, batch, layer, out);
            let target = MatrixViewMut { rows: Some((rows, 4 * self.pixels())), ..product.target };
            MatMul { taps: Some(taps), target, ..product }.run();
        }
    }
}
