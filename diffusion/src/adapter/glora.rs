//! GLoRA (arXiv 2306.07967, equation 10), as PEFT writes it (`glora_A` to `glora_E`) and LyCORIS does (`a1` to `b2`).
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{
    add_scaled, hadamard, product, product_gradients, product_transposed_left, product_transposed_right, sides,
    transposed,
};

/// How GLoRA changes weight and bias.
#[derive(Debug, Clone, PartialEq)]
pub enum Glora {
    /// PEFT: `W + s (W ∘ A + B)`, `bias + s (bias ∘ D + E + W C)`.
    Peft(Box<[Support; 5]>),
    /// LyCORIS: `W + s · scaling (W A_1 A_2 + B_1 B_2)`.
    Lycoris {
        /// A_1 `[in, rank]` and A_2 `[rank, in]`.
        a: [HostTensor; 2],
        /// B_1 `[out, rank]` and B_2 `[rank, in]`, of a convolution `[rank, in · h · w]`.
        b: [HostTensor; 2],
        /// alpha / rank.
        scaling: f32,
    },
}

/// One of PEFT's five: a matrix of low rank, a column or row of numbers, one number, or nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Support {
    /// `X_d X_u`, whose product is `[n, m]`.
    Lora(HostTensor, HostTensor),
    /// As many numbers as there are outputs (A, B, D, E) or inputs (C), or one.
    Numbers(HostTensor),
    /// Nothing.
    Nothing,
}

impl Support {
    /// The value at each place of `[rows, columns]`.
    fn spread(&self, rows: usize, columns: usize) -> Vec<f32> {
        match self {
            Self::Lora(down, up) => product(&down.values, &up.values, up.shape[0]),
            Self::Numbers(HostTensor { values, .. }) => {
                (0..rows * columns).map(|i| values[if values.len() == 1 { 0 } else { i / columns }]).collect()
            }
            Self::Nothing => vec![0.0; rows * columns],
        }
    }

    fn tensors(&self) -> Vec<&HostTensor> {
        match self {
            Self::Lora(down, up) => vec![down, up],
            Self::Numbers(values) => vec![values],
            Self::Nothing => vec![],
        }
    }

    fn tensors_mut(&mut self) -> Vec<&mut HostTensor> {
        match self {
            Self::Lora(down, up) => vec![down, up],
            Self::Numbers(values) => vec![values],
            Self::Nothing => vec![],
        }
    }

    /// Gradients of the tensors, from that of what they are spread to, `[rows, columns]`.
    fn gradients(&self, columns: usize, grad: &[f32]) -> Vec<Vec<f32>> {
        match self {
            Self::Lora(down, up) => product_gradients(&down.values, &up.values, up.shape[0], grad).into(),
            Self::Numbers(HostTensor { values, .. }) => {
                let mut out = vec![0.0; values.len()];
                for (i, grad) in grad.iter().enumerate() {
                    out[if values.len() == 1 { 0 } else { i / columns }] += grad;
                }
                vec![out]
            }
            Self::Nothing => vec![],
        }
    }
}

impl Glora {
    /// The rank, where something has one.
    pub fn rank(&self) -> Option<usize> {
        match self {
            Self::Peft(supports) => supports.iter().find_map(|support| match support {
                Support::Lora(_, up) => Some(up.shape[0]),
                _ => None,
            }),
            Self::Lycoris { a, .. } => Some(a[1].shape[0]),
        }
    }

    /// Its tensors.
    pub(super) fn tensors(&self) -> Vec<&HostTensor> {
        match self {
            Self::Peft(supports) => supports.iter().flat_map(Support::tensors).collect(),
            Self::Lycoris { a, b, .. } => a.iter().chain(b).collect(),
        }
    }

    /// Whether it changes the bias.
    pub(super) fn changes_bias(&self) -> bool {
        match self {
            Self::Peft(supports) => supports[2..].iter().any(|support| *support != Support::Nothing),
            Self::Lycoris { .. } => false,
        }
    }

