//! Adapters made plainer: what began as a part of the base as LoRA, whole layers as differences, any change as the
//! difference that it makes.
//!
//! Tests: `tests/it/conversions.rs`.

use crate::state::{HostTensor, StateDict};

use super::change::{Change, Update};
use super::compose::compose;
use super::full::Full;
use super::lora::LoraFactors;
use super::modules::Adapter;

impl Adapter {
    /// The same adapter without [`Update::taken`]: PiSSA and OLoRA become LoRA of twice the rank,
    /// `[c B, -B_0] [A; A_0]`, as PEFT's own conversion has it (`save_pretrained` with
    /// `path_initial_model_for_weight_conversion`). At strengths other than 1 it takes less out of the base than before.
    #[must_use]
    pub fn untaken(mut self) -> Self {
        for update in self.modules.values_mut() {
            let (Some(Change::Lora(factors)), Some(taken)) = (&mut update.weight, update.taken.take()) else {
                continue;
            };
            let [mut b, a] = taken.factors;
            b.values.iter_mut().for_each(|value| *value = -*value);
            factors.append(1.0, LoraFactors { a, b, scaling: 1.0 });
        }
        self
    }

    /// The same adapter with differences in place of whole layers and biases, for dialects that have no other name for
    /// them. At strengths between 0 and 1 it is between the two then.
    #[must_use]
    pub fn with_differences(mut self, base: &StateDict) -> Self {
        let difference = |full: &mut Full, name: String| {
            if let (Full::Replacement(tensor), Some(pristine)) = (&*full, base.get(&name)) {
                let values = tensor.values.iter().zip(&pristine.values).map(|(new, old)| new - old).collect();
                *full = Full::Difference(HostTensor { shape: pristine.shape.clone(), values });
            }
        };
        for (path, update) in &mut self.modules {
            if let Some(Change::Full(full)) = &mut update.weight {
                difference(full, format!("{path}.weight"));
            }
            if let Some(full) = &mut update.bias {
                difference(full, format!("{path}.bias"));
            }
        }
        self
    }

    /// What it makes of the base at strength 1, as whole differences; modules that it leaves as they are are not in it.
    #[must_use]
    pub fn differences(&self, base: &StateDict) -> Self {
        let plain = self.clone().untaken();
        let mut all = differences(base, &compose(base, [(&plain, 1.0)], []));
        // Without what the sum of a large weight and a small change loses.
        for (path, update) in &plain.modules {
            let difference = match (&update.weight, &update.dora) {
                (Some(Change::Lora(factors)), None) => base.get(&format!("{path}.weight")).map(|weight| {
                    Full::Difference(HostTensor { shape: weight.shape.clone(), values: factors.difference() })
                }),
                (Some(Change::Full(full @ Full::Difference(_))), None) => Some(full.clone()),
                _ => None,
            };
            if let (Some(difference), Some(update)) = (difference, all.modules.get_mut(path)) {
                update.weight = Some(Change::Full(difference));
            }
        }
        let (base_sha256, turbo) = (self.base_sha256.clone(), self.turbo.clone());
        Self { base_sha256, turbo, guidance_scale: self.guidance_scale, ..all }
    }
}

impl LoraFactors {
    /// Factors of the sum of this change and `factor` times another's: `[c B, f d B'] [A; A']`, with a scaling of 1.
    pub(super) fn append(&mut self, factor: f32, other: Self) {
        let (mine, theirs) = (self.rank(), other.rank());
        let scaled = |values: &[f32], factor: f32| -> Vec<f32> { values.iter().map(|value| factor * value).collect() };
        let own = scaled(&self.b.values, self.scaling);
        let added = scaled(&other.b.values, factor * other.scaling);
        let rows = own.chunks_exact(mine.max(1)).zip(added.chunks_exact(theirs.max(1)));
        self.b.values = rows.flat_map(|(own, added)| own.iter().chain(added)).copied().collect();
        self.b.shape[1] = mine + theirs;
        self.a.values.extend(other.a.values);
        self.a.shape[0] = mine + theirs;
        self.scaling = 1.0;
    }
}

/// What has to be added to a base's weights and biases to get `changed`'s, module by module; those that are the same in
/// both, or not in both in one shape, are left out.
#[must_use]
pub fn differences(base: &StateDict, changed: &StateDict) -> Adapter {
    let difference = |name: &str| {
        let (old, new) = (base.get(name)?, changed.get(name).filter(|new| new.shape == base[name].shape)?);
        let values: Vec<f32> = new.values.iter().zip(&old.values).map(|(new, old)| new - old).collect();
        values.iter().any(|value| *value != 0.0).then(|| HostTensor { shape: old.shape.clone(), values })
    };
    let mut adapter = Adapter::default();
    for path in changed.keys().filter_map(|name| name.strip_suffix(".weight")) {
        let [weight, bias] = ["weight", "bias"].map(|end| difference(&format!("{path}.{end}")));
        if weight.is_some() || bias.is_some() {
            adapter.modules.insert(path.to_owned(), whole(weight, bias));
        }
    }
    adapter
}

fn whole(weight: Option<HostTensor>, bias: Option<HostTensor>) -> Update {
    let weight = weight.map(|weight| Change::Full(Full::Difference(weight)));
    Update { weight, dora: None, taken: None, bias: bias.map(Full::Difference) }
}
