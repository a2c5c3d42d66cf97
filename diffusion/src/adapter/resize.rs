//! Any change as LoRA of a rank, as near as that rank gets.
//!
//! Tests: `tests/it/conversions.rs`, against numpy's singular values.

use std::collections::BTreeMap;

use crate::state::{HostTensor, StateDict};

use super::change::{Change, Update};
use super::full::Full;
use super::lora::LoraFactors;
use super::matrix::{norm, sides};
use super::modules::Adapter;
use super::svd::svd;

/// An adapter of another rank, and what it costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Resized {
    /// LoRA where a weight has rows and columns; biases and weights of norms as whole differences.
    pub adapter: Adapter,
    /// What became LoRA, by the module's path.
    pub losses: BTreeMap<String, Loss>,
}

/// What a change was, and what is lost of it, as Frobenius norms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    /// Of the change.
    pub change: f64,
    /// Of what the new factors leave out of it.
    pub lost: f64,
}

impl Loss {
    /// The lost part of the change, 0 to 1.
    pub fn relative(&self) -> f64 {
        if self.change > 0.0 { self.lost / self.change } else { 0.0 }
    }
}

impl Resized {
    /// Of all modules together.
    pub fn loss(&self) -> Loss {
        let root = |part: fn(&Loss) -> f64| self.losses.values().map(|loss| part(loss).powi(2)).sum::<f64>().sqrt();
        Loss { change: root(|loss| loss.change), lost: root(|loss| loss.lost) }
    }

    /// The module that loses the largest part of its change.
    pub fn worst(&self) -> Option<(&str, Loss)> {
        let worst = self.losses.iter().max_by(|(_, a), (_, b)| a.relative().total_cmp(&b.relative()));
        worst.map(|(path, loss)| (&path[..], *loss))
    }
}

/// What `adapter` makes of the base at strength 1, with LoRA of at most this rank in place of every kind: the parts of its
/// largest singular values, which is the nearest of all matrices of that rank (Eckart and Young 1936). Both factors have
/// the root of a singular value, so that they are as large as each other.
#[must_use]
pub fn resized(adapter: &Adapter, base: &StateDict, rank: usize) -> Resized {
    let mut adapter = adapter.differences(base);
    let mut losses = BTreeMap::new();
    for (path, update) in &mut adapter.modules {
        let Some(Change::Full(Full::Difference(difference))) = &update.weight else { continue };
        if !matches!(difference.shape.len(), 2 | 4) {
            continue;
        }
        let (factors, loss) = nearest(difference, rank);
        losses.insert(path.clone(), loss);
        *update = Update { bias: update.bias.take(), ..factors.into() };
    }
    Resized { adapter, losses }
}

/// The nearest factors of a rank.
fn nearest(difference: &HostTensor, rank: usize) -> (LoraFactors, Loss) {
    let (rows, columns) = sides(difference);
    let rank = rank.min(rows).min(columns);
    let parts = svd(&difference.values, columns, rank);
    let roots: Vec<f64> = parts.values.iter().take(rank).map(|value| value.sqrt()).collect();
    let mut a = Vec::with_capacity(rank * columns);
    for (vector, root) in parts.right.iter().zip(&roots) {
        a.extend(vector.iter().map(|value| (root * value) as f32));
    }
    let b =
        (0..rows).flat_map(|row| parts.left.iter().zip(&roots).map(move |(vector, root)| (root * vector[row]) as f32));
    let mut shapes = [vec![rank], vec![1; difference.shape.len()]];
    shapes[0].extend(&difference.shape[1..]);
    shapes[1][..2].copy_from_slice(&[rows, rank]);
    let [for_a, for_b] = shapes;
    let factors = LoraFactors {
        b: HostTensor { shape: for_b, values: b.collect() },
        a: HostTensor { shape: for_a, values: a },
        scaling: 1.0,
    };
    let lost = parts.values.iter().skip(rank).map(|value| value * value).sum::<f64>().sqrt();
    (factors, Loss { change: f64::from(norm(&difference.values)), lost })
}

impl Adapter {
    /// Takes out the weights and biases that are whole differences and that `holds` does not accept; gives back what they
    /// were, with the Frobenius norm of each.
    pub fn take_differences(&mut self, holds: impl Fn(&str, &Update, Part) -> bool) -> Vec<(String, f64)> {
        let mut taken = Vec::new();
        for (path, update) in &mut self.modules {
            let is_difference = matches!(update.weight, Some(Change::Full(Full::Difference(_))));
            if is_difference
                && !holds(path, update, Part::Weight)
                && let Some(Change::Full(full)) = update.weight.take()
            {
                taken.push((format!("{path}.weight"), f64::from(norm(&full.tensor().values))));
            }
            if matches!(update.bias, Some(Full::Difference(_)))
                && !holds(path, update, Part::Bias)
                && let Some(full) = update.bias.take()
            {
                taken.push((format!("{path}.bias"), f64::from(norm(&full.tensor().values))));
            }
        }
        self.modules.retain(|_, update| update.weight.is_some() || update.bias.is_some());
        taken
    }
}

impl Adapter {
    /// The Frobenius norms of its whole differences of weights and biases.
    pub fn difference_norms(&self) -> Vec<f64> {
        let full = |full: Option<&Full>| match full {
            Some(Full::Difference(tensor)) => Some(f64::from(norm(&tensor.values))),
            _ => None,
        };
        let weight = |update: &Update| match &update.weight {
            Some(Change::Full(weight)) => full(Some(weight)),
            _ => None,
        };
        self.modules.values().flat_map(|update| [weight(update), full(update.bias.as_ref())]).flatten().collect()
    }
}

/// A part of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its weight.
    Weight,
    /// Its bias.
    Bias,
}
