//! Streams of the seed's generator. Every step and every epoch has a stream of its own, so that the number of the step is all
//! there is to remember, and a resumed run draws what an uninterrupted one would have drawn. The numbers never change: runs
//! that were begun go on with them.
//!
//! Tests: in `tests/it/training.rs`.

use crate::noise::NoiseSource;

/// Order of the pictures in an epoch.
pub fn epoch(seed: u64, epoch: usize) -> NoiseSource {
    NoiseSource::with_stream(seed, (2 << 32) + epoch as u64)
}

/// Timesteps, dropped labels and noise of a step's batch.
pub fn step(seed: u64, step: usize) -> NoiseSource {
    NoiseSource::with_stream(seed, (1 << 32) + step as u64)
}

/// Timesteps and noise of the validation loss.
pub fn validation(seed: u64) -> NoiseSource {
    NoiseSource::with_stream(seed, 3 << 32)
}

/// Augmentation of a step's pictures.
pub fn augment(seed: u64, step: usize) -> NoiseSource {
    NoiseSource::with_stream(seed, (4 << 32) + step as u64)
}

/// The number of the stream of a job's dropped inputs: a step reserves 2^16.
pub fn dropout(step: usize, job: usize) -> u64 {
    (1 << 48) + ((step as u64) << 16) + job as u64
}
