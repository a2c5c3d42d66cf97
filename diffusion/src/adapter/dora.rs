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
        let kernel = columns / factors.len().max(1);
        for (i, to) in to.iter_mut().enumerate() {
            let factor = match self.axis {
                DoraAxis::Outputs => factors[i / columns],
                DoraAxis::Inputs => factors[i % columns / kernel],
            };
            *to = match self.strength {
                DoraStrength::Peft => factor * (*to + added * difference[i]),
                DoraStrength::Lycoris => *to + (factor * alone[i] - pristine.values[i]),
            };
        }
    }

    /// What rows, or what belongs to one input, are multiplied with.
    fn factors(&self, weight: &[f32], columns: usize, share: f32) -> Vec<f32> {
        let m = &self.magnitude.values;
        let mut squares = vec![0f64; m.len()];
        let kernel = columns / m.len().max(1);
        for (i, value) in weight.iter().enumerate() {
            let at = if self.axis == DoraAxis::Outputs { i / columns } else { i % columns / kernel };
            squares[at] += f64::from(*value) * f64::from(*value);
        }
        // A row whose length is 0 stays.
        let factor = |(m, squares): (&f32, &f64)| {
            if *squares > 0.0 { 1.0 + share * (m / squares.sqrt() as f32 - 1.0) } else { 1.0 }
        };
        m.iter().zip(&squares).map(factor).collect()
    }
}
