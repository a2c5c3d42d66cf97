//! Which modules a configuration of PEFT is for: `target_modules`, `exclude_modules`, `layers_to_transform` and
//! `layers_pattern`.
//!
//! The tensors say what an adapter changes. PEFT leaves out silently what these settings leave out, so that a file whose
//! settings and tensors contradict each other would draw one thing there and another here: it is refused.
//!
//! Tests: `tests/it/patterns.rs`, against PEFT's `check_target_module_exists`.

use serde_json::Value;

use crate::error::{AdapterError, Result};

use super::config::PeftConfig;
use super::patterns::{pattern, refuse};

impl PeftConfig {
    /// Refuses a module that the settings leave out. `path`: as PEFT knows it.
    pub(super) fn must_target(&self, path: &str) -> Result<()> {
        match self.leaves_out(path)? {
            None => Ok(()),
            Some(setting) => Err(AdapterError::NotTargeted { path: path.to_owned(), setting }.into()),
        }
    }

    /// The rank that the settings give a module.
    pub(super) fn rank_of(&self, path: &str) -> Result<usize> {
        Ok(self.rank_pattern.matching(path)?.copied().unwrap_or(self.r).max(1))
    }

    /// Whether (IA)³ multiplies the module's inputs: `feedforward_modules`, a pattern of the whole path, or endings, which
    /// PEFT takes from any letter on.
    pub(super) fn is_feedforward(&self, path: &str) -> Result<bool> {
        match self.settings.get("feedforward_modules") {
            Some(Value::String(text)) => Ok(pattern(text, text)?.find(path, true, "").map_err(refuse(text))?.is_some()),
            Some(Value::Array(names)) => Ok(names.iter().filter_map(Value::as_str).any(|name| path.ends_with(name))),
            _ => Ok(false),
        }
    }

    /// The setting that leaves a module out.
    fn leaves_out(&self, path: &str) -> Result<Option<&'static str>> {
        if named(&self.exclude_modules, path)? == Some(true) {
            return Ok(Some("exclude_modules"));
        }
        if self.target_modules.as_str() == Some("all-linear") {
            return Ok(None);
        }
        if named(&self.target_modules, path)? == Some(false) {
            return Ok(Some("target_modules"));
        }
        // A path that stands there as a whole is taken whatever its layer is; so is what a pattern names.
        let Value::Array(names) = &self.target_modules else { return Ok(None) };
        if names.iter().any(|name| name == path) {
            return Ok(None);
        }
        let layers = match &self.layers_to_transform {
            Value::Array(layers) => layers.as_slice(),
            Value::Null => &[],
            one => std::slice::from_ref(one),
        };
        if layers.is_empty() {
            return Ok(None);
        }
        let layer = self.layer(path)?;
        let taken = layer.is_some_and(|layer| layers.iter().any(|number| number.as_u64() == Some(layer)));
        Ok((!taken).then_some("layers_to_transform"))
    }

    /// Number of the layer that a module stands in.
    fn layer(&self, path: &str) -> Result<Option<u64>> {
        let names: Vec<&str> = match &self.layers_pattern {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            Value::String(name) if !name.is_empty() => vec![name],
            _ => vec![],
        };
        let mut patterns: Vec<(String, &str)> =
            names.iter().map(|name| (format!(r"(?:^|.*?\.){name}\.(?P<idx>\d+)\."), *name)).collect();
        if patterns.is_empty() {
            patterns.push((r".*?\.[^.]*\.(?P<idx>\d+)\.".to_owned(), ""));
        }
        for (text, name) in patterns {
            if let Some(group) = pattern(&text, name)?.find(path, false, "idx").map_err(refuse(name))? {
                return Ok(group.and_then(|digits| digits.parse().ok()));
            }
        }
        Ok(None)
    }
}

/// Whether a path is one of these names (endings from a dot on), or matches this pattern as a whole; nothing where there
/// are none.
fn named(names: &Value, path: &str) -> Result<Option<bool>> {
    Ok(match names {
        Value::Array(names) if !names.is_empty() => Some(
            names
                .iter()
                .filter_map(Value::as_str)
                .any(|name| path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))),
        ),
        Value::String(text) if !text.is_empty() => {
            Some(pattern(text, text)?.find(path, true, "").map_err(refuse(text))?.is_some())
        }
        _ => None,
    })
}
