//! Linear layers, and convolutions that see one pixel.

use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::module::linear as burns;
use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::add_rows;
use cpu_kernels::gradients::outer::OuterProduct;
use cpu_kernels::matmul::MatMul;
use cpu_kernels::packed_matrix::PackedMatrix;
use cpu_kernels::view::{MatrixView, MatrixViewMut};

use super::{Gradient, OnSlices, Ops, call, composed, on_flex};
#[cfg(feature = "burn-wgpu")]
use super::{Implementation, gpu};

/// `x W + bias + residual` over the last dimension; weights as burn keeps a Linear's, `[in, out]`.
///
/// # Panics
/// If the shapes do not fit.
pub fn linear<const D: usize>(layer: &Linear, x: Tensor<D>, residual: Option<Tensor<D>>, operations: Ops) -> Tensor<D> {
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    product(x, layer.weight.val(), bias, residual, false, operations)
}

/// The same of a convolution's weights, `[out, in, 1, 1]`.
///
/// # Panics
/// If the shapes do not fit.
pub fn conv1x1(layer: &Conv2d, x: Tensor<4>, residual: Option<Tensor<4>>, operations: Ops) -> Tensor<4> {
    let weight = layer.weight.val();
    let [to, from, _, _] = weight.dims();
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    product(x, weight.reshape([to, from]), bias, residual, true, operations)
}

fn product<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    residual: Option<Tensor<D>>,
    transposed: bool,
    operations: Ops,
) -> Tensor<D> {
    #[cfg(feature = "burn-wgpu")]
    if operations.implementation(&x.device()) == Implementation::WebGpu && gpu::in_fours(&weight.dims()) {
        let (operation, shape) = matrix(&x, &weight, residual.as_ref(), transposed);
        let Matrix { k, n, transposed } = operation;
        let operation = gpu::Matrix { k, n, transposed };
        let [x, weight] = [x.into(), weight.into()];
        return match (bias, residual) {
            (None, None) => gpu::call(operation, [x, weight], shape),
            (None, Some(residual)) => gpu::call(operation, [x, weight], shape) + residual,
            (Some(bias), None) => gpu::call(operation, [x, weight, bias.into()], shape),
            (Some(bias), Some(residual)) => gpu::call(operation, [x, weight, bias.into(), residual.into()], shape),
        };
    }
    if !operations.on_cpu(&x.device()) {
        let weight = if transposed { weight.transpose() } else { weight };
        let out = if on_flex(&x.device()) { burns(x, weight, bias) } else { composed::linear(x, weight, bias) };
        return match residual {
            Some(residual) => out + residual,
            None => out,
        };
    }
    let (operation, shape) = matrix(&x, &weight, residual.as_ref(), transposed);
    let [x, weight] = [x.into(), weight.into()];
    match (bias, residual) {
        (None, residual) => {
            let out = call(operation, [x, weight], shape);
            residual.into_iter().fold(out, |out, residual| out + residual)
        }
        (Some(bias), None) => call(operation, [x, weight, bias.into()], shape),
        (Some(bias), Some(residual)) => call(operation, [x, weight, bias.into(), residual.into()], shape),
    }
}

/// The operation, and its result's shape.
fn matrix<const D: usize>(
    x: &Tensor<D>,
    weight: &Tensor<2>,
    residual: Option<&Tensor<D>>,
    transposed: bool,
) -> (Matrix, [usize; D]) {
    let [first, second] = weight.dims();
    let (k, n) = if transposed { (second, first) } else { (first, second) };
    let mut shape = x.dims();
    assert_eq!(shape[D - 1], k, "a Linear's input");
    shape[D - 1] = n;
    if let Some(residual) = residual {
        assert_eq!(residual.dims(), shape, "a Linear's residual");
    }
    (Matrix { k, n, transposed }, shape)
}

#[derive(Debug, Clone)]
struct Matrix {
    k: usize,
    n: usize,
    transposed: bool,
}

impl Matrix {
    /// The weights as a right matrix: forwards `[k, n]`, backwards `[n, k]`.
    fn packed(&self, weight: &[f32], backwards: bool) -> PackedMatrix {
        let (k, n) = if backwards { (self.n, self.k) } else { (self.k, self.n) };
        let mut packed = PackedMatrix::default();
        match self.transposed == backwards {
            true => packed.refill(k, n, MatrixView::whole(weight, n)),
            false => packed.refill_transposed(k, n, MatrixView::whole(weight, k)),
        }
        packed
    }
}

impl<const N: usize> OnSlices<N> for Matrix {
    /// Neither the bias nor the residual.
    const KEPT: [bool; N] = {
        let mut kept = [true; N];
        let mut i = 2;
        while i < N {
            kept[i] = false;
            i += 1;
        }
        kept
    };

    fn forward(&self, inputs: [&[f32]; N], _: &mut Buffers) -> Vec<f32> {
        let Self { k, n, .. } = *self;
        let (x, weight) = (inputs[0], self.packed(inputs[1], false));
        let rows = x.len() / k;
        let mut out = vec![0f32; rows * n];
        let bias = inputs.get(2).copied().unwrap_or_default();
        let product = MatMul::plain(MatrixView::whole(x, k), rows, &weight, bias, MatrixViewMut::whole(&mut out, n));
        MatMul { residual: inputs.get(3).copied(), ..product }.run();
        out
    }

    fn backward(&self, inputs: [&[f32]; N], grad: &[f32], wanted: [bool; N], _: &mut Buffers) -> [Gradient; N] {
        let Self { k, n, transposed } = *self;
        let (x, weight, rows) = (inputs[0], inputs[1], grad.len() / n);
        std::array::from_fn(|input| {
            Gradient::when(wanted[input], || match input {
                0 => {
                    let mut out = vec![0f32; rows * k];
                    let weight = self.packed(weight, true);
                    MatMul::plain(MatrixView::whole(grad, n), rows, &weight, &[], MatrixViewMut::whole(&mut out, k))
                        .run();
                    out
                }
                1 => {
                    let mut out = vec![0f32; k * n];
                    let ((left, k), (right, n)) = if transposed { ((grad, n), (x, k)) } else { ((x, k), (grad, n)) };
                    let (left, right) = (MatrixView::whole(left, k), MatrixView::whole(right, n));
                    let target = MatrixViewMut::whole(&mut out, n);
                    OuterProduct { left, rows_in: rows, right, rows, batch: 1, k, n, target }.run();
                    out
                }
                2 => {
                    let mut out = vec![0f32; n];
                    add_rows(grad, &mut out);
                    out
                }
                _ => Vec::new(),
            })
            .or_same(input > 2)
        })
    }
}