    /// Its tensors, to be changed.
    pub(super) fn tensors_mut(&mut self) -> Vec<&mut HostTensor> {
        match self {
            Self::Peft(supports) => supports.iter_mut().flat_map(Support::tensors_mut).collect(),
            Self::Lycoris { a, b, .. } => a.iter_mut().chain(b).collect(),
        }
    }

    /// Gradients of its tensors, from those of weight and bias, which began as `weight` and `bias`.
    pub(super) fn gradients(
        &self,
        weight: &HostTensor,
        bias: Option<&HostTensor>,
        [grad, of_bias]: [&[f32]; 2],
    ) -> Vec<Vec<f32>> {
        let (rows, columns) = sides(weight);
        match self {
            Self::Peft(supports) => {
                let [a, b, c, d, e] = &**supports;
                let none = vec![0.0; rows];
                let of_bias = if of_bias.is_empty() { &none[..] } else { of_bias };
                let bias = bias.map_or(&none[..], |bias| &bias.values);
                let mut gradients = a.gradients(columns, &hadamard(grad, &weight.values));
                gradients.extend(b.gradients(columns, grad));
                gradients.extend(c.gradients(1, &product(of_bias, &weight.values, rows)));
                gradients.extend(d.gradients(1, &hadamard(of_bias, bias)));
                gradients.extend(e.gradients(1, of_bias));
                gradients
            }
            Self::Lycoris { a: [one, two], b: [up, down], scaling } => {
                let (inputs, rank) = (two.values.len() / two.shape[0], two.shape[0]);
                let grad: Vec<f32> = grad.iter().map(|value| scaling * value).collect();
                let kernel = columns / inputs.max(1);
                let mut mixing = vec![0.0; inputs * inputs];
                for (w, grad) in weight.values.chunks_exact(columns).zip(grad.chunks_exact(columns)) {
                    add_scaled(&mut mixing, 1.0, &product_transposed_right(w, grad, kernel));
                }
                let a = [
                    product_transposed_right(&mixing, &two.values, inputs),
                    product_transposed_left(&one.values, &mixing, inputs),
                ];
                debug_assert_eq!(a[0].len(), inputs * rank);
                let b = product_gradients(&up.values, &down.values, down.shape[0], &grad);
                a.into_iter().chain(b).collect()
            }
        }
    }

    /// What is added to a pristine weight and bias at strength 1.
    pub(super) fn difference(&self, weight: &HostTensor, bias: Option<&HostTensor>) -> (Vec<f32>, Option<Vec<f32>>) {
        let (rows, columns) = sides(weight);
        match self {
            Self::Peft(supports) => {
                let [a, b, c, d, e] = &**supports;
                let (a, b) = (a.spread(rows, columns), b.spread(rows, columns));
                let change = weight.values.iter().zip(a.iter().zip(&b)).map(|(w, (a, b))| w * a + b).collect();
                let bias = bias.map(|bias| {
                    let (c, d, e) = (c.spread(columns, 1), d.spread(rows, 1), e.spread(rows, 1));
                    let through = product(&weight.values, &c, columns);
                    (0..rows).map(|i| bias.values[i] * d[i] + e[i] + through[i]).collect()
                });
                (change, bias)
            }
            Self::Lycoris { a: [one, two], b: [up, down], scaling } => {
                let (inputs, rank) = (two.values.len() / two.shape[0], two.shape[0]);
                let kernel = columns / inputs.max(1);
                let mixing = product(&one.values, &two.values, rank);
                let mut change = product(&up.values, &down.values, down.shape[0]);
                for (w, change) in weight.values.chunks_exact(columns).zip(change.chunks_exact_mut(columns)) {
                    // [in, kernel] -> [in, kernel], by the transposed mixing.
                    add_scaled(change, 1.0, &product(&transposed(&mixing, inputs), w, inputs));
                }
                debug_assert_eq!(change.len(), rows * inputs * kernel);
                change.iter_mut().for_each(|value| *value *= scaling);
                (change, None)
            }
        }
    }
}
