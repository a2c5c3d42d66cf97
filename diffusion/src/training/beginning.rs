//! The adapter that a run began with, as a checkpoint keeps it.
//!
//! Tests: `tests/it/adapter_run.rs`.

use crate::adapter::{Adapter, Change, Update};
use crate::base::Base;
use crate::error::{Result, TrainingError};
use crate::peft::{PeftConfig, read_adapter, write_adapter};
use crate::state::StateDict;
use crate::tensors::{Metadata, Precision, read_tensors, write_tensors};

/// An adapter as it is kept: PEFT's file of it, and `adapter_config.json`.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// By PEFT's names.
    pub tensors: StateDict,
    /// `adapter_config.json`.
    pub config: String,
}

impl Beginning {
    /// The adapter as it will be read again, which is what is trained: the scaling that an alpha gives may be off by a
    /// rounding error.
    ///
    /// # Errors
    /// An adapter that PEFT has no names for, or that is another when it is read without settings of its own.
    pub fn of(adapter: &Adapter, base: &Base) -> Result<(Self, Adapter)> {
        let config = PeftConfig::describing(adapter);
        let file = write_adapter(adapter, &config, "", Precision::F32)?;
        let beginning = Self { tensors: read_tensors(&file)?.0, config: config.to_json() };
        let read = modules_of(&file, &beginning.config, base).unwrap_or_default();
        for (path, update) in &adapter.modules {
            if !read.modules.get(path).is_some_and(|read| is_same(update, read)) {
                return Err(TrainingError::Kind { path: path.clone(), kind: update.kind() }.into());
            }
        }
        Ok((beginning, read))
    }

    /// The adapter.
    ///
    /// # Errors
    /// Tensors of a checkpoint that are no adapter of this base.
    pub fn adapter(&self, base: &Base) -> Result<Adapter> {
        let file = write_tensors(&self.tensors, Metadata::new(), Precision::F32)?;
        modules_of(&file, &self.config, base)
    }
}

/// Whether an update is the same but for a rounding error of its scaling.
fn is_same(update: &Update, read: &Update) -> bool {
    let mut read = read.clone();
    let scaling = match (&update.weight, &mut read.weight) {
        (Some(Change::Lora(one)), Some(Change::Lora(other))) => Some((one.scaling, &mut other.scaling)),
        (Some(Change::Loha(one)), Some(Change::Loha(other))) => Some((one.scaling, &mut other.scaling)),
        (Some(Change::Lokr(one)), Some(Change::Lokr(other))) => Some((one.scaling, &mut other.scaling)),
        _ => None,
    };
    if let Some((one, other)) = scaling
        && (one - *other).abs() <= 1e-6 * one.abs()
    {
        *other = one;
    }
    *update == read
}

/// Without what only a file has.
fn modules_of(file: &[u8], config: &str, base: &Base) -> Result<Adapter> {
    let Adapter { modules, .. } = read_adapter(file, Some(config), &base.state)?;
    Ok(Adapter { modules, ..Adapter::default() })
}
