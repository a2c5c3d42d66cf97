//! The trait of all samplers.
//!
//! Tests: `tests/it/samplers.rs`.

use std::fmt;

/// One way of going from noise to a picture.
///
/// Not `Debug`, which would bring the printing of every setting into a browser's engine with the first boxed one.
pub trait Sampler: Send {
    /// Timesteps the network is asked at, first to last; their number is the number of steps.
    fn timesteps(&self) -> &[f32];

    /// Standard deviation of the starting noise.
    fn init_noise_sigma(&self) -> f32 {
        1.0
    }

    /// What the sample is multiplied by before step `index`, to have the variance that the network knows.
    fn input_scale(&self, _index: usize) -> f32 {
        1.0
    }

    /// How much of the network's input at step `index` is picture, and how much noise.
    fn signal_and_noise(&self, index: usize) -> (f32, f32);

    /// Whether step `index` wants fresh noise.
    fn needs_noise(&self, _index: usize) -> bool {
        false
    }

    /// Step `index` (0-based): replaces `sample` by the next one and returns the predicted x_0.
    /// `noise` is as long as the sample where [`needs_noise`](Self::needs_noise) says so, else empty.
    fn step(&mut self, index: usize, model_output: &[f32], sample: &mut [f32], noise: &[f32]) -> Vec<f32>;
}

impl fmt::Debug for dyn Sampler {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sampler").finish_non_exhaustive()
    }
}
