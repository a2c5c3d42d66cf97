//! Linear layers and 1 x 1 convolutions with their gradients.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::add_rows;
use cpu_kernels::gradients::outer_product::OuterProduct;
use cpu_kernels::matmul::MatMul;
use cpu_kernels::packed_matrix::PackedMatrix;
use cpu_kernels::view::{MatrixView, MatrixViewMut};

use super::slices::{Gradient, SliceOperation};
use crate::ops::operation::first_two;

/// `x · weight + bias + residual`. Inputs: rows of `k`, weight, perhaps a bias `[n]`, perhaps a residual like the result.
#[derive(Debug, Clone)]
pub struct LinearOp {
    /// Channels of a row.
    pub k: usize,
    /// Channels of a row of the result.
    pub n: usize,
    /// Whether the weight is `[n, k]`, not `[k, n]`.
    pub transposed: bool,
}

impl LinearOp {
    /// The weight as the right matrix of a product: `[k, n]`, or `[n, k]` for the gradient of the rows.
    fn packed(&self, weight: &[f32], backward: bool) -> PackedMatrix {
        let (k, n) = if backward { (self.n, self.k) } else { (self.k, self.n) };
        let mut packed = PackedMatrix::default();
        match self.transposed == backward {
            true => packed.refill(k, n, MatrixView::whole(weight, n)),
            false => packed.refill_transposed(k, n, MatrixView::whole(weight, k)),
        }
        packed
    }
}

impl<const N: usize> SliceOperation<N> for LinearOp {
    const KEPT: [bool; N] = first_two();

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
