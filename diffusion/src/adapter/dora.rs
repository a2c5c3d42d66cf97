//! DoRA, learnt lengths of the rows of a changed weight (arXiv 2402.09353, equation 5), as PEFT and LyCORIS mean it.
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::matrix::{norm, sides};

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
    /// The weight that a pristine one becomes, given what the other kind adds to it at strength 1.
    pub(super) fn weight(&self, pristine: &HostTensor, difference: &[f32], strength: f32) -> Vec<f32> {
        let (added, share) = match self.strength {
            DoraStrength::Peft => (strength, 1.0),
            DoraStrength::Lycoris => (1.0, strength),
        };
        let (_, columns) = sides(pristine);
        let mut weight: Vec<f32> = pristine.values.iter().zip(difference).map(|(w, d)| w + added * d).collect();
        let m = &self.magnitude.values;
        // A row whose length is 0 stays.
        let factor = |m: f32, length: f32| if length > 0.0 { 1.0 + share * (m / length - 1.0) } else { 1.0 };
        match self.axis {
            DoraAxis::Outputs => {
                for (row, m) in weight.chunks_exact_mut(columns).zip(m) {
                    let factor = factor(*m, norm(&*row));
                    row.iter_mut().for_each(|value| *value *= factor);
                }
            }
            DoraAxis::Inputs => {
                let kernel = columns / m.len();
                let mut squares = vec![0f64; m.len()];
                for (i, value) in weight.iter().enumerate() {
                    squares[i % columns / kernel] += f64::from(*value) * f64::from(*value);
                }
                let factors: Vec<f32> =
                    m.iter().zip(&squares).map(|(m, squares)| factor(*m, squares.sqrt() as f32)).collect();
                weight.iter_mut().enumerate().for_each(|(i, value)| *value *= factors[i % columns / kernel]);
            }
        }
        weight
    }
}
