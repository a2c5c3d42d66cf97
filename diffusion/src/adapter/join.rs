//! Several adapters made one, as PEFT's `add_weighted_adapter` does.
//!
//! Tests: `tests/it/conversions.rs`, against PEFT's own.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::state::{HostTensor, StateDict};
use crate::turbo::Turbo;

use super::change::{Change, Update};
use super::compose::compose;
use super::full::Full;
use super::lora::LoraFactors;
use super::matrix::add_scaled;
use super::modules::Adapter;
use super::plain::differences;

/// How the factors of one module come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Factors are mixed: `B = Σ √|w_i c_i| B_i`, `A = Σ ±√|w_i c_i| A_i`, which is of the same rank and has products of
    /// one adapter's B with another's A in it.
    Linear,
    /// Factors stand side by side: exactly the sum, of the sum of the ranks.
    Cat,
}

/// Why adapters cannot be joined by their factors.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// Only factors can be put together.
    #[error("{path} is changed by {kind}, whose factors cannot be joined: join by SVD")]
    NotPlain {
        /// Path of the module.
        path: String,
        /// What changes it.
        kind: &'static str,
    },
    /// Factors of several ranks have no sum.
    #[error("{path} has factors of the ranks {} and {}, which have no sum: stack them, or join by SVD", ranks[0], ranks[1])]
    Ranks {
        /// Path of the module.
        path: String,
        /// The ranks.
        ranks: [usize; 2],
    },
}

/// One adapter of several with their weights, all plain LoRA (with differences of biases, whose sums are taken).
///
/// # Errors
/// A module that one of them changes by another kind; of [`Join::Linear`], one that they change with several ranks.
pub fn joined(adapters: &[(&Adapter, f32)], join: Join) -> Result<Adapter, JoinError> {
    let mut modules = BTreeMap::<String, Update>::new();
    for (adapter, weight) in adapters {
        for (path, update) in &adapter.modules {
            let (factors, bias) = plain(path, update)?;
            let mut added = factors.clone();
            match join {
                Join::Cat => {
                    added.b.values.iter_mut().for_each(|value| *value *= weight * factors.scaling);
                }
                Join::Linear => {
                    let both = weight * factors.scaling;
                    let root = both.abs().sqrt();
                    // A strength of -1 must not cancel itself.
                    let signed = if both < 0.0 { -root } else { root };
                    added.a.values.iter_mut().for_each(|value| *value *= signed);
                    added.b.values.iter_mut().for_each(|value| *value *= root);
                }
            }
            added.scaling = 1.0;
            let bias = bias.map(|bias| HostTensor {
                shape: bias.shape.clone(),
                values: bias.values.iter().map(|value| weight * value).collect(),
            });
            match modules.get_mut(path) {
                None => {
                    let update = Update { bias: bias.map(Full::Difference), ..added.into() };
                    modules.insert(path.clone(), update);
                }
                Some(Update { weight: Some(Change::Lora(sum)), bias: biases, .. }) => {
                    match (&mut *biases, bias) {
                        (Some(sum), Some(bias)) => add_scaled(&mut sum.tensor_mut().values, 1.0, &bias.values),
                        (None, Some(bias)) => *biases = Some(Full::Difference(bias)),
                        (_, None) => {}
                    }
                    match join {
                        Join::Cat => sum.append(1.0, added),
                        Join::Linear if sum.rank() != added.rank() => {
                            let ranks = [sum.rank(), added.rank()];
                            return Err(JoinError::Ranks { path: path.clone(), ranks });
                        }
                        Join::Linear => {
                            add_scaled(&mut sum.a.values, 1.0, &added.a.values);
                            add_scaled(&mut sum.b.values, 1.0, &added.b.values);
                        }
                    }
                }
                Some(_) => {}
            }
        }
    }
    Ok(Adapter { modules, ..about(adapters) })
}

/// What several adapters of any kinds make of the base together, at their strengths, as whole differences.
#[must_use]
pub fn joined_differences(adapters: &[(&Adapter, f32)], base: &StateDict) -> Adapter {
    let plain = |(adapter, _): &(&Adapter, f32)| adapter.modules.values().all(|update| update.lora().is_some());
    if adapters.iter().all(plain)
        && let Ok(sum) = joined(adapters, Join::Cat)
    {
        // Without what the sum of a large weight and a small change loses.
        return sum.differences(base);
    }
    let sum = differences(base, &compose(base, adapters.iter().copied(), []));
    Adapter { modules: sum.modules, ..about(adapters) }
}

/// What the files of all of them say of them together.
fn about(adapters: &[(&Adapter, f32)]) -> Adapter {
    let guidance_scale = Adapter::guidance_of(adapters.iter().copied());
    let (base_sha256, turbo) = (common_base(adapters), only_turbo(adapters));
    Adapter { base_sha256, turbo, guidance_scale, ..Adapter::default() }
}

/// How all of them are drawn with: as the only one that says it. Two that were taught to draw in few steps are none together.
fn only_turbo(adapters: &[(&Adapter, f32)]) -> Option<Turbo> {
    let mut all = adapters.iter().filter_map(|(adapter, _)| adapter.turbo.as_ref());
    all.next().filter(|_| all.next().is_none()).cloned()
}

/// The base that all of them were trained on.
fn common_base(adapters: &[(&Adapter, f32)]) -> Option<String> {
    let mut bases = adapters.iter().map(|(adapter, _)| &adapter.base_sha256);
    let first = bases.next()?;
    if bases.all(|base| base == first) { first.clone() } else { None }
}

/// Factors, and the difference of the bias.
fn plain<'a>(path: &str, update: &'a Update) -> Result<(&'a LoraFactors, Option<&'a HostTensor>), JoinError> {
    match update {
        Update { weight: Some(Change::Lora(factors)), dora: None, taken: None, bias: None } => Ok((factors, None)),
        Update { weight: Some(Change::Lora(factors)), dora: None, taken: None, bias: Some(Full::Difference(bias)) } => {
            Ok((factors, Some(bias)))
        }
        _ => Err(JoinError::NotPlain { path: path.to_owned(), kind: update.kind() }),
    }
}
