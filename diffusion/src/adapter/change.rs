//! What an adapter makes of one module: one of the kinds, and what may come with it.
//!
//! Tests: `tests/it/adapter_kinds.rs`.

use crate::state::HostTensor;

use super::boft::Boft;
use super::dora::Dora;
use super::full::Full;
use super::glora::Glora;
use super::hira::Hira;
use super::hra::Hra;
use super::ia3::Ia3;
use super::loha::Loha;
use super::lokr::Lokr;
use super::lora::LoraFactors;
use super::matrix::{add_scaled, sides};
use super::miss::Miss;
use super::oft::Oft;
use super::taken::Taken;

/// What becomes of a module's weight.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Two factors of low rank.
    Lora(LoraFactors),
    /// The Hadamard product of two such pairs.
    Loha(Loha),
    /// A Kronecker product.
    Lokr(Lokr),
    /// Low-rank changes of weight and bias, in proportion and beyond.
    Glora(Glora),
    /// Two factors of low rank, in proportion to the weight.
    Hira(Hira),
    /// A block for every run of inputs.
    Miss(Miss),
    /// Block-diagonal rotations.
    Oft(Oft),
    /// Rotations in butterfly form.
    Boft(Boft),
    /// Reflections.
    Hra(Hra),
    /// Factors of inputs or outputs.
    Ia3(Ia3),
    /// A whole difference, or another weight.
    Full(Full),
}

/// What an adapter makes of one module.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// What becomes of the weight.
    pub weight: Option<Change>,
    /// The lengths of its rows (DoRA).
    pub dora: Option<Dora>,
    /// What is taken out of the base (PiSSA, OLoRA).
    pub taken: Option<Taken>,
    /// What becomes of the bias: PEFT's `lora_bias` (times the scaling), `diff_b`, a bias in `modules_to_save`.
    pub bias: Option<Full>,
}

/// Weight and bias of a module.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The weight.
    pub weight: HostTensor,
    /// The bias, where there is one.
    pub bias: Option<HostTensor>,
}

impl From<LoraFactors> for Update {
    fn from(factors: LoraFactors) -> Self {
        Self { weight: Some(Change::Lora(factors)), dora: None, taken: None, bias: None }
    }
}

impl Update {
    /// The kind, by the name that people know.
    pub fn kind(&self) -> &'static str {
        match (&self.weight, &self.dora) {
            (Some(Change::Lora(_)), Some(_)) => "DoRA",
            (Some(Change::Loha(_)), Some(_)) => "LoHa with DoRA",
            (Some(Change::Lokr(_)), Some(_)) => "LoKr with DoRA",
            (Some(Change::Lora(_)), None) => "LoRA",
            (Some(Change::Loha(_)), None) => "LoHa",
            (Some(Change::Lokr(_)), None) => "LoKr",
            (Some(Change::Glora(_)), _) => "GLoRA",
            (Some(Change::Hira(_)), _) => "HiRA",
            (Some(Change::Miss(_)), _) => "MiSS",
            (Some(Change::Oft(_)), _) => "OFT",
            (Some(Change::Boft(_)), _) => "BOFT",
            (Some(Change::Hra(_)), _) => "HRA",
            (Some(Change::Ia3(_)), _) => "(IA)³",
            (Some(Change::Full(Full::Difference(_))), _) => "full difference",
            (None, _) => "bias",
            (Some(Change::Full(Full::Replacement(_))), _) => "whole layer",
        }
    }

    /// Whether the bias alone is changed.
    pub fn is_of_bias(&self) -> bool {
        self.weight.is_none() && self.taken.is_none()
    }

    /// The rank, where the kind has one.
    pub fn rank(&self) -> Option<usize> {
        match self.weight.as_ref()? {
            Change::Lora(lora) => Some(lora.rank()),
            Change::Loha(loha) => Some(loha.rank()),
            Change::Lokr(lokr) => lokr.rank(),
            Change::Glora(glora) => glora.rank(),
            Change::Hra(hra) => Some(hra.rank()),
            Change::Hira(hira) => Some(hira.rank()),
            Change::Miss(miss) => Some(miss.rank()),
            Change::Oft(_) | Change::Boft(_) | Change::Ia3(_) | Change::Full(_) => None,
        }
    }

    /// How many numbers are stored.
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(|(_, tensor)| tensor.values.len()).sum()
    }

    /// alpha / rank or what stands for it, where the kind has such a factor.
    pub fn scaling(&self) -> Option<f32> {
        match self.weight.as_ref()? {
            Change::Lora(lora) => Some(lora.scaling),
            Change::Loha(loha) => Some(loha.scaling),
            Change::Lokr(lokr) => Some(lokr.scaling),
            _ => None,
        }
    }

    /// The factors, where it is plain LoRA and nothing else.
    pub fn lora(&self) -> Option<&LoraFactors> {
        match self {
            Self { weight: Some(Change::Lora(factors)), dora: None, taken: None, bias: None } => Some(factors),
            _ => None,
        }
    }

    /// The factors, to be changed, where it is plain LoRA and nothing else.
    pub fn lora_mut(&mut self) -> Option<&mut LoraFactors> {
        match self {
            Self { weight: Some(Change::Lora(factors)), dora: None, taken: None, bias: None } => Some(factors),
            _ => None,
        }
    }

    /// Changes `to`, which began as the pristine module and may hold other adapters' changes already.
    pub(super) fn apply(&self, to: &mut Parameters, pristine: &Parameters, strength: f32) {
        if let Some(taken) = &self.taken {
            add_scaled(&mut to.weight.values, -1.0, &taken.matrix());
        }
        match (&self.weight, &self.dora) {
            (None, _) => {}
            (Some(Change::Lora(factors)), None) => factors.add_to(&mut to.weight, strength),
            (Some(Change::Full(full)), _) => full.add_to(&mut to.weight.values, &pristine.weight.values, strength),
            // PEFT's: of what is there by now.
            (Some(change @ (Change::Oft(_) | Change::Boft(_) | Change::Hra(_) | Change::Ia3(_))), _)
                if is_of_peft(change) =>
            {
                multiply(change, to, strength);
            }
            // LyCORIS': of the pristine weight, as a difference.
            (Some(change @ (Change::Oft(_) | Change::Boft(_) | Change::Hra(_) | Change::Ia3(_))), _) => {
                let mut changed = pristine.clone();
                multiply(change, &mut changed, strength);
                add_scaled(&mut to.weight.values, 1.0, &changed.weight.values);
                add_scaled(&mut to.weight.values, -1.0, &pristine.weight.values);
            }
            (Some(change), dora) => {
                let (difference, bias) = difference(change, pristine);
                if let (Some(change), Some(to)) = (bias, &mut to.bias) {
                    add_scaled(&mut to.values, strength, &change);
                }
                match dora {
                    None => add_scaled(&mut to.weight.values, strength, &difference),
                    Some(dora) => dora.apply(&mut to.weight.values, &pristine.weight, &difference, strength),
                }
            }
        }
        if let (Some(change), Some(bias), Some(pristine)) = (&self.bias, &mut to.bias, &pristine.bias) {
            change.add_to(&mut bias.values, &pristine.values, strength);
        }
    }
}

