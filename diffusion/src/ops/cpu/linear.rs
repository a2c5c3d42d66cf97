//! Linear layers and 1 x 1 convolutions with their gradients.
//!
//! Tests: `tests/it/operations.rs`.

use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::add_rows;
use cpu_kernels::gradients::outer_product::OuterProduct;
use cpu_kernels::matmul::MatMul;
use cpu_kernels::packed_matrix::PackedMatrix;
use cpu_kernels::view::{MatrixView, MatrixViewMut};

use super::slices::{SliceOperation, target};

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

impl SliceOperation for LinearOp {
    fn result_len(&self, inputs: &[&[f32]]) -> usize {
        inputs[0].len() / self.k * self.n
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32], _: &mut Buffers) {
        let Self { k, n, .. } = *self;
        let (x, weight) = (inputs[0], self.packed(inputs[1], false));
        let bias = inputs.get(2).copied().unwrap_or_default();
        let product = MatMul::plain(MatrixView::whole(x, k), x.len() / k, &weight, bias, MatrixViewMut::whole(out, n));
        MatMul { residual: inputs.get(3).copied(), ..product }.run();
    }

    /// The residual.
    fn adds(&self, input: usize) -> bool {
        input == 3
    }

    fn reads(&self, input: usize, wanted: &[bool]) -> bool {
        match input {
            0 => wanted[1],
            1 => wanted[0],
            _ => false,
        }
    }

    fn backward(&self, inputs: &[&[f32]], grad: &[f32], targets: &mut [Option<&mut [f32]>], _: &mut Buffers) {
        let Self { k, n, transposed } = *self;
        let (x, weight, rows) = (inputs[0], inputs[1], grad.len() / n);
        if let Some(out) = target(targets, 0) {
            let weight = self.packed(weight, true);
            MatMul::plain(MatrixView::whole(grad, n), rows, &weight, &[], MatrixViewMut::whole(out, k)).run();
        }
        if let Some(out) = target(targets, 1) {
            out.fill(0.0);
            let ((left, k), (right, n)) = if transposed { ((grad, n), (x, k)) } else { ((x, k), (grad, n)) };
            let (left, right) = (MatrixView::whole(left, k), MatrixView::whole(right, n));
            let target = MatrixViewMut::whole(out, n);
            OuterProduct { left, rows_in: rows, right, rows, batch: 1, k, n, target }.run();
        }
        if let Some(out) = target(targets, 2) {
            out.fill(0.0);
            add_rows(grad, out);
        }
    }
}
