//! Layers composed of burn's operations for GPUs (and every device other than flex), so that all lanes have work. burn's own layers compute
//! the gradients of weights and biases as one sum over all pixels of all pictures. On a GPU, unless every shape is autotuned first (which
//! takes minutes), a few lanes add that sum up one by one. Here each picture or group of pictures has a sum, and those are summed.

use burn::tensor::Tensor;
use burn::tensor::module::layer_norm as layer_norm_by_burn;
use burn::tensor::ops::PadMode;

/// Groups of pictures in a weight's gradient: many enough for a large GPU, few enough for its memory.
const GROUPS: usize = 64;

/// The largest divisor of `count` that is at most `limit`.
fn divisor(count: usize, limit: usize) -> usize {
    (1..=limit.min(count)).rev().find(|part| count.is_multiple_of(*part)).unwrap_or(1)
}

/// `values [c]` for each of the `pictures`: `[pictures, c]`.
pub fn repeat(values: Tensor<1>, pictures: usize) -> Tensor<2> {
    let [c] = values.dims();
    let part = divisor(pictures, pictures.isqrt());
    let parts = values.reshape([1, c]).expand([pictures / part, c]);
    parts.reshape([pictures / part, 1, c]).expand([pictures / part, part, c]).reshape([pictures, c])
}

/// `x [b, .., k]`, `weight [k, n]`, `bias [n] -> [b, .., n]`.
pub fn linear<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
    let mut shape = x.dims();
    let ([k, n], b) = (weight.dims(), shape[0]);
    let pixels = shape[1..D - 1].iter().product::<usize>();
    let groups = if pixels == 1 { 1 } else { divisor(b, GROUPS) };
    let out = x.reshape([groups, b / groups * pixels, k]).matmul(weight.unsqueeze()).reshape([b, pixels, n]);
    let out = match bias {
        Some(bias) => out + repeat(bias, b).reshape([b, 1, n]),
        None => out,
    };
    shape[D - 1] = n;
    out.reshape(shape)
}

/// `x [b, h, w, in]`, `weight [out, in, 3, 3]`, `bias [out] -> [b, h, w, out]`: one matrix product with the 3 x 3 windows of all pixels.
pub fn conv3x3(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    let ([b, h, w, depth], channels) = (x.dims(), weight.dims()[0]);
    let padded = x.pad([(0, 0), (1, 1), (1, 1), (0, 0)], PadMode::Constant(0.0));
    // Three neighbours in a row, then three such rows: two steps copy less often than nine.
    let rows = Tensor::cat((0..3).map(|dx| padded.clone().slice([0..b, 0..h + 2, dx..dx + w, 0..depth])).collect(), 3);
    let windows = Tensor::cat((0..3).map(|dy| rows.clone().slice([0..b, dy..dy + h, 0..w, 0..3 * depth])).collect(), 3);
    linear(windows, weight.permute([2, 3, 1, 0]).reshape([9 * depth, channels]), Some(bias))
}

/// `[b, h, w, c] -> [b, 2h, 2w, c]`, nearest neighbour.
pub fn upsample(x: Tensor<4>) -> Tensor<4> {
    let [b, h, w, c] = x.dims();
    x.reshape([b, h, 1, w, 1, c]).expand([b, h, 2, w, 2, c]).reshape([b, 2 * h, 2 * w, c])
}

/// LayerNorm over the last dimension of `x [b, .., c]`; `weight` and `bias [c]`.
pub fn layer_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Tensor<1>, eps: f64) -> Tensor<D> {
    let (b, c, device) = (x.dims()[0], x.dims()[D - 1], x.device());
    let each = |values: Tensor<1>| {
        let mut shape = [1; D];
        (shape[0], shape[D - 1]) = (b, c);
        repeat(values, b).reshape(shape)
    };
    layer_norm_by_burn(x, Tensor::ones([c], &device), None, eps) * each(weight) + each(bias)
}

#[cfg(test)]
mod tests {
    use burn::tensor::module::{conv2d, interpolate, linear as linear_by_burn};
    use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions};
    use burn::tensor::{Device, Tolerance};

    use super::*;

    fn waves<const D: usize>(shape: [usize; D], step: f32, device: &Device) -> Tensor<D> {
        let count = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..count).map(|i| (i as f32 * step).sin()).collect();
        Tensor::<1>::from_floats(&values[..], device).reshape(shape)
    }

    /// A result, and the gradients of map, weight and bias.
    type Found<const W: usize> = (Tensor<4>, Tensor<4>, Tensor<W>, Tensor<1>);

    fn run<const W: usize>(
        weight: [usize; W],
        layer: impl Fn(Tensor<4>, Tensor<W>, Tensor<1>) -> Tensor<4>,
    ) -> Found<W> {
        let device = Device::flex().autodiff();
        let x = waves([6, 3, 4, 5], 0.7, &device).require_grad();
        let weight = waves(weight, 1.3, &device).require_grad();
        let bias = waves([7], 0.9, &device).require_grad();
        let out = layer(x.clone(), weight.clone(), bias.clone());
        let factors = waves(out.dims(), 0.3, &device);
        let gradients = (out.clone() * factors).sum().backward();
        let to = (x.grad(&gradients).unwrap(), weight.grad(&gradients).unwrap(), bias.grad(&gradients).unwrap());
        (out.without_autodiff(), to.0, to.1, to.2)
    }

    fn assert_same<const W: usize>(ours: Found<W>, burns: Found<W>) {
        fn close<const D: usize>(ours: Tensor<D>, burns: Tensor<D>) {
            ours.into_data().assert_approx_eq::<f32>(&burns.into_data(), Tolerance::absolute(1e-4));
        }
        close(ours.0, burns.0);
        close(ours.1, burns.1);
        close(ours.2, burns.2);
        close(ours.3, burns.3);
    }

    #[test]
    fn the_convolution_is_burns_with_its_gradients() {
        let ours = run([7, 5, 3, 3], |x, weight, bias| conv3x3(upsample(x), weight, bias));
        let burns = run([7, 5, 3, 3], |x, weight, bias| {
            let [_, h, w, _] = x.dims();
            let nearest = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([2 * h, 2 * w]);
            let x = interpolate(x.permute([0, 3, 1, 2]), nearest);
            conv2d(x, weight, Some(bias), ConvOptions::new([1, 1], [1, 1], [1, 1], 1)).permute([0, 2, 3, 1])
        });
        assert_same(ours, burns);
    }

    #[test]
    fn the_linear_is_burns_with_its_gradients() {
        let ours = run([5, 7], |x, weight, bias| linear(x, weight, Some(bias)));
        assert_same(ours, run([5, 7], |x, weight, bias| linear_by_burn(x, weight, Some(bias))));
    }

    #[test]
    fn the_norm_is_burns_with_its_gradients() {
        // Seven channels, as many as the bias has.
        let widened = |x: Tensor<4>| Tensor::cat(vec![x.clone(), x.slice([0..6, 0..3, 0..4, 1..3])], 3);
        let ours = run([7], |x, weight, bias| layer_norm(widened(x), weight, bias, 1e-5));
        assert_same(ours, run([7], |x, weight, bias| layer_norm_by_burn(widened(x), weight, Some(bias), 1e-5)));
    }
}
