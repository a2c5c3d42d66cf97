//! A model's parameters by name, on the host, in the layout of the weights file.
//!
//! Tests: `tests/it/base_files.rs`.

use std::collections::BTreeMap;

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
