//! Composing adapters from the pristine base, and merging.
//!
//! Tests: `tests/it/lora.rs`, `tests/it/adapter_kinds.rs`.

use std::collections::BTreeMap;

use crate::state::StateDict;

use super::change::{Parameters, Update};
use super::matrix::norm;
use super::modules::Adapter;

/// The weights and biases that `adapters` change, from the pristine base, one after the other: what PEFT's kinds multiply
/// is what those before have made; all others add what they make of the pristine weight, whose order does not matter.
/// `touch` names further modules to give back (those an earlier composition had changed).
pub fn compose<'a>(
    base: &StateDict,
    adapters: impl IntoIterator<Item = (&'a Adapter, f32)>,
    touch: impl IntoIterator<Item = &'a String>,
) -> StateDict {
    let mut updates: BTreeMap<&String, Vec<(&Update, f32)>> =
        touch.into_iter().map(|path| (path, Vec::new())).collect();
    for (adapter, strength) in adapters {
        for (path, update) in &adapter.modules {
            updates.entry(path).or_default().push((update, strength));
        }
    }
    let mut changed = StateDict::new();
    for (path, updates) in updates {
        let names = [format!("{path}.weight"), format!("{path}.bias")];
        let [Some(weight), bias] = [0, 1].map(|i| base.get(&names[i])) else { continue };
        let pristine = Parameters { weight: weight.clone(), bias: bias.cloned() };
        let mut module = pristine.clone();
        updates.iter().for_each(|(update, strength)| update.apply(&mut module, &pristine, *strength));
        let [weight, bias] = names;
        changed.insert(weight, module.weight);
        changed.extend(module.bias.map(|values| (bias, values)));
    }
    changed
}

/// Frobenius norm of what an update adds to the weight of a module at strength 1; nothing where the base's own values are
/// needed and are not there.
pub fn update_norm(base: &StateDict, path: &str, update: &Update) -> Option<f32> {
    if let Some(factors) = update.lora() {
        // Without an [out, in] matrix.
        return Some(factors.update_norm());
    }
    let name = format!("{path}.weight");
    let pristine = base.get(&name).filter(|weight| !weight.values.is_empty())?;
    let alone = Adapter { modules: [(path.to_owned(), update.clone())].into(), ..Adapter::default() };
    let changed = compose(base, [(&alone, 1.0)], []);
    let differences = changed.get(&name)?.values.iter().zip(&pristine.values).map(|(w, pristine)| w - pristine);
    Some(norm(&differences.collect::<Vec<_>>()))
}

/// The whole base with the adapters baked in. The base itself stays as it was: unmerging is using it again.
pub fn merge<'a>(base: &StateDict, adapters: impl IntoIterator<Item = (&'a Adapter, f32)>) -> StateDict {
    let mut merged = base.clone();
    merged.extend(compose(base, adapters, []));
    merged
}
