//! Portable noise: the same seed gives the same bits on every platform.
//!
//! The generator is ChaCha8 in counter mode (`rand_chacha`, whose stream is specified and stable):
//! key = the seed as 8 little-endian bytes followed by 24 zero bytes, stream (nonce) = `stream`.
//! Output words are 32 bit, in the order of the key stream. A uniform number takes one word `w`:
//! `(w >> 8) / 2^24`. Two normal numbers take two words (Box–Muller, with `libm`'s functions in
//! f64, which are the same on every platform):
//! `u1 = ((w1 >> 8) + 1) / 2^24`, `u2 = (w2 >> 8) / 2^24`, `r = sqrt(-2 ln u1)`,
//! first `r cos(2 pi u2)`, then `r sin(2 pi u2)`.
//!
//! Tests: `tests/it/noise.rs`.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Position of a [`NoiseSource`], to be stored and restored.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct NoiseState {
    /// The seed.
    pub seed: u64,
    /// The stream of that seed.
    pub stream: u64,
    /// 32-bit words taken so far.
    pub words: u64,
    /// The second number of a Box–Muller pair that is still to be handed out.
    pub spare: Option<f32>,
}

/// A counter-based generator of uniform and normal numbers.
#[derive(Debug, Clone)]
pub struct NoiseSource {
    rng: ChaCha8Rng,
    seed: u64,
    stream: u64,
    spare: Option<f32>,
}

impl NoiseSource {
    /// Stream 0 of `seed`.
    pub fn new(seed: u64) -> Self {
        Self::with_stream(seed, 0)
    }

    /// One of 2^64 independent streams of the same seed.
    pub fn with_stream(seed: u64, stream: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream);
        Self { rng, seed, stream, spare: None }
    }

    /// Continues where [`state`](Self::state) was taken.
    pub fn from_state(state: NoiseState) -> Self {
        let mut source = Self::with_stream(state.seed, state.stream);
        source.rng.set_word_pos(u128::from(state.words));
        source.spare = state.spare;
        source
    }

    /// Where the generator stands.
    pub fn state(&self) -> NoiseState {
        NoiseState { seed: self.seed, stream: self.stream, words: self.rng.get_word_pos() as u64, spare: self.spare }
    }

    fn unit24(&mut self) -> f64 {
        f64::from(self.rng.next_u32() >> 8)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f32 {
        (self.unit24() / 16_777_216.0) as f32
    }

    /// Uniform in `0..bound` (multiply-shift, bias below 2^-32 · bound).
    pub fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.rng.next_u32()) * bound as u64) >> 32) as usize
    }

    /// One standard normal number.
    pub fn normal(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let u1 = (self.unit24() + 1.0) / 16_777_216.0;
        let u2 = self.unit24() / 16_777_216.0;
        let r = libm::sqrt(-2.0 * libm::log(u1));
        let angle = 2.0 * std::f64::consts::PI * u2;
        self.spare = Some((r * libm::sin(angle)) as f32);
        (r * libm::cos(angle)) as f32
    }

    /// Fills a slice with standard normal numbers, in order.
    pub fn fill_normal(&mut self, values: &mut [f32]) {
        for value in values {
            *value = self.normal();
        }
    }

    /// `len` standard normal numbers.
    pub fn normals(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.normal()).collect()
    }

    /// Fisher–Yates shuffle.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// The noise that a picture of `len` values begins with: what a run from `seed` takes where it is given none.
pub fn starting_noise(seed: u64, len: usize) -> Vec<f32> {
    NoiseSource::new(seed).normals(len)
}

/// A part of the way from one noise to another of the same length, along the arc between them: `share` 0 is `from` and 1 is `to`, bit
/// for bit. Between two noises the straight line passes through what is no noise, because it is too short (Shoemake, "Animating
/// rotation with quaternion curves", SIGGRAPH 1985: slerp). In f64 with `libm`, so the same on every platform.
pub fn slerp(from: &[f32], to: &[f32], share: f64) -> Vec<f32> {
    let dot = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let cosine = dot(from, to) / libm::sqrt(dot(from, from) * dot(to, to));
    let angle = libm::acos(cosine.clamp(-1.0, 1.0));
    let sine = libm::sin(angle);
    // Two that point the same way: there is no arc.
    let weights = match sine > f64::EPSILON {
        true => [libm::sin((1.0 - share) * angle) / sine, libm::sin(share * angle) / sine],
        false => [1.0 - share, share],
    };
    let [a, b] = weights;
    from.iter().zip(to).map(|(x, y)| (a * f64::from(*x) + b * f64::from(*y)) as f32).collect()
}
