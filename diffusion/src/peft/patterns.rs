//! `rank_pattern` and `alpha_pattern`: values by patterns of module paths, in the file's order.
//!
//! Tests: `tests/it/patterns.rs`, `tests/it/lora_files.rs`.

use serde::Serialize;

use crate::error::{ConfigError, Error, Result};
use crate::order::in_order;

use super::names::CONFIG_FILE as FILE;
use super::pattern::Pattern;

/// Values by pattern. Of the patterns that match a path, the first one counts, so their order does, too.
#[derive(Debug, Clone, PartialEq)]
pub struct Patterns<T>(Vec<(String, T)>);

impl<T> Default for Patterns<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<(String, T)> for Patterns<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(entries: I) -> Self {
        let mut patterns = Self::default();
        entries.into_iter().for_each(|(key, value)| patterns.set(key, value));
        patterns
    }
}

impl<T> Patterns<T> {
    /// Patterns and values, the first ones first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// As Python's dict has it: a key keeps its first place and its last value.
    pub(super) fn set(&mut self, key: String, value: T) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    /// The value for a module: that of the first pattern which matches the end of its path, from a dot on or all of it
    /// (PEFT's `get_pattern_key`).
    ///
    /// # Errors
    /// A key that is no pattern, or one that is not supported.
    pub fn matching(&self, path: &str) -> Result<Option<&T>> {
        for (key, value) in self.iter() {
            if pattern(&format!(r"(.*\.)?({key})$"), key)
                .and_then(|pattern| pattern.matches(path).map_err(refuse(key)))?
            {
                return Ok(Some(value));
            }
        }
        Ok(self.iter().find(|(key, _)| *key == path).map(|(_, value)| value))
    }

    /// The same values with the patterns in alphabetical order, as PEFT writes them.
    pub(super) fn sorted(&self) -> Self
    where
        T: Clone,
    {
        let order = in_order(self.0.len(), &|a, b| self.0[a].0 < self.0[b].0);
        Self(order.into_iter().map(|i| self.0[i].clone()).collect())
    }
}

/// Compiles `text`, which was made of `key`.
pub(super) fn pattern(text: &str, key: &str) -> Result<Pattern> {
    Pattern::new(text).map_err(refuse(key))
}

/// Why `key` is no pattern.
pub(super) fn refuse(key: &str) -> impl Fn(&'static str) -> Error {
    move |why| {
        let reason = format!("\"{key}\" is not a pattern of Python's re that can be used: {why}");
        Error::Config { file: FILE, source: ConfigError::Invalid { reason } }
    }
}

impl<T: Serialize> Patterns<T> {
    /// As an object of JSON.
    pub(super) fn to_json(&self) -> String {
        let entry = |(key, value)| {
            // Of words and numbers, which JSON has a form for.
            let (key, value) = (serde_json::to_string(key), serde_json::to_string(value));
            format!("{}:{}", key.unwrap_or_default(), value.unwrap_or_default())
        };
        format!("{{{}}}", self.iter().map(entry).collect::<Vec<_>>().join(","))
    }
}
