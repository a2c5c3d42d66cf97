//! Training, evaluation and pictures.

pub mod classifier;
pub mod data;
pub mod error;
pub mod eval;
pub mod files;
pub mod parallel;
pub mod picture;
pub mod styles;
#[cfg(test)]
mod testing;
