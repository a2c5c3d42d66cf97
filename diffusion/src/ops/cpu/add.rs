//! A row added to each row of a matrix, and feature maps side by side, with their gradients.
//!
//! Tests: `tests/it/gradients.rs`.

use cpu_kernels::buffers::Buffers;
use cpu_kernels::gradients::add_rows;

use super::slices::{SliceOperation, target};

/// `rows + row`. Inputs: rows `[.., n]`, a row `[n]`.
#[derive(Debug, Clone)]
pub struct AddToEachOp;

impl SliceOperation for AddToEachOp {
    fn result_len(&self, inputs: &[&[f32]]) -> usize {
        inputs[0].len()
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32], _: &mut Buffers) {
        let (rows, row) = (inputs[0], inputs[1]);
        for (out, values) in out.chunks_exact_mut(row.len()).zip(rows.chunks_exact(row.len())) {
            out.iter_mut().zip(values).zip(row).for_each(|((out, value), added)| *out = value + added);
        }
    }

    fn adds(&self, input: usize) -> bool {
        input == 0
    }

    fn reads(&self, _: usize, _: &[bool]) -> bool {
        false
    }

    fn backward(&self, _: &[&[f32]], grad: &[f32], targets: &mut [Option<&mut [f32]>], _: &mut Buffers) {
        if let Some(out) = target(targets, 1) {
            out.fill(0.0);
            add_rows(grad, out);
        }
    }
}

/// Two feature maps as one with the channels of both. Inputs: maps of `channels[0]` and of `channels[1]`.
#[derive(Debug, Clone)]
pub struct JoinOp {
    pub channels: [usize; 2],
}

impl SliceOperation for JoinOp {
    fn result_len(&self, inputs: &[&[f32]]) -> usize {
        inputs[0].len() + inputs[1].len()
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32], _: &mut Buffers) {
        let [first, second] = self.channels;
        let pixels = inputs[0].chunks_exact(first).zip(inputs[1].chunks_exact(second));
        for (out, (one, other)) in out.chunks_exact_mut(first + second).zip(pixels) {
            out[..first].copy_from_slice(one);
            out[first..].copy_from_slice(other);
        }
    }

    fn reads(&self, _: usize, _: &[bool]) -> bool {
        false
    }

    fn backward(&self, _: &[&[f32]], grad: &[f32], targets: &mut [Option<&mut [f32]>], _: &mut Buffers) {
        let [first, second] = self.channels;
        for (input, channels) in [0..first, first..first + second].into_iter().enumerate() {
            let Some(out) = target(targets, input) else { continue };
            for (out, grad) in out.chunks_exact_mut(channels.len()).zip(grad.chunks_exact(first + second)) {
                out.copy_from_slice(&grad[channels.clone()]);
            }
        }
    }
}
