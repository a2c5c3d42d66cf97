//! The loss of a batch, and its gradient at the network's output.
//!
//! Tests: here; `tests/it/gradients.rs` compares it with one that burn differentiates.

/// How far a prediction is from its target, value by value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossKind {
    /// The absolute error.
    L1,
    /// The squared error.
    L2,
    /// Huber's loss with delta 1: half the square of errors up to 1, the absolute error less a half beyond.
    Huber,
}

impl LossKind {
    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::Huber => "huber",
        }
    }

    /// The loss of an error, and its derivative.
    fn of(self, error: f32) -> (f32, f32) {
        // Where the absolute value has no derivative, 0.
        let sign = if error == 0.0 { 0.0 } else { error.signum() };
        match self {
            Self::L1 => (error.abs(), sign),
            Self::L2 => (error * error, 2.0 * error),
            Self::Huber if error.abs() > 1.0 => (error.abs() - 0.5, sign),
            Self::Huber => (0.5 * error * error, error),
        }
    }
}

/// The sum over pictures of their weight times their mean loss. `gradient`: of this sum at the prediction, is written.
///
/// # Shapes
/// `weights [b]`; `prediction`, `target` and `gradient` b pictures of equally many values.
pub fn weighted_loss(
    kind: LossKind,
    prediction: &[f32],
    target: &[f32],
    weights: impl ExactSizeIterator<Item = f32>,
    gradient: &mut [f32],
) -> f32 {
    let width = (prediction.len() / weights.len().max(1)).max(1);
    let pictures = prediction.chunks_exact(width).zip(target.chunks_exact(width)).zip(gradient.chunks_exact_mut(width));
    // As burn differentiates a mean: the trainer's gradients have the same bits.
    let of_each = (1.0 / width as f64) as f32;
    let mut sum = 0.0;
    for (weight, ((prediction, target), gradient)) in weights.zip(pictures) {
        let share = of_each * weight;
        let mut of_picture = 0.0;
        for ((prediction, target), gradient) in prediction.iter().zip(target).zip(gradient) {
            let (loss, derivative) = kind.of(prediction - target);
            of_picture += f64::from(loss);
            *gradient = share * derivative;
        }
        sum += f64::from(weight) * of_picture / width as f64;
    }
    sum as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loss_is_the_weighted_mean_of_its_formula() {
        let (prediction, target) = ([0.5, -2.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]);
        for (kind, losses, derivatives) in [
            (LossKind::L1, [0.5, 2.0, 0.0, 1.0], [1.0, -1.0, 0.0, -1.0]),
            (LossKind::L2, [0.25, 4.0, 0.0, 1.0], [1.0, -4.0, 0.0, -2.0]),
            (LossKind::Huber, [0.125, 1.5, 0.0, 0.5], [0.5, -1.0, 0.0, -1.0]),
        ] {
            let mut gradient = [f32::NAN; 4];
            let loss = weighted_loss(kind, &prediction, &target, [1.0, 3.0].into_iter(), &mut gradient);
            assert_eq!(loss, (losses[0] + losses[1]) / 2.0 + 3.0 * (losses[2] + losses[3]) / 2.0, "{kind:?}");
            let [a, b, c, d] = derivatives;
            assert_eq!(gradient, [a / 2.0, b / 2.0, 3.0 * c / 2.0, 3.0 * d / 2.0], "{kind:?}");
        }
    }

    #[test]
    fn an_empty_batch_has_no_loss() {
        assert_eq!(weighted_loss(LossKind::L2, &[], &[], [].into_iter(), &mut []), 0.0);
    }
}