/// Whether a kind that multiplies is PEFT's.
fn is_of_peft(change: &Change) -> bool {
    match change {
        Change::Oft(oft) => oft.on_inputs,
        Change::Boft(boft) => boft.on_inputs,
        Change::Ia3(ia3) => ia3.with_bias,
        _ => true,
    }
}

/// What is added to weight and bias at strength 1.
pub(super) fn difference(change: &Change, pristine: &Parameters) -> (Vec<f32>, Option<Vec<f32>>) {
    match change {
        Change::Lora(lora) => (lora.difference(), None),
        Change::Loha(loha) => (loha.difference(), None),
        Change::Lokr(lokr) => {
            let kernel = pristine.weight.shape.get(2..).unwrap_or_default().iter().product();
            (lokr.difference(kernel), None)
        }
        Change::Glora(glora) => glora.difference(&pristine.weight, pristine.bias.as_ref()),
        Change::Hira(hira) => (hira.difference(&pristine.weight), None),
        Change::Miss(miss) => (miss.difference(&pristine.weight), None),
        Change::Full(_) | Change::Oft(_) | Change::Boft(_) | Change::Hra(_) | Change::Ia3(_) => {
            (vec![0.0; pristine.weight.values.len()], None)
        }
    }
}

/// Multiplies weight and bias. What has no strength of its own is mixed with what was there: `(1 - s) W + s W'`.
fn multiply(change: &Change, to: &mut Parameters, strength: f32) {
    let before = to.clone();
    let (_, columns) = sides(&to.weight);
    let mix = match change {
        Change::Oft(oft) => {
            oft.apply(&mut to.weight, strength);
            false
        }
        Change::Boft(boft) => {
            boft.apply(&mut to.weight, strength);
            false
        }
        Change::Hra(hra) => {
            hra.apply(&mut to.weight.values, columns);
            true
        }
        Change::Ia3(ia3) => {
            ia3.apply(&mut to.weight, to.bias.as_mut());
            true
        }
        _ => false,
    };
    if mix && strength != 1.0 {
        let blend = |to: &mut HostTensor, before: &HostTensor| {
            to.values.iter_mut().zip(&before.values).for_each(|(to, before)| *to = before + strength * (*to - before));
        };
        blend(&mut to.weight, &before.weight);
        if let (Some(to), Some(before)) = (&mut to.bias, &before.bias) {
            blend(to, before);
        }
    }
}
