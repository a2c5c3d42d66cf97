//! The tensors of one module on their way from a file.
//!
//! Tests: `tests/it/adapter_kinds.rs`, `tests/it/lora_files.rs`.

use crate::error::{AdapterError, Error, Result};
use crate::state::HostTensor;

use super::config::PeftConfig;
use super::names::{ALPHA, Role};

/// The tensors of one module, and what is known of it.
pub(super) struct Module<'a> {
    /// The path in the base.
    pub path: &'a str,
    /// The path as PEFT knows it, which patterns are matched against.
    pub full: &'a str,
    /// The base's weight; without values where the base is not there.
    pub pristine: &'a HostTensor,
    /// Its shape.
    pub weight: &'a [usize],
    /// Whether the base has a bias there.
    pub has_bias: bool,
    /// The configuration, where there is one.
    pub config: Option<&'a PeftConfig>,
    /// Whether its names are PEFT's, where alpha cannot be left out.
    pub is_peft: bool,
    /// What is not taken yet.
    pub tensors: Tensors,
}

/// Tensors by what they are for; of a module there are few.
#[derive(Default)]
pub(super) struct Tensors(Vec<(Role, HostTensor)>);

impl Tensors {
    /// Of another role than those that are there.
    pub fn add(&mut self, role: Role, tensor: HostTensor) {
        self.0.push((role, tensor));
    }

    pub fn get(&self, role: Role) -> Option<&HostTensor> {
        self.iter().find(|(known, _)| *known == role).map(|(_, tensor)| tensor)
    }

    pub fn take(&mut self, role: Role) -> Option<HostTensor> {
        let at = self.0.iter().position(|(known, _)| *known == role)?;
        Some(self.0.remove(at).1)
    }

    pub fn has(&self, role: Role) -> bool {
        self.get(role).is_some()
    }

    pub fn roles(&self) -> impl Iterator<Item = Role> {
        self.0.iter().map(|(role, _)| *role)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Role, &HostTensor)> {
        self.0.iter().map(|(role, tensor)| (*role, tensor))
    }
}

impl<'a> Module<'a> {
    /// A tensor, if it is there.
    pub fn take(&mut self, role: Role) -> Option<HostTensor> {
        self.tensors.take(role)
    }

    /// A tensor that must be there, because another is.
    pub fn need(&mut self, missing: Role, has: Role) -> Result<HostTensor> {
        self.take(missing)
            .ok_or_else(|| AdapterError::MissingTensor { path: self.path.to_owned(), has, missing }.into())
    }

    /// The outputs.
    pub fn rows(&self) -> usize {
        self.weight.first().copied().unwrap_or(0)
    }

    /// What is in a row: inputs, times the entries of a kernel.
    pub fn columns(&self) -> usize {
        self.weight.iter().skip(1).product()
    }

    /// The inputs.
    pub fn inputs(&self) -> usize {
        self.weight.get(1).copied().unwrap_or(1)
    }

    /// Refuses a tensor whose shape is not what the base's weight asks for.
    pub fn must(&self, fits: bool, tensor: Role, found: &HostTensor) -> Result<()> {
        if fits && !found.values.is_empty() {
            return Ok(());
        }
        Err(self.misfit(tensor, found))
    }

    /// That a tensor's shape is not what the base's weight asks for.
    pub fn misfit(&self, tensor: Role, found: &HostTensor) -> Error {
        let (path, weight) = (self.path.to_owned(), self.weight.into());
        AdapterError::TensorShape { path, tensor, found: found.shape.clone(), weight }.into()
    }

    /// alpha over the rank (or its root).
    pub fn scaling(&mut self, rank: usize) -> Result<f32> {
        let alpha = self.take(ALPHA).map(|alpha| if let [alpha] = alpha.values[..] { alpha } else { f32::NAN });
        let scaling = match (alpha, self.config) {
            (Some(alpha), _) => alpha / rank as f32,
            (None, Some(config)) => config.scaling(self.full, rank)?,
            (None, None) if !self.is_peft => 1.0,
            (None, None) => return Err(AdapterError::UnknownAlpha.into()),
        };
        let scaling = scaling * self.take("scalar").map_or(1.0, |scalar| scalar.values.first().copied().unwrap_or(1.0));
        if !scaling.is_finite() || scaling == 0.0 {
            return Err(AdapterError::Alpha { path: self.path.to_owned() }.into());
        }
        Ok(scaling)
    }

    /// The configuration, without which this kind means nothing.
    pub fn configured(&self, kind: &'static str) -> Result<&'a PeftConfig> {
        self.config.ok_or_else(|| AdapterError::Unconfigured { kind }.into())
    }
}
