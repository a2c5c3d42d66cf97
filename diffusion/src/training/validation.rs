//! What validation has found: the least loss, and when to stop.
//!
//! Tests: here; in whole runs, `tests/it/training.rs` and `trainer/tests/runs/best.rs`.

use serde::{Deserialize, Serialize};

/// Measurements of the validation loss in a run.
pub const VALIDATIONS: usize = 25;

/// Draws of timestep and noise that a validation loss is measured on at least: few held-out pictures get several each. Two
/// steps are compared on the same draws, so that their difference varies less than either.
const DRAWS: usize = 192;

/// How often each of so many held-out pictures is drawn.
pub fn repeats(pictures: usize) -> usize {
    DRAWS.div_ceil(pictures.max(1))
}

/// Draws that the loss on so many held-out pictures is measured on.
pub fn draws_on(pictures: usize) -> usize {
    repeats(pictures) * pictures
}

/// Whether something that comes `every` so many steps, and after the last, comes after this one; 0 for never.
pub fn is_due(every: usize, step: usize, total: usize) -> bool {
    every > 0 && (step == total || step.is_multiple_of(every))
}

/// What validation has found so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Validated {
    /// Step of the last measurement; 0 before the first.
    pub step: usize,
    /// Measurements since the least loss.
    pub stale: usize,
    /// Step of the least loss; 0 before the first measurement.
    pub best_step: usize,
    /// The least loss.
    pub best_loss: f32,
}

impl Validated {
    /// Notes the loss after a step, which counts from 1; whether it is the least so far. One that is no number never is.
    pub fn note(&mut self, step: usize, loss: f32) -> bool {
        self.step = step;
        self.stale += 1;
        let least = loss.is_finite() && (self.best_step == 0 || loss < self.best_loss);
        if least {
            *self = Self { step, stale: 0, best_step: step, best_loss: loss };
        }
        least
    }

    /// Whether there was no new least loss for so many measurements; 0 for never.
    pub fn has_settled(&self, early_stop: usize) -> bool {
        early_stop > 0 && self.stale >= early_stop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_loss_counts_and_one_that_is_no_number_does_not() {
        let mut validated = Validated::default();
        let least: Vec<bool> = (1..)
            .zip([f32::NAN, 0.5, 0.4, f32::INFINITY, 0.4, 0.45])
            .map(|(step, loss)| validated.note(step, loss))
            .collect();
        assert_eq!(least, [false, true, true, false, false, false]);
        assert_eq!(validated, Validated { step: 6, stale: 3, best_step: 3, best_loss: 0.4 });
        assert!(validated.has_settled(3) && !validated.has_settled(4) && !validated.has_settled(0));
    }

    #[test]
    fn few_pictures_are_drawn_often_enough() {
        assert_eq!([1, 5, 192, 200].map(draws_on), [192, 195, 192, 200]);
    }
}
