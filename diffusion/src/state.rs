//! A model's parameters by name, on the host, in the layout of the weights file.
//!
//! Differences between the module tree and the file: Linear weights are `[in, out]` in the module and
//! `[out, in]` in the file (they are the only rank-2 parameters); LayerNorm calls its parameters gamma
//! and beta in the module; `ff.proj_in` and `ff.proj_out` are `ff.net.0.proj` and `ff.net.2` in the file.

#[cfg(feature = "burn")]
mod module;

use std::collections::BTreeMap;

#[cfg(feature = "burn")]
pub(crate) use module::write_state;
#[cfg(feature = "burn")]
pub use module::{load_state, read_state, shapes, stable_id};

/// One parameter on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Shape in the file's layout.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub values: Vec<f32>,
}

impl HostTensor {
    /// Swaps rows and columns of a matrix; anything else stays as it is.
    pub fn transposed(&self) -> Self {
        let [rows, columns] = self.shape[..] else { return self.clone() };
        let mut values = Vec::with_capacity(self.values.len());
        for column in 0..columns {
            values.extend((0..rows).map(|row| self.values[row * columns + column]));
        }
        Self { shape: vec![columns, rows], values }
    }
}

/// Parameters by the names of the weights file.
pub type StateDict = BTreeMap<String, HostTensor>;

/// The file's name of the parameter at a module path.
pub fn file_name(path: &str) -> String {
    let name = path.replace(".ff.proj_in.", ".ff.net.0.proj.").replace(".ff.proj_out.", ".ff.net.2.");
    match name.rsplit_once('.') {
        Some((module, "gamma")) => format!("{module}.weight"),
        Some((module, "beta")) => format!("{module}.bias"),
        _ => name,
    }
}
