//! DoRA, learnt lengths of the rows of a changed weight (arXiv 2402.09353, equation 5), as PEFT and LyCORIS mean it.
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::sides;

/// The learnt lengths of a module whose weight another kind changes by D.
///
/// PEFT's: `m ∘ V / |V|` with `V = W + s · D`, so that the lengths count at every strength, 0 too, and only switching off
/// gives W. LyCORIS': V is `W + D` at every strength, and its rows are brought to their lengths by the share s.
#[derive(Debug, Clone, PartialEq)]
pub struct Dora {
    /// m: one length for each row, or each input.
    pub magnitude: HostTensor,
    /// Whose lengths they are.
    pub axis: DoraAxis,
    /// Whose meaning of strength it has.
    pub strength: DoraStrength,
}

/// Whose lengths DoRA learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoraAxis {
    /// Those of what belongs to one output: a row.
    Outputs,
    /// Those of what belongs to one input (LyCORIS with `wd_on_output=False`).
    Inputs,
}

/// What strength means for a DoRA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoraStrength {
    /// As in PEFT.
    Peft,
    /// As in LyCORIS.
    Lycoris,
}

impl Dora {
    /// Changes `to`, which began as the pristine weight, given what the other kind adds to it at strength 1. PEFT's scales
    /// what adapters before it have added, too, by lengths of the pristine weight; LyCORIS' adds its difference from that.
    pub(super) fn apply(&self, to: &mut [f32], pristine: &HostTensor, difference: &[f32], strength: f32) {
        let (added, share) = match self.strength {
            DoraStrength::Peft => (strength, 1.0),
            DoraStrength::Lycoris => (1.0, strength),
        };
        let (_, columns) = sides(pristine);
        let alone: Vec<f32> = pristine.values.iter().zip(difference).map(|(w, d)| w + added * d).collect();
        let factors = self.factors(&alone, columns, share);
        let place = self.places(columns);
        for (i, to) in to.iter_mut().enumerate() {
            let factor = factors[place(i)];
            *to = match self.strength {
                DoraStrength::Peft => factor * (*to + added * difference[i]),
                DoraStrength::Lycoris => *to + (factor * alone[i] - pristine.values[i]),
            };
        }
    }

    /// What rows, or what belongs to one input, are multiplied with.
    fn factors(&self, weight: &[f32], columns: usize, share: f32) -> Vec<f32> {
        // A row whose length is 0 stays.
        let factor = |(m, length): (&f32, f32)| if length > 0.0 { 1.0 + share * (m / length - 1.0) } else { 1.0 };
        self.magnitude.values.iter().zip(self.lengths(weight, columns)).map(factor).collect()
    }

    /// The lengths as they are.
    fn lengths(&self, weight: &[f32], columns: usize) -> Vec<f32> {
        let mut squares = vec![0f64; self.magnitude.values.len()];
        let place = self.places(columns);
        for (i, value) in weight.iter().enumerate() {
            squares[place(i)] += f64::from(*value) * f64::from(*value);
        }
        squares.iter().map(|squares| squares.sqrt() as f32).collect()
    }

    /// Gradients of what the other kind adds, and of the lengths, from that of the weight, alone and at strength 1.
    ///
    /// The lengths that are divided by count as constants, as in PEFT (arXiv 2402.09353, section 4.3); in LyCORIS they do not.
    pub(super) fn gradients(&self, pristine: &HostTensor, difference: &[f32], grad: &[f32]) -> [Vec<f32>; 2] {
        let (_, columns) = sides(pristine);
        let changed: Vec<f32> = pristine.values.iter().zip(difference).map(|(w, d)| w + d).collect();
        let (factors, lengths) = (self.factors(&changed, columns, 1.0), self.lengths(&changed, columns));
        let place = self.places(columns);
        let mut of_m = vec![0f64; lengths.len()];
        for (i, (grad, value)) in grad.iter().zip(&changed).enumerate() {
            of_m[place(i)] += f64::from(*grad) * f64::from(*value);
        }
        // What the gradient is along the changed row, of length 1.
        for (along, length) in of_m.iter_mut().zip(&lengths) {
            *along = if *length > 0.0 { *along / f64::from(*length) } else { 0.0 };
        }
        let mut out: Vec<f32> = grad.iter().enumerate().map(|(i, grad)| factors[place(i)] * grad).collect();
        if self.strength == DoraStrength::Lycoris {
            for (i, (out, value)) in out.iter_mut().zip(&changed).enumerate() {
                let at = place(i);
                if lengths[at] > 0.0 {
                    *out -= factors[at] * of_m[at] as f32 * value / lengths[at];
                }
            }
        }
        [out, of_m.iter().map(|value| *value as f32).collect()]
    }

    /// Whose length the value at each place of a weight with so many columns belongs to.
    fn places(&self, columns: usize) -> impl Fn(usize) -> usize + use<> {
        let (axis, kernel) = (self.axis, columns / self.magnitude.values.len().max(1));
        move |i| if axis == DoraAxis::Outputs { i / columns } else { i % columns / kernel.max(1) }
    }
}
