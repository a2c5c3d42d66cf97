//! Composing adapters from the pristine base, and merging.
//!
//! Tests: `tests/it/lora.rs`, `tests/it/adapter_kinds.rs`.

use crate::state::StateDict;

use super::change::{Parameters, Update};
use super::matrix::{add_scaled, norm};
use super::modules::Adapter;

/// The weights and biases that `adapters` change, from the pristine base, one after the other: what PEFT's kinds multiply
/// is what those before have made; all others add what they make of the pristine weight, whose order does not matter.
/// `touch` names further modules to give back (those an earlier composition had changed).
pub fn compose<'a>(
    base: &StateDict,
    adapters: impl IntoIterator<Item = (&'a Adapter, f32)>,
    touch: impl IntoIterator<Item = &'a String>,
) -> StateDict {
    let adapters: Vec<_> = adapters.into_iter().collect();
    composed(base, &adapters, touch.into_iter().collect())
}

fn composed<'a>(base: &StateDict, adapters: &[(&'a Adapter, f32)], mut paths: Vec<&'a String>) -> StateDict {
    for (adapter, _) in adapters {
        paths.extend(adapter.modules.keys());
    }
    let mut changed = StateDict::new();
    for path in paths {
        let names = [format!("{path}.weight"), format!("{path}.bias")];
        let [Some(weight), bias] = [0, 1].map(|i| base.get(&names[i])) else { continue };
        if changed.contains_key(&names[0]) {
            continue;
        }
        let pristine = Parameters { weight: weight.clone(), bias: bias.cloned() };
        let mut module = pristine.clone();
        for (adapter, strength) in adapters {
            if let Some(update) = adapter.modules.get(path) {
                update.apply(&mut module, &pristine, *strength);
            }
        }
        let [weight, bias] = names;
        changed.insert(weight, module.weight);
        if let Some(values) = module.bias {
            changed.insert(bias, values);
        }
    }
    changed
}

/// The tensor that an update is measured by: the module's weight, or its bias where that alone is changed.
pub(crate) fn measured(path: &str, update: &Update) -> String {
    format!("{path}.{}", if update.is_of_bias() { "bias" } else { "weight" })
}

/// Frobenius norm of what an update adds to the weight of a module at strength 1, or to the bias where that alone is
/// changed; nothing where the base's own values are needed and are not there.
pub fn update_norm(base: &StateDict, path: &str, update: &Update) -> Option<f32> {
    if let Some(factors) = update.lora() {
        // Without an [out, in] matrix.
        return Some(factors.update_norm());
    }
    let name = measured(path, update);
    let pristine = base.get(&name).filter(|weight| !weight.values.is_empty())?;
    let whole = Parameters {
        weight: base.get(&format!("{path}.weight"))?.clone(),
        bias: base.get(&format!("{path}.bias")).cloned(),
    };
    let mut changed = whole.clone();
    update.apply(&mut changed, &whole, 1.0);
    let mut changed = if update.is_of_bias() { changed.bias? } else { changed.weight };
    add_scaled(&mut changed.values, -1.0, &pristine.values);
    Some(norm(&changed.values))
}

/// The whole base with the adapters baked in. The base itself stays as it was: unmerging is using it again.
pub fn merge<'a>(base: &StateDict, adapters: impl IntoIterator<Item = (&'a Adapter, f32)>) -> StateDict {
    let mut merged = base.clone();
    merged.extend(compose(base, adapters, []));
    merged
}
