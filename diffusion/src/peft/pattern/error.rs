//! What can be wrong with a pattern.
//!
//! Tests: `tests/it/patterns.rs`.

/// Why a pattern is refused: English, for the end of a sentence.
pub(in crate::peft) type PatternError = &'static str;
