//! Numbers for tests.

/// Numbers for tests, of variance 1.
pub fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * 3f32.sqrt()
    };
    std::iter::repeat_with(next).take(len).collect()
}
