//! `adapter_config.json`: what decides an adapter's values.
//!
//! Tests: `tests/it/lora_files.rs`, `tests/it/patterns.rs`.

use serde_json::{Map, Value};

use crate::adapter::full::Full;
use crate::adapter::{Adapter, Change, Update};
use crate::error::Result;

use super::kind::PeftType;
use super::pattern::escape;
use super::patterns::Patterns;

/// `adapter_config.json`, the part of it that decides values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PeftConfig {
    /// The kind of adapter.
    pub peft_type: PeftType,
    /// Rank; of kinds without one what PEFT calls r.
    pub r: usize,
    /// Numerator of the scaling.
    pub lora_alpha: f32,
    /// Dropout used in training; has no effect on sampling.
    pub lora_dropout: f32,
    /// Names (endings of module paths) or one pattern.
    pub target_modules: Value,
    /// Scaling by the rank's square root (arXiv 2312.03732).
    pub use_rslora: bool,
    /// Ranks of single modules.
    pub rank_pattern: Patterns<usize>,
    /// Alphas of single modules.
    pub alpha_pattern: Patterns<f32>,
    /// What the targets leave out: names or one pattern.
    pub exclude_modules: Value,
    /// Numbers of the layers that are meant, where the targets are names.
    pub layers_to_transform: Value,
    /// What stands before those numbers.
    pub layers_pattern: Value,
    /// Whether the lengths of the rows are learnt (DoRA).
    pub use_dora: bool,
    /// Whether lora_B has a bias.
    pub lora_bias: bool,
    /// Whose own biases are in the file: none (empty), all, or those of the modules that are changed (`lora_only`, …).
    pub bias: String,
    /// Layers that are in the file whole.
    pub modules_to_save: Vec<String>,
    /// Which part of the base the factors began as, and were taken out of it for: `pissa`, `olora`, or none (empty).
    pub start: String,
    /// Settings of the kind alone, as they stand in the file.
    pub settings: Map<String, Value>,
}

impl PeftConfig {
    /// The configuration of an adapter that came without one: the highest rank and its alpha, exceptions by pattern.
    pub fn describing(adapter: &Adapter) -> Self {
        let highest = adapter.rank();
        let factored = || adapter.modules.values().filter(|update| !is_whole(update));
        let (lora_alpha, peft_type) =
            factored().find(|update| update.rank().unwrap_or(0) == highest).map_or((0.0, PeftType::Lora), |update| {
                (alpha(update, highest, |rank| rank as f32).unwrap_or(0.0), kind(update))
            });
        let use_dora = adapter.modules.values().any(|update| update.dora.is_some());
        // PEFT's name of a change of the bias; whole ones are not of adapters that come without a configuration.
        let has_bias = |update: &Update| matches!(update.bias, Some(Full::Difference(_)));
        let lora_bias = peft_type == PeftType::Lora && factored().any(has_bias);
        let replaced = |update: &Update| matches!(update.weight, Some(Change::Full(Full::Replacement(_))));
        let modules_to_save = adapter.modules.iter().filter(|(_, update)| replaced(update));
        let modules_to_save = modules_to_save.map(|(path, _)| path.clone()).collect();
        let r = if peft_type.has_rank() { highest.max(1) } else { highest };
        Self { peft_type, r, lora_alpha, use_dora, lora_bias, modules_to_save, ..Self::default() }.spelt_out(adapter)
    }

    /// The configuration to write with this adapter, which has these modules, ranks and scalings: itself, if that is what
    /// PEFT understands by it, also after PEFT has written it anew with its patterns in alphabetical order; else one with
    /// the paths of the modules in place of patterns.
    pub fn fitting(mut self, adapter: &Adapter) -> Self {
        // Tucker's core has been multiplied into its neighbours.
        self.settings.remove("use_effective_conv2d");
        let sorted = Self {
            rank_pattern: self.rank_pattern.sorted(),
            alpha_pattern: self.alpha_pattern.sorted(),
            ..self.clone()
        };
        if self.describes(adapter) && sorted.describes(adapter) { self } else { self.spelt_out(adapter) }
    }

    /// Whether PEFT makes such modules by it.
    fn describes(&self, adapter: &Adapter) -> bool {
        adapter.modules.iter().filter(|(_, update)| !is_whole(update)).all(|(path, update)| {
            let Some(scaling) = update.scaling() else { return self.must_target(path).is_ok() };
            let Ok(meant) = self.rank_pattern.matching(path).map(|rank| rank.copied().unwrap_or(self.r)) else {
                return false;
            };
            // Where nothing is factored, the configuration's rank counts all the same.
            let rank = update.rank().unwrap_or(meant);
            let close = |meant: f32| (meant - scaling).abs() <= 1e-6 * scaling.abs();
            meant == rank && self.must_target(path).is_ok() && self.scaling(path, rank).is_ok_and(close)
        })
    }

