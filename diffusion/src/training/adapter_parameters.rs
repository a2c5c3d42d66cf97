//! An adapter's parameters as one vector. The network sees the weights that they make of the base's: gradients of those come
//! back, and become the parameters' by each kind's chain rule.
//!
//! Tests: in `tests/it/training.rs`, `tests/it/adapter_gradients.rs`.

use std::collections::BTreeSet;

use crate::adapter::{Adapter, Parameters, compose};
use crate::error::{AdapterError, Result, TrainingError};
use crate::state::{HostTensor, StateDict};

use super::input_dropout::{Dropout, Masks};
use super::layout::Layout;

/// The parameters of an adapter on a frozen network.
#[derive(Debug, Clone)]
pub struct AdapterParameters {
    initial: Adapter,
    /// Weights and biases of the adapted modules, as the base has them.
    pristine: StateDict,
    /// Names of those that the adapter changes.
    touched: BTreeSet<String>,
    layout: Layout,
}

/// The names of a module's weight and bias.
fn names(path: &str) -> [String; 2] {
    ["weight", "bias"].map(|end| format!("{path}.{end}"))
}

impl AdapterParameters {
    /// Those of an adapter of this base, in the order of the modules' paths.
    ///
    /// # Errors
    /// A module that the base does not have; an adapter without any; one that is taken out of the base
    /// ([`Adapter::untaken`] makes another of it).
    pub fn new(adapter: &Adapter, base: &StateDict) -> Result<Self> {
        let (mut layout, mut pristine, mut touched) = (Layout::default(), StateDict::new(), BTreeSet::new());
        for (path, update) in &adapter.modules {
            if update.taken.is_some() {
                let kind = "LoRA that began as a part of the base";
                return Err(TrainingError::Kind { path: path.clone(), kind }.into());
            }
            let names = names(path);
            if !base.contains_key(&names[0]) {
                let known = base.keys().find_map(|name| name.strip_suffix(".weight")).unwrap_or_default().to_owned();
                return Err(AdapterError::UnknownModules { paths: vec![path.clone()], known }.into());
            }
            for (name, touches) in names.into_iter().zip(update.touches()) {
                if let Some(tensor) = base.get(&name) {
                    pristine.insert(name.clone(), tensor.clone());
                    if touches {
                        touched.insert(name);
                    }
                }
            }
            for (name, tensor) in update.tensors() {
                layout.push(format!("{path}.{name}"), tensor.shape.clone());
            }
        }
        if layout.is_empty() {
            return Err(AdapterError::Empty.into());
        }
        Ok(Self { initial: adapter.clone(), pristine, touched, layout })
    }

    /// Where each lies in the vector.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Weights and biases of the adapted modules, as the base has them.
    pub fn pristine(&self) -> &StateDict {
        &self.pristine
    }

    /// Names of the weights and biases that the adapter changes.
    pub fn touched(&self) -> &BTreeSet<String> {
        &self.touched
    }

    /// What a job drops of the inputs of the weights that the adapter changes.
    pub fn masks(&self, dropout: Dropout) -> Masks {
        dropout.masks(self.touched.iter().filter_map(|name| self.pristine.get_key_value(name)))
    }

    /// The vector that training begins with, `[len]`.
    pub fn initial(&self) -> Vec<f32> {
        self.vector(&self.initial)
    }

    fn vector(&self, adapter: &Adapter) -> Vec<f32> {
        let mut values = vec![0.0; self.layout.len()];
        let tensors = adapter.modules.values().flat_map(|update| update.tensors());
        for (slot, (_, tensor)) in self.layout.slots().iter().zip(tensors) {
            values[slot.range.clone()].copy_from_slice(&tensor.values);
        }
        values
    }

    /// The adapter with these parameters, `[len]`.
    ///
    /// # Errors
    /// [`TrainingError::Length`].
    pub fn adapter(&self, values: &[f32]) -> Result<Adapter> {
        self.layout.check(values)?;
        let mut adapter = self.initial.clone();
        let mut slots = self.layout.slots().iter().map(|slot| &values[slot.range.clone()]);
        for update in adapter.modules.values_mut() {
            let count = update.tensors().len();
            update.set_values(slots.by_ref().take(count));
        }
        Ok(adapter)
    }

    /// The weights and biases that an adapter of these parameters changes.
    pub fn changed(&self, adapter: &Adapter) -> StateDict {
        let mut changed = compose(&self.pristine, [(adapter, 1.0)], []);
        changed.retain(|name, _| self.touched.contains(name));
        changed
    }

    /// The gradients of the parameters of an adapter, `[len]`, from those of the weights and biases that it changes. What is
    /// not in `found` has gradient zero: the loss does not depend on it.
    pub fn gradients(&self, adapter: &Adapter, found: &StateDict) -> Vec<f32> {
        let mut values = vec![0.0; self.layout.len()];
        let mut slots = self.layout.slots().iter();
        for (path, update) in &adapter.modules {
            let slots = slots.by_ref().take(update.tensors().len());
            let [weight, bias] = names(path);
            let Some(pristine) = self.pristine.get(&weight) else { continue };
            let pristine = Parameters { weight: pristine.clone(), bias: self.pristine.get(&bias).cloned() };
            let of = |name: &String, before: Option<&HostTensor>| match (found.get(name), before) {
                (Some(gradient), _) => gradient.values.clone(),
                (None, before) => vec![0.0; before.map_or(0, |before| before.values.len())],
            };
            let [weight, bias] = [of(&weight, Some(&pristine.weight)), of(&bias, pristine.bias.as_ref())];
            let gradients = update.gradients(&pristine, [&weight, &bias]);
            slots.zip(gradients).for_each(|(slot, gradient)| values[slot.range.clone()].copy_from_slice(&gradient));
        }
        values
    }
}
