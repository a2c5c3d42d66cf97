//! What is passed over. Tests: `listing/tests.rs`.

use crate::data::levels;

/// Files that are no pictures.
#[derive(Debug, Default)]
pub struct PassedOver {
    names: Vec<String>,
    pub loops: Vec<String>,
}

impl PassedOver {
    pub fn add(&mut self, name: &str) {
        self.names.push(name.to_owned());
    }

    pub fn told(self) -> Vec<String> {
        let mut told = Vec::new();
        if !self.names.is_empty() {
            let (files, are) = if self.names.len() == 1 {
                ("file", "is no picture and is")
            } else {
                ("files", "are no pictures and are")
            };
            told.push(format!("{} {files} {are} passed over: {}", self.names.len(), levels::told(&self.names)));
        }
        if !self.loops.is_empty() {
            told.push(format!("a link to a folder around it is no class: {}", levels::told(&self.loops)));
        }
        told
    }
}