    /// With the modules' paths as targets and patterns: no two of them match one module.
    fn spelt_out(self, adapter: &Adapter) -> Self {
        let (r, lora_alpha) = self.most_common(adapter).unwrap_or((self.r, self.lora_alpha));
        // Keys are patterns: a dot in a path stands for itself.
        let targets = || adapter.modules.iter().filter(|(_, update)| !is_whole(update));
        // Where nothing is factored, PEFT reads from the configuration's rank that it is not.
        let meant = |path: &str, update: &Update| update.scaling().and(self.rank_of(path).ok());
        let ranked =
            targets().map(|(path, update)| (escape(path), update, update.rank().or_else(|| meant(path, update))));
        let ranked: Vec<_> = ranked.collect();
        let ranks = ranked.iter().filter_map(|(key, _, rank)| Some((key.clone(), (*rank)?)));
        let alpha = |update: &Update, rank: Option<usize>| alpha(update, rank.unwrap_or(r), |rank| self.divisor(rank));
        let alphas = ranked.iter().filter_map(|(key, update, rank)| Some((key.clone(), alpha(update, *rank)?)));
        Self {
            target_modules: targets().map(|(path, _)| path.clone()).collect(),
            rank_pattern: ranks.filter(|(_, rank)| *rank != r).collect(),
            alpha_pattern: alphas.filter(|(_, alpha)| (alpha - lora_alpha).abs() > 1e-6 * lora_alpha.abs()).collect(),
            exclude_modules: Value::Null,
            layers_to_transform: Value::Null,
            layers_pattern: Value::Null,
            r,
            lora_alpha,
            ..self
        }
    }

    /// The rank and alpha that most modules of a LoRA have: the fewest exceptions to write.
    fn most_common(&self, adapter: &Adapter) -> Option<(usize, f32)> {
        if self.peft_type != PeftType::Lora {
            return None; // PEFT reads more from the rank of others
        }
        let mut counts: Vec<((usize, f32), usize)> = Vec::new();
        for update in adapter.modules.values() {
            let Some(rank) = update.rank() else { continue };
            let own = (rank, alpha(update, rank, |rank| self.divisor(rank))?);
            match counts.iter_mut().find(|(known, _)| *known == own) {
                Some((_, count)) => *count += 1,
                None => counts.push((own, 1)),
            }
        }
        // The first of equally common ones.
        counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(own, _)| own)
    }

    /// Scaling of one module with factors of this rank.
    pub(super) fn scaling(&self, path: &str, rank: usize) -> Result<f32> {
        let alpha = self.alpha_pattern.matching(path)?.copied().unwrap_or(self.lora_alpha);
        Ok(alpha / self.divisor(rank))
    }

    /// What alpha is divided by.
    fn divisor(&self, rank: usize) -> f32 {
        if self.use_rslora { (rank as f32).sqrt() } else { rank as f32 }
    }
}

/// The alpha that gives a module its scaling; `r` is the rank of one where nothing is factored.
fn alpha(update: &Update, r: usize, divisor: impl Fn(usize) -> f32) -> Option<f32> {
    Some(update.scaling()? * divisor(update.rank().unwrap_or(r).max(1)))
}

/// Whether PEFT knows the module by `modules_to_save` or `bias`, and not as a target.
fn is_whole(update: &Update) -> bool {
    matches!(update.weight, None | Some(Change::Full(_)))
}

/// The kind that PEFT calls such a module.
fn kind(update: &Update) -> PeftType {
    match update.weight {
        Some(Change::Loha(_)) => PeftType::Loha,
        Some(Change::Lokr(_)) => PeftType::Lokr,
        Some(Change::Glora(_)) => PeftType::Glora,
        Some(Change::Hira(_)) => PeftType::Hira,
        Some(Change::Miss(_)) => PeftType::Miss,
        Some(Change::Oft(_)) => PeftType::Oft,
        Some(Change::Boft(_)) => PeftType::Boft,
        Some(Change::Hra(_)) => PeftType::Hra,
        Some(Change::Ia3(_)) => PeftType::Ia3,
        Some(Change::Lora(_) | Change::Full(_)) | None => PeftType::Lora,
    }
}
