//! Adapters that training begins with: such that nothing is changed yet, as PEFT begins them.
//!
//! Tests: `tests/it/adapter_gradients.rs`, `tests/it/training.rs`.

use crate::noise::NoiseSource;
use crate::state::{HostTensor, StateDict};

use super::change::{Change, Update};
use super::dora::{Dora, DoraAxis, DoraStrength};
use super::loha::Loha;
use super::lokr::{Kronecker, Lokr, factorization};
use super::lora::LoraFactors;
use super::matrix::sides;
use super::modules::Adapter;

/// A kind of adapter to be trained from nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// LoRA; DoRA where the lengths of the rows are learnt, too.
    Lora {
        /// Whether they are.
        dora: bool,
    },
    /// LoHa.
    Loha,
    /// LoKr.
    Lokr {
        /// The first factor's sides, or the largest divisors up to it; without it those nearest to the roots
        /// (`decompose_factor`).
        factor: Option<usize>,
    },
}

/// The Linears and convolutions of a base by their paths, with their weights: what an adapter can begin over.
pub fn modules(base: &StateDict) -> impl Iterator<Item = (&str, &HostTensor)> {
    base.iter().filter_map(|(name, weight)| match weight.shape.len() {
        2 | 4 => Some((name.strip_suffix(".weight")?, weight)),
        _ => None,
    })
}

impl Start {
    /// An adapter of this kind that changes nothing yet. `chosen` says rank and scaling of the [modules] that it has, by
    /// their paths. The same values for a seed, whoever trains it.
    pub fn adapter(self, base: &StateDict, seed: u64, chosen: impl Fn(&str) -> Option<(usize, f32)>) -> Adapter {
        let mut noise = NoiseSource::new(seed);
        let mut adapter = Adapter::default();
        for (path, weight) in modules(base) {
            if let Some((rank, scaling)) = chosen(path) {
                adapter.modules.insert(path.to_owned(), self.module(weight, rank, scaling, &mut noise));
            }
        }
        adapter
    }

    /// A module of this kind for a weight `[out, in]` or `[out, in, h, w]`. Matrices begin uniform within ±1/sqrt(inputs)
    /// (Kaiming with a = sqrt 5), and one of them zero, so that the module begins as it is: B of LoRA, the last of LoHa, the
    /// first of LoKr.
    pub fn module(self, weight: &HostTensor, rank: usize, scaling: f32, noise: &mut NoiseSource) -> Update {
        let (out, columns) = sides(weight);
        let mut uniform = |shape: Vec<usize>, inputs: usize| {
            let bound = 1.0 / (inputs as f32).sqrt();
            let values = (0..shape.iter().product()).map(|_| (2.0 * noise.uniform() - 1.0) * bound).collect();
            HostTensor { shape, values }
        };
        let zeros = |shape: Vec<usize>| HostTensor { values: vec![0.0; shape.iter().product()], shape };
        match self {
            Self::Lora { dora } => {
                let kernel = weight.shape.get(2..).unwrap_or_default();
                let with_kernel = |sides: [usize; 2], kernel: &[usize]| [&sides[..], kernel].concat();
                let inputs = weight.shape.get(1).copied().unwrap_or(1);
                let factors = LoraFactors {
                    a: uniform(with_kernel([rank, inputs], kernel), columns),
                    b: zeros(with_kernel([out, rank], &vec![1; kernel.len()])),
                    scaling,
                };
                Update { dora: dora.then(|| lengths(weight)), ..Update::from(factors) }
            }
            Self::Loha => {
                let [a1, b1, a2] = [([out, rank], rank), ([rank, columns], columns), ([out, rank], rank)]
                    .map(|(shape, inputs)| uniform(shape.into(), inputs));
                let b2 = zeros(vec![rank, columns]);
                plain(Change::Loha(Loha { a: [a1, a2], b: [b1, b2], scaling }))
            }
            Self::Lokr { factor } => {
                let inputs = weight.shape.get(1).copied().unwrap_or(1);
                let kernel = weight.shape.get(2..).unwrap_or_default();
                let ((p, n), (q, m)) = (factorization(out, factor), factorization(inputs, factor));
                let windows = m * kernel.iter().product::<usize>();
                // From half of the larger side on, PEFT leaves it whole.
                let second = match 2 * rank >= n.max(m) {
                    true => Kronecker::Whole(uniform([&[n, m], kernel].concat(), windows)),
                    false => {
                        let a = uniform(vec![n, rank], rank);
                        Kronecker::Product(a, uniform(vec![rank, windows], windows))
                    }
                };
                plain(Change::Lokr(Lokr { first: Kronecker::Whole(zeros(vec![p, q])), second, scaling }))
            }
        }
    }
}

fn plain(change: Change) -> Update {
    Update { weight: Some(change), dora: None, taken: None, bias: None }
}

/// The lengths of a weight's rows as they are.
fn lengths(weight: &HostTensor) -> Dora {
    let (rows, columns) = sides(weight);
    let length = |row: &[f32]| row.iter().map(|w| f64::from(*w) * f64::from(*w)).sum::<f64>().sqrt() as f32;
    let values: Vec<f32> = weight.values.chunks_exact(columns.max(1)).map(length).collect();
    let magnitude = HostTensor { shape: vec![rows], values };
    Dora { magnitude, axis: DoraAxis::Outputs, strength: DoraStrength::Peft }
}
