//! Section `[lora]`: the adapter.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Section `[lora]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraSettings {
    /// Rank of the factors.
    pub rank: usize,
    /// Numerator of the scaling.
    pub alpha: f32,
    /// Scaling alpha / sqrt(rank) instead of alpha / rank (arXiv 2312.03732).
    pub use_rslora: bool,
    /// Modules that get factors: names (endings of module paths) or patterns of whole paths.
    pub target_modules: Vec<String>,
    /// Probability that an input of the factors is dropped in training, at least 0 and below 1.
    pub dropout: f32,
}

impl Default for LoraSettings {
    fn default() -> Self {
        Self {
            rank: 4,
            alpha: 8.0,
            use_rslora: false,
            target_modules: ["to_q", "to_k", "to_v"].map(String::from).to_vec(),
            dropout: 0.0,
        }
    }
}

impl LoraSettings {
    /// Checks the numbers.
    ///
    /// # Errors
    /// Those that cannot work.
    pub fn check(&self) -> Result<()> {
        let refuse = |reason: &str| Err(Error::Setting { reason: reason.to_owned() });
        if self.rank == 0 {
            return refuse("rank must be at least 1");
        }
        if !(self.alpha.is_finite() && self.alpha != 0.0) {
            return refuse("alpha must be a number other than 0, which would switch the adapter off");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse("dropout must be at least 0 and below 1");
        }
        Ok(())
    }

    /// The factor before `B A`: alpha / rank, or alpha / sqrt(rank).
    pub fn scaling(&self) -> f32 {
        let rank = self.rank as f32;
        self.alpha / if self.use_rslora { rank.sqrt() } else { rank }
    }
}
