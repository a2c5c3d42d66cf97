//! The adapter that a run began with, as a checkpoint keeps it.
//!
//! Tests: `tests/it/adapter_run.rs`.

use crate::adapter::Adapter;
use crate::base::Base;
use crate::error::Result;
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
    /// An adapter that PEFT has no names for, or that cannot be read without further settings.
    pub fn of(adapter: &Adapter, base: &Base) -> Result<(Self, Adapter)> {
        let config = PeftConfig::describing(adapter);
        let file = write_adapter(adapter, &config, "", Precision::F32)?;
        let beginning = Self { tensors: read_tensors(&file)?.0, config: config.to_json() };
        let adapter = modules_of(&file, &beginning.config, base)?;
        Ok((beginning, adapter))
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

/// Without what only a file has.
fn modules_of(file: &[u8], config: &str, base: &Base) -> Result<Adapter> {
    let Adapter { modules, .. } = read_adapter(file, Some(config), &base.state)?;
    Ok(Adapter { modules, ..Adapter::default() })
}
