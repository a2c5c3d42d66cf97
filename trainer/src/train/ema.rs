//! EMA: the exponential moving average of the weights. It is what is saved, sampled and shipped.
//!
//! On the CPU [`update`]'s formula is part of the optimizer's one pass. Tests: here for the decay, in `optimizer.rs` for the
//! average.

use burn::tensor::Tensor;

/// The decay of the average in a step, after `steps_done` steps.
///
/// It grows from 0.1 to `limit` (`ema_decay`): an average that began at random weights would remember them for long. The
/// same warm-up as TensorFlow's `ExponentialMovingAverage` with `num_updates`.
pub fn decay(limit: f64, steps_done: usize) -> f64 {
    let done = steps_done as f64;
    limit.min((1.0 + done) / (10.0 + done))
}

/// `decay · ema + (1 - decay) · weights`.
///
/// # Shapes
/// `ema`, `weights` and the result `[parameters]`.
pub fn update(ema: Tensor<1>, weights: Tensor<1>, decay: f64) -> Tensor<1> {
    ema * decay + weights * (1.0 - decay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decay_grows_to_its_limit_and_0_keeps_the_weights() {
        assert_eq!([0, 1, 2].map(|step| decay(0.9, step)), [0.1, 2.0 / 11.0, 3.0 / 12.0]);
        assert_eq!(decay(0.9, 1_000_000), 0.9);
        assert_eq!(decay(0.0, 5), 0.0);
    }
}
