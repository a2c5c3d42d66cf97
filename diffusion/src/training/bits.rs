//! Numbers of 64 bits among f32 values: in four parts, which f32 has exactly; and digests.
//!
//! Tests: in `job.rs`, `tests/it/adapter_run.rs`.

/// The four parts of a number, the lowest first.
pub fn split(number: u64) -> [f32; 4] {
    [0, 16, 32, 48].map(|shift| f32::from((number >> shift) as u16))
}

/// The number of these parts.
pub fn join(parts: &[f32]) -> u64 {
    parts.iter().rev().fold(0, |number, part| number << 16 | u64::from(*part as u16))
}

/// FNV-1a on words: another number for other words, with all likelihood.
pub fn digest(words: impl IntoIterator<Item = u32>) -> u64 {
    let mix = |hash: u64, word: u32| (hash ^ u64::from(word)).wrapping_mul(0x0100_0000_01b3);
    words.into_iter().fold(0xcbf2_9ce4_8422_2325, mix)
}
