//! Section `[lora]`: the adapter.

use std::str::FromStr;

use diffusion::adapter::initial::Start;
use diffusion::peft::Patterns;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The kind of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum AdapterKind {
    /// Two factors of low rank
    #[default]
    Lora,
    /// The Hadamard product of two such pairs: a higher rank for the same bytes
    Loha,
    /// A Kronecker product: the fewest bytes
    Lokr,
    /// Only trained on (`--init`).
    #[value(skip)]
    Oft,
    /// Only trained on.
    #[value(skip)]
    Boft,
    /// Only trained on.
    #[value(skip)]
    Hra,
    /// Only trained on.
    #[value(skip)]
    Ia3,
    /// Only trained on.
    #[value(skip)]
    Glora,
    /// Only trained on.
    #[value(skip)]
    Hira,
    /// Only trained on.
    #[value(skip)]
    Miss,
}

/// Section `[lora]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraSettings {
    /// The kind.
    #[serde(default)]
    pub kind: AdapterKind,
    /// Rank of the factors.
    pub rank: usize,
    /// Numerator of the scaling.
    pub alpha: f32,
    /// Scaling alpha / sqrt(rank) instead of alpha / rank (arXiv 2312.03732).
    pub use_rslora: bool,
    /// Whether the lengths of the rows are learnt, too (DoRA).
    #[serde(default)]
    pub dora: bool,
    /// Sides of LoKr's first factor; 0 for those nearest to the roots.
    #[serde(default)]
    pub decompose_factor: usize,
    /// Ranks of single modules, as `conv_in=32`: PEFT's patterns of paths, the first that matches counts.
    #[serde(default)]
    pub rank_pattern: Vec<String>,
    /// Alphas of single modules, likewise.
    #[serde(default)]
    pub alpha_pattern: Vec<String>,
    /// Modules that are changed: names (endings of module paths) or patterns of whole paths.
    pub target_modules: Vec<String>,
    /// Modules that an adapter which is trained on does not have, to be changed, too.
    #[serde(default)]
    pub add_modules: Vec<String>,
    /// Probability that an input of the adapted modules is dropped in training, at least 0 and below 1.
    pub dropout: f32,
}

impl Default for LoraSettings {
    fn default() -> Self {
        Self {
            kind: AdapterKind::Lora,
            rank: 4,
            alpha: 8.0,
            use_rslora: false,
            dora: false,
            decompose_factor: 0,
            rank_pattern: Vec::new(),
            alpha_pattern: Vec::new(),
            target_modules: ["to_q", "to_k", "to_v"].map(String::from).to_vec(),
            add_modules: Vec::new(),
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
        if self.dora && self.kind != AdapterKind::Lora {
            return refuse("dora goes with the kind lora alone: PEFT has no lengths of rows for the others");
        }
        if self.use_rslora && self.kind != AdapterKind::Lora {
            return refuse("use_rslora goes with the kind lora alone: PEFT scales the others by alpha / rank");
        }
        if self.decompose_factor > 0 && self.kind != AdapterKind::Lokr {
            return refuse("decompose_factor goes with the kind lokr alone");
        }
        Ok(())
    }

    /// How an adapter of these settings begins.
    ///
    /// # Errors
    /// A kind that can only be trained on.
    pub fn start(&self) -> Result<Start> {
        match self.kind {
            AdapterKind::Lora => Ok(Start::Lora { dora: self.dora }),
            AdapterKind::Loha => Ok(Start::Loha),
            AdapterKind::Lokr => {
                let factor = (self.decompose_factor > 0).then_some(self.decompose_factor);
                Ok(Start::Lokr { factor })
            }
            other => Err(Error::Setting {
                reason: format!(
                    "an adapter of the kind {other:?} is trained on with --init, and not begun; kinds to begin with are lora, loha and lokr"
                ),
            }),
        }
    }

    /// The ranks of single modules.
    ///
    /// # Errors
    /// What is no pattern with a rank.
    pub fn ranks(&self) -> Result<Patterns<usize>> {
        patterns("rank_pattern", &self.rank_pattern, |rank: &usize| *rank > 0)
    }

    /// The alphas of single modules.
    ///
    /// # Errors
    /// What is no pattern with an alpha.
    pub fn alphas(&self) -> Result<Patterns<f32>> {
        patterns("alpha_pattern", &self.alpha_pattern, |alpha: &f32| alpha.is_finite() && *alpha != 0.0)
    }

    /// Rank of a module, and the factor before what its factors make: alpha / rank, or alpha / sqrt(rank).
    ///
    /// # Errors
    /// Patterns that are none.
    pub fn of_module(&self, path: &str) -> Result<(usize, f32)> {
        let rank = self.ranks()?.matching(path)?.copied().unwrap_or(self.rank);
        let alpha = self.alphas()?.matching(path)?.copied().unwrap_or(self.alpha);
        Ok((rank, alpha / if self.use_rslora { (rank as f32).sqrt() } else { rank as f32 }))
    }
}

/// `PATTERN=VALUE` each, in their order.
fn patterns<T: FromStr>(name: &str, entries: &[String], works: impl Fn(&T) -> bool) -> Result<Patterns<T>> {
    let parsed = |entry: &String| {
        let (pattern, value) = entry.rsplit_once('=')?;
        Some((pattern.trim().to_owned(), value.trim().parse().ok().filter(&works)?)).filter(|(key, _)| !key.is_empty())
    };
    entries
        .iter()
        .map(|entry| {
            parsed(entry).ok_or_else(|| Error::Setting {
                reason: format!("\"{entry}\" in {name} must be a pattern and a number above 0, as conv_in=32"),
            })
        })
        .collect()
}
